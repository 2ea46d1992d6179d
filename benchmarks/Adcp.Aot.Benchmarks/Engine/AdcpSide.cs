using System.Runtime.CompilerServices;

namespace Adcp.Aot.Benchmarks.Engine;

/// <summary>The supervisor's side of the engine's comparisons, over a buffered sink that keeps nothing.</summary>
/// <remarks>
/// Callers await their deliveries in pooled async methods, so that a caller allocates nothing itself.
/// <see cref="PollySide"/> has the same callers over the same senders.
/// </remarks>
internal sealed class AdcpSide : IAsyncDisposable
{
    internal const int Endpoints = 10_000;

    private readonly CancellationTokenSource _caller = new();
    private readonly InMemoryWebhookDeliverySupervisor _flaky;
    private readonly InMemoryWebhookDeliverySupervisor _completed;
    private readonly InMemoryWebhookDeliverySupervisor _refusing;
    private readonly InMemoryWebhookDeliverySupervisor _refusingAtDefaults;
    private readonly DeliveryOptions _stream = new() { SequenceKey = "media_buy_1:scheduled" };
    private readonly DeliveryOptions _none = new();
    private int _next;

    /// <param name="recorded">False for no audit records.</param>
    internal AdcpSide(bool recorded = true)
    {
        Webhook = To("https://buyer.example/adcp/webhooks/media-buys?account=42");
        EachEndpoint = [.. Enumerable.Range(0, Endpoints).Select(static i => To(Url(i)))];
        WebhookSendResult delivered = new(Webhook, 200);
        WebhookSendResult failed = new(Webhook, 503);
        Sender = new WaitingSender(delivered);
        FlakySender = new WaitingSender(failed, delivered);
        CompletedSender = new CompletedSender(delivered);
        WebhookSupervisorOptions options = new()
        {
            Sink = recorded ? new NoOpSink() : null,
            SinkQueueCapacity = 32_768,
            CircuitOpenRecordInterval = TimeSpan.Zero,
            Retry = new RetryPolicy { BaseDelay = TimeSpan.Zero, Jitter = false },

            // A circuit that is opened for the measurement stays open, as the peer's does.
            Circuit = new CircuitBreakerPolicy { OpenTimeout = TimeSpan.FromHours(12) },
        };
        Supervisor = new InMemoryWebhookDeliverySupervisor(Sender, options);
        _flaky = new InMemoryWebhookDeliverySupervisor(FlakySender, options);
        _completed = new InMemoryWebhookDeliverySupervisor(CompletedSender, options);
        CompletedSender failing = new(failed);
        _refusing = new InMemoryWebhookDeliverySupervisor(failing, options);
        _refusingAtDefaults = new InMemoryWebhookDeliverySupervisor(
            failing, options with { CircuitOpenRecordInterval = new WebhookSupervisorOptions().CircuitOpenRecordInterval });
        Open(_refusing);
        Open(_refusingAtDefaults);
    }

    internal InMemoryWebhookDeliverySupervisor Supervisor { get; }

    internal WaitingSender Sender { get; }

    internal WaitingSender FlakySender { get; }

    internal CompletedSender CompletedSender { get; }

    internal PreparedWebhook Webhook { get; }

    /// <summary>One webhook for each of many endpoints, each with a destination that is kept.</summary>
    internal PreparedWebhook[] EachEndpoint { get; }

    /// <summary>
    /// The token of all callers that have one. Its source outlives every delivery, as the token of a host or of a long
    /// request does.
    /// </summary>
    internal CancellationToken Token => _caller.Token;

    /// <summary>Records that did not fit the audit queue, of all supervisors.</summary>
    internal long RecordsDropped => Recorded.Sum(static one => one.RecordsDropped);

    private InMemoryWebhookDeliverySupervisor[] Recorded => [Supervisor, _flaky, _completed, _refusing, _refusingAtDefaults];

    /// <summary>A webhook url of 50 to 60 characters, as buyers have them.</summary>
    internal static string Url(int i) => $"https://buyer{i}.example/adcp/webhooks/media-buys/account-{i}";

