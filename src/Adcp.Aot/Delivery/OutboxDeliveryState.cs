namespace Adcp.Aot.Delivery;

/// <summary>The state of a delivery of an <see cref="IWebhookOutbox"/>.</summary>
public enum OutboxDeliveryState
{
    /// <summary>The webhook waits for its first attempt or for another one.</summary>
    Waiting = 0,

    /// <summary>The receiver answered 2xx.</summary>
    Delivered = 1,

    /// <summary>The delivery ended without success, and the webhook is kept as a dead letter.</summary>
    Undelivered = 2,
}
