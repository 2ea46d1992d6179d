namespace Adcp.Aot.Operations;

/// <summary>Names a delivery. Immutable.</summary>
public sealed record DeliveryQuery
{
    /// <summary>Gets the idempotency key.</summary>
    public required string IdempotencyKey { get; init; }

    /// <summary>
    /// Gets the id of its dead letter, if it is known; <see langword="null"/> to look for the key among the newest 1,000.
    /// </summary>
    public long? DeadLetterId { get; init; }

    /// <summary>Gets the tenant, if <see cref="DeliveryId"/> is set.</summary>
    public string? Tenant { get; init; }

    /// <summary>Gets the caller's own id of the delivery, by which an outbox knows its state; <see langword="null"/> if unknown.</summary>
    public string? DeliveryId { get; init; }

    /// <summary>Returns the name of the type.</summary>
    public override string ToString() => nameof(DeliveryQuery);
}
