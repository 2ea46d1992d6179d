namespace Adcp.Aot.Benchmarks.Engine;

/// <summary>A sender whose result is there when it returns. No sender on a network does this; see <see cref="WaitingSender"/>.</summary>
internal sealed class CompletedSender(WebhookSendResult result) : IWebhookSender
{
    public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) =>
        throw new NotSupportedException();

    public ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default) =>
        new(result);
}
