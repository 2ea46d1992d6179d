using System.Net;

namespace Adcp.Aot.Network;

/// <summary>The result of a <see cref="DestinationProbe"/>. Immutable.</summary>
public sealed record DestinationReport
{
    /// <summary>Gets whether the host answered, with whatever status.</summary>
    public bool IsReachable => FailedStep == DestinationStep.None;

    /// <summary>Gets the step that failed; <see cref="DestinationStep.None"/> if an answer arrived.</summary>
    public DestinationStep FailedStep { get; init; }

    /// <summary>
    /// Gets the reason of the failure; <c>null</c> if there is none. It may name an address of this network: show it to operators only.
    /// </summary>
    public string? Fault { get; init; }

    /// <summary>Gets the addresses that the host's name resolves to; empty if it was not resolved.</summary>
    public IReadOnlyList<IPAddress> Addresses { get; init; } = [];

    /// <summary>Gets the status of the answer; 0 if there is none.</summary>
    public int StatusCode { get; init; }

    /// <summary>Gets the time from the request to the headers of the answer, with the connection's.</summary>
    public TimeSpan Elapsed { get; init; }

    /// <summary>
    /// Gets how far the host's clock is ahead of this machine's by the <c>Date</c> of the answer: negative if it is behind, zero if the
    /// difference is within the precision of the answer, <c>null</c> if the answer has no <c>Date</c>.
    /// </summary>
    public TimeSpan? ClockOffset { get; init; }

    /// <summary>Gets the body of the answer, if it was asked for.</summary>
    public ReadOnlyMemory<byte> Body { get; init; }
}
