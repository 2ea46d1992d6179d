namespace Adcp.Aot.Operations;

/// <summary>A webhook of an outbox whose delivery ended without success. Immutable; it shows no secret.</summary>
public sealed record DeadLetter
{
    /// <summary>Gets the id of the row.</summary>
    public required long Id { get; init; }

    /// <summary>
    /// Gets why the delivery ended: <c>rejected</c>, <c>conflict</c>, <c>refused</c>, <c>exhausted</c>, <c>expired</c>, <c>too_old</c>,
    /// <c>suppressed</c>, <c>poison</c> or <c>unreadable</c>.
    /// </summary>
    public required string Reason { get; init; }

    /// <summary>Gets the receiver's last HTTP status; 0 if it did not answer.</summary>
    public required int StatusCode { get; init; }

    /// <summary>Gets the attempts made.</summary>
    public required int Attempts { get; init; }

    /// <summary>Gets when the webhook was enqueued, by the database's clock.</summary>
    public required DateTimeOffset EnqueuedAt { get; init; }

    /// <summary>Gets when the first attempt was made; <see langword="null"/> if none was.</summary>
    public DateTimeOffset? FirstAttemptAt { get; init; }

    /// <summary>Gets when the delivery ended.</summary>
    public required DateTimeOffset EndedAt { get; init; }

    /// <summary>Gets whether the same delivery may continue: neither its retry horizon nor its maximum age has passed.</summary>
    public required bool IsInsideHorizon { get; init; }

    /// <summary>Gets the tenant; <see langword="null"/> if the row cannot be read.</summary>
    public string? Tenant { get; init; }

    /// <summary>Gets host and port of the receiver; <see langword="null"/> if the row cannot be read.</summary>
    public string? Authority { get; init; }

    /// <summary>
    /// Gets the <see cref="EndpointStatus.Id"/> of the endpoint, which <see cref="DeadLetterQuery.EndpointId"/> filters by.
    /// </summary>
    public required string EndpointId { get; init; }

    /// <summary>Gets the idempotency key; <see langword="null"/> if the row cannot be read.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>Gets the task that the webhook reports on; <see langword="null"/> if none, or if the row cannot be read.</summary>
    public string? TaskId { get; init; }

    /// <summary>Gets the notification type; <see langword="null"/> if none, or if the row cannot be read.</summary>
    public string? NotificationType { get; init; }

    /// <summary>
    /// Gets whether the event may be emitted again under a new key when the horizon has passed: it has a notification id and reports on no
    /// task.
    /// </summary>
    public bool IsRepeatable { get; init; }

    /// <summary>Returns id and reason.</summary>
    public override string ToString() => $"{Id} {Reason}";
}
