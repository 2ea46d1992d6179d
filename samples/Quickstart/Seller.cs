using System.Text;
using Adcp.Aot;
using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Signing;

namespace Quickstart;

/// <summary>
/// A seller that notifies buyers of completed media buys. If it gave up a delivery, it delivers it again later.
/// </summary>
internal sealed class Seller : IAsyncDisposable
{
    private const int MaxRounds = 100;
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(20);

    private readonly WebhookSender _sender;
    private readonly JsonLinesDeliveryLogSink _audit;
    private readonly InMemoryDeliveryLogSink _counter = new(1);
    private readonly InMemoryWebhookDeliverySupervisor _supervisor;
    private readonly WebhookDestination[] _endpoints;
    private readonly DeliveryOptions[] _streams;
    private int _openings;
    private int _transitions;

    public Seller(SigningKey key, string buyerUrl, int endpoints, string auditPath)
    {
        _audit = new JsonLinesDeliveryLogSink(auditPath);
        _sender = new WebhookSender(new Rfc9421Signer(key), new WebhookSenderOptions
        {
            Version = AdcpVersion.V32,
            AllowHttp = true,
            AllowPrivateNetworks = true,
            AttemptTimeout = TimeSpan.FromMilliseconds(600),
        });
        _supervisor = new InMemoryWebhookDeliverySupervisor(_sender, new WebhookSupervisorOptions
        {
            Retry = new RetryPolicy { MaxAttempts = 3, BaseDelay = TimeSpan.FromMilliseconds(50), MaxDelay = TimeSpan.FromSeconds(1) },
            Circuit = new CircuitBreakerPolicy { FailureThreshold = 5, OpenTimeout = TimeSpan.FromMilliseconds(300) },
            Sink = new FanOutDeliveryLogSink(_audit, _counter),
            SinkQueueCapacity = 1 << 16,
        });
        _supervisor.Endpoints.StateChanged += transition =>
        {
            Interlocked.Increment(ref _transitions);
            Interlocked.Add(ref _openings, transition.To == CircuitState.Open ? 1 : 0);
        };
        IEnumerable<int> buyers = Enumerable.Range(0, endpoints);
        _endpoints = [.. buyers.Select(i => new WebhookDestination($"{buyerUrl}/webhooks/buyer{i}", $"op_buyer{i}"))];
        _streams = [.. buyers.Select(i => new DeliveryOptions { SequenceKey = $"buyer{i}", NotificationType = "final" })];
    }

    public int Openings => Volatile.Read(ref _openings);

    public int Transitions => Volatile.Read(ref _transitions);

    public long AuditRecords => _counter.Recorded;

    public long RecordsDropped => _supervisor.RecordsDropped;

    /// <summary>Delivers one completion until the buyer has it or has refused it permanently.</summary>
    public async Task<Delivered> DeliverAsync(int number, CancellationToken cancellationToken)
    {
        int buyer = number % _endpoints.Length;
        McpWebhook webhook = new()
        {
            TaskId = $"task_{number}",
            TaskType = TaskType.CreateMediaBuy,
            Status = AdcpTaskStatus.Completed,
            Protocol = AdcpProtocol.MediaBuy,
            Result = Encoding.UTF8.GetBytes($$"""{"media_buy_id":"mb_{{number}}","packages":[]}"""),
            NumbersResult = true,
        };

        long started = TimeProvider.System.GetTimestamp();
        DeliveryOutcome outcome = await _supervisor.SendMcpAsync(_endpoints[buyer], webhook, _streams[buyer], cancellationToken);
        int attempts = outcome.Attempts;
        PreparedWebhook? prepared = outcome.Webhook;
        for (int round = 1; round < MaxRounds && outcome.Status is DeliveryStatus.CircuitOpen or DeliveryStatus.Exhausted; round++)
        {
            TimeSpan pause = outcome.RetryAt - TimeProvider.System.GetUtcNow() ?? TimeSpan.FromMilliseconds(100);
            await Task.Delay(pause > ShortestPause ? pause : ShortestPause, TimeProvider.System, cancellationToken);

            // A frozen webhook is sent again with the same key and bytes. If its number was never drawn, there is no frozen webhook yet.
            outcome = prepared is null
                ? await _supervisor.SendMcpAsync(_endpoints[buyer], webhook, _streams[buyer], cancellationToken)
                : await _supervisor.DeliverAsync(prepared, null, cancellationToken);
            attempts += outcome.Attempts;
            prepared ??= outcome.Webhook;
        }

        return new Delivered(prepared?.IdempotencyKey, outcome.Status, outcome.Code, attempts, TimeProvider.System.GetElapsedTime(started));
    }

    public async ValueTask DisposeAsync()
    {
        await _supervisor.DrainAsync();
        await _supervisor.DisposeAsync();
        await _audit.DisposeAsync();
        _sender.Dispose();
    }
}

/// <summary>The end of one completion.</summary>
internal sealed record Delivered(string? Key, DeliveryStatus Status, string? Code, int Attempts, TimeSpan Elapsed);
