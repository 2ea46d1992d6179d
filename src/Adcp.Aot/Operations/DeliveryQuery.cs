namespace Adcp.Aot.Operations;

/// <summary>Names a delivery. Immutable.</summary>
public sealed record DeliveryQuery
{
    /// <summary>Gets the idempotency key.</summary>
    public required string IdempotencyKey { get; init; }

    /// <summary>
    /// Gets the id of its dead letter, if it is known; <see langword="null"/> to look for the key in the whole store.
    /// </summary>
    public long? DeadLetterId { get; init; }

    /// <summary>
    /// Gets the tenant; <see langword="null"/> if unknown. If several tenants use the key, the newest webhook is found without it.
    /// </summary>
    public string? Tenant { get; init; }

    /// <summary>
    /// Gets the caller's own id of the delivery, by which an outbox knows its state; <see langword="null"/> if unknown. Needs
    /// <see cref="Tenant"/>.
    /// </summary>
    public string? DeliveryId { get; init; }

    /// <summary>Returns the name of the type.</summary>
    public override string ToString() => nameof(DeliveryQuery);
}
