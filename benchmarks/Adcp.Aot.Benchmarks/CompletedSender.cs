using Adcp.Aot.Payloads;
using Adcp.Aot.Sending;

namespace Adcp.Aot.Benchmarks;

/// <summary>A sender that answers at once with one result made beforehand: what is measured is everything around a send.</summary>
internal sealed class CompletedSender(WebhookDeliveryResult result) : IWebhookSender
{
    public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) => throw new NotSupportedException();

    public ValueTask<WebhookDeliveryResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default) => new(result);
}
