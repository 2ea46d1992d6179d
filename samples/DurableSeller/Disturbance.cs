using System.Globalization;

namespace DurableSeller;

/// <summary>The kinds of events that a run with chaos reaches while webhooks wait.</summary>
internal enum DisturbanceKind
{
    /// <summary>SIGKILL.</summary>
    Kill,

    /// <summary>SIGSTOP, and SIGCONT when the lease has ended.</summary>
    Pause,

    /// <summary>SIGTERM: the worker finishes its attempts, and none is repeated.</summary>
    Termination,

    /// <summary>The server of the database restarts without a shutdown.</summary>
    Restart,
}

/// <summary>An event of the run.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Worker">The worker that it happened to; <c>null</c> if it happened to all.</param>
/// <param name="UnderWay">The requests of the worker that the receivers had not answered when it began.</param>
/// <param name="Start">When it began.</param>
/// <param name="End">When it was over.</param>
internal sealed record Disturbance(DisturbanceKind Kind, string? Worker, int UnderWay, DateTimeOffset Start, DateTimeOffset End)
{
    /// <summary>Gets whether a repeat of the worker's deliveries follows from it.</summary>
    public bool ExplainsRepeats { get; init; } = true;

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Kind} of {Worker ?? "the server"} from {Start:HH:mm:ss.fff} to {End:HH:mm:ss.fff}");
}
