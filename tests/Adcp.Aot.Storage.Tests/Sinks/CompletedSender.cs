namespace Adcp.Aot.Storage.Tests.Sinks;

/// <summary>Answers 200 at once.</summary>
internal sealed class CompletedSender : IWebhookSender
{
    public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) =>
        throw new NotSupportedException("Only prepared webhooks are sent.");

    public ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default) =>
        new(new WebhookSendResult(webhook, 200));
}
