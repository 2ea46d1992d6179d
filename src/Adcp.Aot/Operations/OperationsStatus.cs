namespace Adcp.Aot.Operations;

/// <summary>
/// The overview for operators. Members that do not apply to an implementation are null. Those of the process that delivers are null in
/// a process without a supervisor and a worker, unless they say otherwise. Immutable.
/// </summary>
public sealed record OperationsStatus
{
    /// <summary>Gets whether accepted webhooks survive the process.</summary>
    public required bool IsDurable { get; init; }

    /// <summary>
    /// Gets the attempts under way in this process; without an outbox, also the deliveries that wait for their next attempt. In a process
    /// without a worker it is the sum over the outbox's living workers, as of each one's last renewal.
    /// </summary>
    public int? InFlight { get; init; }

    /// <summary>Gets the endpoints that this process knows.</summary>
    public int? Endpoints { get; init; }

    /// <summary>Gets the endpoints whose circuit is open or half open.</summary>
    public int? OpenEndpoints { get; init; }

    /// <summary>Gets the endpoints that an operator isolated.</summary>
    public int? IsolatedEndpoints { get; init; }

    /// <summary>Gets the audit records that were dropped since the start of the process because the sink was too slow.</summary>
    public long? RecordsDropped { get; init; }

    /// <summary>Gets the webhooks in the store that wait for their first attempt.</summary>
    public long? Waiting { get; init; }

    /// <summary>Gets the webhooks in the store that wait for a later attempt.</summary>
    public long? Parked { get; init; }

    /// <summary>Gets the dead letters.</summary>
    public long? DeadLetters { get; init; }

    /// <summary>Gets the dead letters by reason; reasons that no dead letter has are left out. Empty without an outbox.</summary>
    public IReadOnlyList<DeadLetterCount> DeadByReason { get; init; } = [];

    /// <summary>
    /// Gets the results of this process that were not committed because its worker had lost their lane. Their webhooks are sent again. In
    /// a process without a worker it is the sum over the outbox's living workers, as of each one's last renewal.
    /// </summary>
    public long? FencedOff { get; init; }

    /// <summary>Gets how long the oldest webhook that is due has been due.</summary>
    public TimeSpan? OldestDue { get; init; }

    /// <summary>Gets the workers that hold a lease.</summary>
    public int? Workers { get; init; }

    /// <summary>Gets the lanes that no worker owns. Their webhooks wait.</summary>
    public int? UnownedLanes { get; init; }

    /// <summary>Gets the pause of all deliveries; <see langword="null"/> if they are not paused.</summary>
    public OperatorStop? Pause { get; init; }

    /// <summary>Gets the reason why the store's figures are missing; <see langword="null"/> if they are not.</summary>
    public string? StoreError { get; init; }

    /// <summary>Gets the attempts of the last 60 minutes in this process, the oldest minute first; empty without a history.</summary>
    public IReadOnlyList<ActivityMinute> Activity { get; init; } = [];
}
