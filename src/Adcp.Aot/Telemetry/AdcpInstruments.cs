namespace Adcp.Aot.Telemetry;

/// <summary>The names of the instruments of the meter <see cref="AdcpTelemetry.MeterName"/>. Stable.</summary>
public static class AdcpInstruments
{
    /// <summary>Counter, <c>{attempt}</c>: attempts, and refusals by an open circuit.</summary>
    public const string Attempts = "adcp.webhook.attempts";

    /// <summary>Histogram, s: the time from the start of an attempt to its end.</summary>
    public const string AttemptDuration = "adcp.webhook.attempt.duration";

    /// <summary>Up-down counter, <c>{attempt}</c>: attempts under way.</summary>
    public const string AttemptsInFlight = "adcp.webhook.attempts.in_flight";

    /// <summary>Up-down counter, <c>{delivery}</c>: deliveries that wait for a concurrency permit.</summary>
    public const string Waiting = "adcp.webhook.deliveries.waiting";

    /// <summary>Counter, <c>{delivery}</c>: deliveries from memory that ended.</summary>
    public const string Deliveries = "adcp.webhook.deliveries";

    /// <summary>Counter, <c>{transition}</c>: changes of circuits.</summary>
    public const string BreakerTransitions = "adcp.webhook.breaker.transitions";

    /// <summary>Up-down counter, <c>{breaker}</c>: circuits that are open or isolated.</summary>
    public const string OpenBreakers = "adcp.webhook.breakers.open";

    /// <summary>Up-down counter, <c>{record}</c>: audit records that wait for the sink.</summary>
    public const string AuditQueue = "adcp.webhook.audit.queued";

    /// <summary>Counter, <c>{record}</c>: audit records that were dropped.</summary>
    public const string AuditDropped = "adcp.webhook.audit.dropped";

    /// <summary>Counter, <c>{refusal}</c>: attempts that the destination guard refused.</summary>
    public const string GuardRefusals = "adcp.webhook.guard.refusals";

    /// <summary>Counter, <c>{webhook}</c>: webhooks that a receiver answered.</summary>
    public const string Received = "adcp.webhook.received";

    /// <summary>Up-down counter, <c>{webhook}</c>: webhooks in the outbox.</summary>
    public const string OutboxWebhooks = "adcp.outbox.webhooks";

    /// <summary>Gauge, s: how long the oldest webhook that is due has been due.</summary>
    public const string OutboxOldestDue = "adcp.outbox.oldest_due";

    /// <summary>Up-down counter, <c>{lane}</c>: lanes that no living worker owns.</summary>
    public const string OutboxUnownedLanes = "adcp.outbox.lanes.unowned";

    /// <summary>Up-down counter, <c>{worker}</c>: workers whose lease lasts.</summary>
    public const string OutboxWorkers = "adcp.outbox.workers";

    /// <summary>Counter, <c>{webhook}</c>: webhooks of the outbox that were delivered.</summary>
    public const string OutboxDelivered = "adcp.outbox.delivered";

    /// <summary>Counter, <c>{webhook}</c>: webhooks of the outbox that ended undelivered.</summary>
    public const string OutboxDeadLetters = "adcp.outbox.dead_letters";

    /// <summary>Counter, <c>{result}</c>: results that were not committed because the worker had lost the lane.</summary>
    public const string OutboxFencedOff = "adcp.outbox.fenced_off";

    /// <summary>Counter, <c>{row}</c>: expired rows that were deleted.</summary>
    public const string Purged = "adcp.store.purged";
}
