namespace Adcp.Aot.Delivery;

/// <summary>A webhook to enqueue. Immutable.</summary>
/// <param name="Destination">The registration that the webhook goes to.</param>
/// <param name="Payload">The payload.</param>
/// <param name="Options">Tenant, delivery id and times.</param>
public sealed record OutboxItem(WebhookDestination Destination, WebhookPayload Payload, OutboxOptions Options)
{
    /// <summary>Gets the registration that the webhook goes to.</summary>
    public WebhookDestination Destination { get; } = Destination ?? throw new ArgumentNullException(nameof(Destination));

    /// <summary>Gets the payload.</summary>
    public WebhookPayload Payload { get; } = Payload ?? throw new ArgumentNullException(nameof(Payload));

    /// <summary>Gets tenant, delivery id and times.</summary>
    public OutboxOptions Options { get; } = Options ?? throw new ArgumentNullException(nameof(Options));
}
