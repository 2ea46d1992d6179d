using System.Runtime.CompilerServices;
using Adcp.Aot.Payloads;
using Adcp.Aot.Sending;

namespace Adcp.Aot.Benchmarks;

/// <summary>A sender that gives its thread back once before it answers, as every sender on a network does, and costs as little as one can.</summary>
internal sealed class YieldingSender(WebhookDeliveryResult result) : IWebhookSender
{
    public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) => throw new NotSupportedException();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<WebhookDeliveryResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default)
    {
        await Task.Yield();
        return result;
    }
}
