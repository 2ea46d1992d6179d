using System.Runtime.CompilerServices;
using Adcp.Aot.Delivery;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;

namespace Adcp.Aot.Benchmarks;

/// <summary>A supervisor over a completed sender and a buffered no-op sink, and what is delivered through it.</summary>
internal sealed class Ours : IAsyncDisposable
{
    internal const int Endpoints = 10_000;

    private readonly DeliveryOptions _byUrl = new() { BreakerKey = "each" };
    private readonly InMemoryWebhookDeliverySupervisor _flaky;
    private readonly InMemoryWebhookDeliverySupervisor _yielding;
    private readonly InMemoryWebhookDeliverySupervisor _sparing;
    private readonly YieldingSender _yieldingSender;
    private int _next;

    internal Ours(bool recorded = true)
    {
        Destination = new WebhookDestination("https://buyer.example/adcp/webhooks/media-buys?account=42");
        Webhook = new PreparedWebhook(Destination, "{\"task_id\":\"task_1\"}"u8.ToArray(), "benchmark-key-00000001");
        WebhookDeliveryResult delivered = new(Webhook, 200);
        WebhookDeliveryResult failed = new(Webhook, 503);
        Sender = new CompletedSender(delivered);
        WebhookDeliveryOptions options = new()
        {
            Sink = recorded ? new NoOpSink() : null,
            SinkQueueCapacity = 32_768,
            CircuitOpenRecordInterval = TimeSpan.Zero,
            Retry = new RetryPolicy { BaseDelay = TimeSpan.Zero, Jitter = false },

            // A circuit that is opened for the measurement stays so, as the peer's does.
            Circuit = new CircuitBreakerPolicy { OpenTimeout = TimeSpan.FromHours(12) },
        };
        Supervisor = new InMemoryWebhookDeliverySupervisor(Sender, options);
        _flaky = new InMemoryWebhookDeliverySupervisor(new CompletedSender(failed, delivered), options);
        _yieldingSender = new YieldingSender(delivered);
        _sparing = new InMemoryWebhookDeliverySupervisor(Sender, options with { CircuitOpenRecordInterval = new WebhookDeliveryOptions().CircuitOpenRecordInterval });
        _yielding = new InMemoryWebhookDeliverySupervisor(_yieldingSender, options);
        Keys = [.. Enumerable.Range(0, Endpoints).Select(Url)];
        foreach (string key in Keys)
        {
            Supervisor.Endpoints.Get(key);
        }

        foreach (InMemoryWebhookDeliverySupervisor refusing in new[] { Supervisor, _sparing })
        {
            refusing.Endpoints.Get("open").Circuit.Force(CircuitState.Open, refusing.Engine.Clock.Milliseconds(refusing.Engine.Clock.Exact()));
        }
    }

    internal InMemoryWebhookDeliverySupervisor Supervisor { get; }

    internal CompletedSender Sender { get; }

    internal WebhookDestination Destination { get; }

    internal PreparedWebhook Webhook { get; }

    internal string[] Keys { get; }

    internal DeliveryOptions Stream { get; } = new() { SequenceKey = "media_buy_1:scheduled" };

    internal DeliveryOptions Open { get; } = new() { BreakerKey = "open" };

    /// <summary>Its own, since options remember the endpoint of one supervisor.</summary>
    internal DeliveryOptions OpenSparing { get; } = new() { BreakerKey = "open" };

    /// <summary>A webhook url of 50 to 60 characters, as buyers have them.</summary>
    internal static string Url(int i) => $"https://buyer{i}.example/adcp/webhooks/media-buys/account-{i}";

    internal bool ByHandle() => Result(Supervisor.DeliverAsync(Webhook, Stream)).Status == DeliveryStatus.Delivered;

    internal bool Unnumbered() => Result(Supervisor.DeliverAsync(Webhook)).Status == DeliveryStatus.Delivered;

    internal bool ByUrl()
    {
        // A stride that visits every url and never two neighbours, so that a look-up meets a cold line as it does in life. One options object takes each key and forgets the
        // endpoint, so that there is a look-up and both sides begin with the string and nothing else that is cold.
        int i = _next;
        _next = (i + 4_909) % Endpoints;
        Key(_byUrl) = Keys[i];
        Remembered(_byUrl) = null;
        return Result(Supervisor.DeliverAsync(Webhook, _byUrl)).Status == DeliveryStatus.Delivered;
    }

    internal bool OneFailure() => Result(_flaky.DeliverAsync(Webhook)) is { Status: DeliveryStatus.Delivered, Attempts: 2 };

    internal bool Reject() => Result(Supervisor.DeliverAsync(Webhook, Open)).Status == DeliveryStatus.CircuitOpen;

    /// <summary>A refusal at the default, which records one a second of an endpoint and counts the others.</summary>
    internal bool RejectSparing() => Result(_sparing.DeliverAsync(Webhook, OpenSparing)).Status == DeliveryStatus.CircuitOpen;

    internal void Suspended(int times) => AwaitedAsync(times).Wait();

    internal void SuspendedBare(int times) => BareAsync(times).Wait();

    /// <summary>The least that anything around a sender can be: one pooled async method that makes an outcome of its result.</summary>
    internal void SuspendedLayer(int times) => LayeredAsync(times).Wait();

    /// <summary>Empties the audit queues. Waited for on this thread: another one would begin with empty slots in its part of the queue.</summary>
    internal void Flush()
    {
        Supervisor.FlushAuditAsync().Wait();
        _flaky.FlushAuditAsync().Wait();
        _yielding.FlushAuditAsync().Wait();
    }

    public async ValueTask DisposeAsync()
    {
        await Supervisor.DisposeAsync();
        await _flaky.DisposeAsync();
        await _yielding.DisposeAsync();
        await _sparing.DisposeAsync();
    }

    /// <summary>What options remember; the product has no use for making them forget.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_endpoint")]
    private static extern ref Endpoint? Remembered(DeliveryOptions options);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "<BreakerKey>k__BackingField")]
    private static extern ref string Key(DeliveryOptions options);

    private static DeliveryOutcome Result(ValueTask<DeliveryOutcome> delivery) =>
        delivery.IsCompletedSuccessfully ? delivery.Result : throw new InvalidOperationException("The delivery suspended.");

    private async Task AwaitedAsync(int times)
    {
        for (int i = 0; i < times; i++)
        {
            if (!(await _yielding.DeliverAsync(Webhook)).IsDelivered)
            {
                throw new InvalidOperationException("Not delivered.");
            }
        }
    }

    private async Task LayeredAsync(int times)
    {
        for (int i = 0; i < times; i++)
        {
            if (!(await LayerAsync()).IsDelivered)
            {
                throw new InvalidOperationException("Not delivered.");
            }
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<DeliveryOutcome> LayerAsync() =>
        new() { Status = DeliveryStatus.Delivered, Webhook = Webhook, LastResult = await _yieldingSender.SendAsync(Webhook), Attempts = 1 };

    private async Task BareAsync(int times)
    {
        for (int i = 0; i < times; i++)
        {
            if (!(await _yieldingSender.SendAsync(Webhook)).Ok)
            {
                throw new InvalidOperationException("Not delivered.");
            }
        }
    }
}
