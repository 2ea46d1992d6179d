using Adcp.Aot.Auditing;

namespace Adcp.Aot.Benchmarks.Hostile;

/// <summary>Counts records and keeps none. Its counts are read after the supervisor has stopped.</summary>
internal sealed class HostileSink : IDeliveryLogSink
{
    private readonly long[] _byOutcome = new long[Enum.GetValues<AttemptOutcome>().Length];
    private long _attempts;
    private long _others;
    private long _last;

    /// <summary>Records of attempts.</summary>
    internal long Attempts => Volatile.Read(ref _attempts);

    /// <summary>Records of deliveries that ended without another attempt.</summary>
    internal long Others => Volatile.Read(ref _others);

    /// <summary>Records after which no attempt follows: one for each delivery.</summary>
    internal long Last => Volatile.Read(ref _last);

    internal long Of(AttemptOutcome outcome) => Volatile.Read(ref _byOutcome[(int)outcome]);

    public ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken)
    {
        foreach (DeliveryAttempt attempt in attempts.Span)
        {
            Interlocked.Increment(ref attempt.IsAttempt ? ref _attempts : ref _others);
            Interlocked.Increment(ref _byOutcome[(int)attempt.Outcome]);
            if (!attempt.WillRetry)
            {
                Interlocked.Increment(ref _last);
            }
        }

        return ValueTask.CompletedTask;
    }
}
