using Adcp.Aot.Delivery;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;

namespace Adcp.Aot.Benchmarks;

/// <summary>A supervisor over a completed sender and a buffered no-op sink, and what is delivered through it.</summary>
internal sealed class Ours : IAsyncDisposable
{
    internal const int Endpoints = 10_000;

    private int _next;

    internal Ours(bool recorded = true)
    {
        Destination = new WebhookDestination("https://buyer.example/adcp/webhooks/media-buys?account=42");
        Webhook = new PreparedWebhook(Destination, "{\"task_id\":\"task_1\"}"u8.ToArray(), "benchmark-key-00000001");
        Sender = new CompletedSender(new WebhookDeliveryResult(Webhook, 200));
        Supervisor = new InMemoryWebhookDeliverySupervisor(Sender, new WebhookDeliveryOptions
        {
            Sink = recorded ? new NoOpSink() : null,
            CircuitOpenRecordInterval = TimeSpan.Zero,

            // A circuit that is opened for the measurement stays so, as the peer's does.
            Circuit = new CircuitBreakerPolicy { OpenTimeout = TimeSpan.FromHours(12) },
        });
        Keyed = [.. Enumerable.Range(0, Endpoints).Select(static i => new DeliveryOptions { BreakerKey = Url(i) })];
        foreach (DeliveryOptions options in Keyed)
        {
            Supervisor.Endpoints.Reset(options.BreakerKey!);
        }

        Endpoint broken = Supervisor.Endpoints.Get(Open.BreakerKey!);
        broken.Circuit.Force(CircuitState.Open, Supervisor.Engine.Clock.Milliseconds(Supervisor.Engine.Clock.Exact()));
    }

    internal InMemoryWebhookDeliverySupervisor Supervisor { get; }

    internal CompletedSender Sender { get; }

    internal WebhookDestination Destination { get; }

    internal PreparedWebhook Webhook { get; }

    internal DeliveryOptions Stream { get; } = new() { SequenceKey = "media_buy_1:scheduled" };

    internal DeliveryOptions[] Keyed { get; }

    internal DeliveryOptions Open { get; } = new() { BreakerKey = "open" };


    /// <summary>A webhook url of 50 to 60 characters, as buyers have them.</summary>
    internal static string Url(int i) => $"https://buyer{i}.example/adcp/webhooks/media-buys/account-{i}";

    internal DeliveryOutcome ByHandle() => Result(Supervisor.DeliverAsync(Webhook, Stream));

    internal DeliveryOutcome Unnumbered() => Result(Supervisor.DeliverAsync(Webhook));

    internal DeliveryOutcome ByKey()
    {
        // A stride that visits every key and never two neighbours, so that a look-up meets a cold line as it does in life.
        int i = _next;
        _next = (i + 4_909) % Endpoints;
        return Result(Supervisor.DeliverAsync(Webhook, Keyed[i]));
    }

    internal DeliveryOutcome Reject() => Result(Supervisor.DeliverAsync(Webhook, Open));

    public ValueTask DisposeAsync() => Supervisor.DisposeAsync();

    private static DeliveryOutcome Result(ValueTask<DeliveryOutcome> delivery) =>
        delivery.IsCompletedSuccessfully ? delivery.Result : throw new InvalidOperationException("The delivery suspended.");
}
