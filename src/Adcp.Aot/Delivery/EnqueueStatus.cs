namespace Adcp.Aot.Delivery;

/// <summary>The result of adding a webhook to an <see cref="IWebhookOutbox"/>.</summary>
public enum EnqueueStatus
{
    /// <summary>The webhook was added.</summary>
    Enqueued = 0,

    /// <summary>The delivery id was enqueued before with the same payload and destination. Nothing was added.</summary>
    AlreadyEnqueued = 1,

    /// <summary>The delivery id was enqueued before with another payload or destination. Nothing was added.</summary>
    Conflict = 2,

    /// <summary>
    /// The delivery id was enqueued before. Its retry horizon has passed, and its webhook does not wait any more. Nothing was added.
    /// </summary>
    Retired = 3,
}
