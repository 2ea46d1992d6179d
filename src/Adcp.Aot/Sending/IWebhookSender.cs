namespace Adcp.Aot;

/// <summary>Makes one signed attempt at a time and never retries. Implementations are safe for concurrent use.</summary>
public interface IWebhookSender
{
    /// <summary>
    /// Gets the facts about the sender; null if unknown, and its wiring is then not checked at boot. If a sender wraps
    /// another one, return that one's facts.
    /// </summary>
    WebhookSenderFacts? Facts => null;

    /// <summary>Freezes a payload for a destination: one UTF-8 body and one idempotency key for every attempt that follows.</summary>
    /// <param name="destination">The destination.</param>
    /// <param name="payload">The payload.</param>
    /// <param name="sequenceNumber">The delivery's number in its stream, for payloads that contain one.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="WebhookPayloadException">The payload breaks a rule of the wire.</exception>
    PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null);

    /// <summary>Makes one attempt with a fresh signature.</summary>
    /// <param name="webhook">The frozen webhook.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <returns>The result of the attempt. Transport errors and refusals are results, not exceptions.</returns>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default);
}
