using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;

namespace Adcp.Aot.Operations;

/// <summary>The parts of a delivery that are known. Immutable; it shows no secret.</summary>
public sealed record DeliveryStory
{
    /// <summary>Gets the idempotency key.</summary>
    public required string IdempotencyKey { get; init; }

    /// <summary>
    /// Gets the state: of the store if it knows the delivery, otherwise of the last attempt; <see langword="null"/> if neither says it.
    /// </summary>
    public OutboxDeliveryState? State { get; init; }

    /// <summary>Gets the tenant; <see langword="null"/> if the store does not have the webhook any more, or it cannot be read.</summary>
    public string? Tenant { get; init; }

    /// <summary>
    /// Gets other tenants whose webhooks wait for a retry, or are dead letters, under the same idempotency key. Name one by
    /// <see cref="DeliveryQuery.Tenant"/> for its story.
    /// </summary>
    public IReadOnlyList<string> OtherTenants { get; init; } = [];

    /// <summary>Gets when the webhook was enqueued; <see langword="null"/> if unknown.</summary>
    public DateTimeOffset? EnqueuedAt { get; init; }

    /// <summary>Gets the dead letter, if the delivery ended as one that was found.</summary>
    public DeadLetter? DeadLetter { get; init; }

    /// <summary>
    /// Gets the attempts of this process's history, and the times at which one was put off or suppressed, the oldest first. 1,000 at most.
    /// If several tenants use the key, those of all: a record does not name its tenant.
    /// </summary>
    public required IReadOnlyList<DeliveryAttemptSnapshot> Attempts { get; init; }

    /// <summary>Returns key and state.</summary>
    public override string ToString() => $"{IdempotencyKey} {State}";
}