    /// <summary>
    /// The path of production: the sender waits, the caller has a token, each delivery has a sequence number and a
    /// record.
    /// </summary>
    internal void Deliver(int times) => WaitingSender.AnswerAll(CallAsync(Supervisor, Webhook, _stream, attempts: 1, times, Token));

    internal void DeliverWithoutToken(int times) => WaitingSender.AnswerAll(CallAsync(Supervisor, Webhook, _stream, attempts: 1, times));

    internal void DeliverUnnumbered(int times) => WaitingSender.AnswerAll(CallAsync(Supervisor, Webhook, _none, attempts: 1, times, Token));

    internal void DeliverToEach(int times) => WaitingSender.AnswerAll(CallEachAsync(times));

    internal void FailOnce(int times) => WaitingSender.AnswerAll(CallAsync(_flaky, Webhook, _stream, attempts: 2, times, Token));

    internal bool DeliverCompleted() => _completed.DeliverAsync(Webhook, _stream).Result.IsDelivered;

    internal bool Reject() => _refusing.DeliverAsync(Webhook).Result.Status == DeliveryStatus.CircuitOpen;

    /// <summary>A refusal at the defaults: one a second of an endpoint is recorded and the others are counted.</summary>
    internal bool RejectAtDefaults() => _refusingAtDefaults.DeliverAsync(Webhook).Result.Status == DeliveryStatus.CircuitOpen;

    /// <summary>The least that a layer around a sender can be: one pooled async method that makes an outcome of its result.</summary>
    internal void OneLayer(int times) => WaitingSender.AnswerAll(CallLayerAsync(times));

    /// <summary>
    /// Empties the audit queues. Waited for on this thread: another one would begin with empty slots in its part of the
    /// queue.
    /// </summary>
    internal void Flush()
    {
        foreach (InMemoryWebhookDeliverySupervisor supervisor in Recorded)
        {
            supervisor.FlushAuditAsync().Wait();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (InMemoryWebhookDeliverySupervisor supervisor in Recorded)
        {
            await supervisor.DisposeAsync();
        }

        _caller.Dispose();
    }

    private static PreparedWebhook To(string url) =>
        new(new WebhookDestination(url), "{\"task_id\":\"task_1\"}"u8.ToArray(), "benchmark-key-00000001");

    private static void Require(bool asNamed)
    {
        if (!asNamed)
        {
            throw new InvalidOperationException("The delivery did something else than its name says.");
        }
    }

    private void Open(InMemoryWebhookDeliverySupervisor supervisor)
    {
        for (int i = 0; supervisor.DeliverAsync(Webhook).Result.Status != DeliveryStatus.CircuitOpen; i++)
        {
            Require(i < 10);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask CallAsync(
        InMemoryWebhookDeliverySupervisor supervisor,
        PreparedWebhook webhook,
        DeliveryOptions options,
        int attempts,
        int times,
        CancellationToken cancellationToken = default)
    {
        for (int i = 0; i < times; i++)
        {
            DeliveryOutcome outcome = await supervisor.DeliverAsync(webhook, options, cancellationToken);
            Require(outcome.IsDelivered && outcome.Attempts == attempts);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask CallEachAsync(int times)
    {
        for (int i = 0; i < times; i++)
        {
            // A stride that visits every endpoint and never two neighbours, so that each delivery meets cold lines as in production.
            PreparedWebhook webhook = EachEndpoint[_next];
            _next = (_next + 4_909) % Endpoints;
            DeliveryOutcome outcome = await Supervisor.DeliverAsync(webhook, _stream, Token);
            Require(outcome.IsDelivered);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask CallLayerAsync(int times)
    {
        for (int i = 0; i < times; i++)
        {
            DeliveryOutcome outcome = await LayerAsync();
            Require(outcome.IsDelivered);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<DeliveryOutcome> LayerAsync()
    {
        WebhookSendResult result = await Sender.SendAsync(Webhook, Token);
        return new DeliveryOutcome { Status = DeliveryStatus.Delivered, Webhook = Webhook, LastResult = result, Attempts = 1 };
    }
}
