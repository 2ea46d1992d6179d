namespace Adcp.Aot;

/// <summary>Delivers webhooks: attempts, waits, breaker, numbers, audit. Implementations are safe for concurrent use.</summary>
public interface IWebhookDeliverySupervisor
{
    /// <summary>Gets whether an accepted delivery survives the process.</summary>
    bool IsDurable { get; }

    /// <summary>Gets the time for which a key is retried, if that is promised; otherwise null.</summary>
    TimeSpan? RetryHorizon { get; }

    /// <summary>
    /// Gets the sender that makes the attempts; null if unknown, and its wiring is then not checked at boot.
    /// </summary>
    IWebhookSender? Sender => null;

    /// <summary>Delivers a task's status change.</summary>
    /// <param name="destination">The registration.</param>
    /// <param name="webhook">The envelope.</param>
    /// <param name="options">Stream, breaker key, notification type, policy; null for none.</param>
    /// <param name="cancellationToken">Ends the delivery; the outcome then is <see cref="DeliveryStatus.Cancelled"/>.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="WebhookPayloadException">The payload breaks a rule of the wire; nothing was sent, no number was drawn.</exception>
    ValueTask<DeliveryOutcome> SendMcpAsync(
        WebhookDestination destination, McpWebhook webhook, DeliveryOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Delivers any payload.</summary>
    /// <inheritdoc cref="SendMcpAsync"/>
    ValueTask<DeliveryOutcome> SendAsync(
        WebhookDestination destination, WebhookPayload payload, DeliveryOptions? options = null,
        CancellationToken cancellationToken = default);

    /// <summary>Delivers a webhook that is already frozen: each call sends the same key and bytes.</summary>
    /// <param name="webhook">The frozen webhook.</param>
    /// <param name="options">Stream, breaker key, notification type, policy; null for none.</param>
    /// <param name="cancellationToken">Ends the delivery; the outcome then is <see cref="DeliveryStatus.Cancelled"/>.</param>
    /// <exception cref="ArgumentNullException"><paramref name="webhook"/> is null.</exception>
    ValueTask<DeliveryOutcome> DeliverAsync(PreparedWebhook webhook, DeliveryOptions? options = null,
        CancellationToken cancellationToken = default);

    /// <summary>Draws the next number of a stream: 1, 2, 3, ...</summary>
    /// <param name="key">The stream's key.</param>
    /// <exception cref="ArgumentException"><paramref name="key"/> is null or empty.</exception>
    /// <exception cref="Sequencing.SequenceCapacityException">The key is new and the allocator is full.</exception>
    long NextSequence(string key);
}
