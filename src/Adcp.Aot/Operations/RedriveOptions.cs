namespace Adcp.Aot.Operations;

/// <summary>The options of a redrive of dead letters. Immutable; a bad value throws when it is set.</summary>
public sealed record RedriveOptions
{
    private const int MaxRatePerSecond = 100_000;

    /// <summary>Gets whether only to count. Default false.</summary>
    public bool IsDryRun { get; init; }

    /// <summary>
    /// Gets whether an event whose horizon has passed is emitted again: with a new idempotency key and the same notification id. Task
    /// webhooks and webhooks without a notification id are left. Default false: whatever is outside its horizon is left.
    /// </summary>
    public bool AllowsNewKey { get; init; }

    /// <summary>
    /// Gets the most dead letters a second. 1 to 100,000. Default <see langword="null"/>, no limit. A redrive is slower while other
    /// webhooks wait in the outbox, and it waits while no worker delivers the dead letters that it moved (<see cref="RedriveWait"/>).
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 100,000.</exception>
    public int? RatePerSecond
    {
        get;
        init => field = value is { } rate ? Require.InRange(rate, 1, MaxRatePerSecond, nameof(RatePerSecond)) : null;
    }

    /// <summary>
    /// Gets the receiver of the report so far, after each step and when <see cref="DeadLetterReport.Wait"/> changes. Default
    /// <see langword="null"/>, none.
    /// </summary>
    public IProgress<DeadLetterReport>? Progress { get; init; }
}
