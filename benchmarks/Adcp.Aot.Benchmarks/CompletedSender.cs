using Adcp.Aot.Payloads;
using Adcp.Aot.Sending;

namespace Adcp.Aot.Benchmarks;

/// <summary>A sender that answers at once with results made beforehand, in turn: what is measured is everything around a send.</summary>
internal sealed class CompletedSender(params WebhookDeliveryResult[] results) : IWebhookSender
{
    private readonly WebhookDeliveryResult _first = results[0];
    private int _next;

    internal static CompletedSender Delivered() =>
        new(new WebhookDeliveryResult(new PreparedWebhook(new WebhookDestination("https://buyer.example/"), "{}"u8.ToArray(), "benchmark-key-00000001"), 200));

    public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) => throw new NotSupportedException();

    public ValueTask<WebhookDeliveryResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default) =>
        new(results.Length == 1 ? _first : results[_next++ % results.Length]);
}
