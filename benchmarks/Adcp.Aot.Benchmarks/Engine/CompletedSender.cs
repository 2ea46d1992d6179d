using Adcp.Aot.Payloads;
using Adcp.Aot.Sending;

namespace Adcp.Aot.Benchmarks.Engine;

/// <summary>A sender whose result is there when it returns. No sender on a network does this; see <see cref="WaitingSender"/>.</summary>
internal sealed class CompletedSender(WebhookDeliveryResult result) : IWebhookSender
{
    public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) =>
        throw new NotSupportedException();

    public ValueTask<WebhookDeliveryResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default) =>
        new(result);
}
