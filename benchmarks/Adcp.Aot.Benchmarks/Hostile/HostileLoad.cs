using System.Globalization;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Benchmarks.Hostile;

/// <summary>
/// A real sender and supervisor under producers that deliver to hostile endpoints, one webhook after the other. Two of a
/// hundred deliveries are cancelled by their caller within 100 ms, two of a hundred have a deadline of 250 ms, and all
/// other callers pass a token that outlives the run.
/// </summary>
/// <remarks>
/// Limits are shorter than the defaults, so that a run of minutes sees many time-outs, retries and probes. Every refusal
/// is recorded, so that records can be counted against outcomes.
/// </remarks>
internal sealed class HostileLoad : IAsyncDisposable
{
    private const double CancelledShare = 0.02;
    private const double DeadlineShare = 0.02;
    private const int LargeBytes = 9_900_000;

    private static readonly RetryPolicy Retry = new()
    {
        BaseDelay = TimeSpan.FromMilliseconds(20),
        MaxDelay = TimeSpan.FromMilliseconds(200),
        MaxRetryAfter = TimeSpan.FromMilliseconds(500),
    };

    private static readonly RetryPolicy RetryUntilDeadline = Retry with { Deadline = TimeSpan.FromMilliseconds(250) };

    private static readonly byte[] LargeResult = LargeJson();

    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-2026");
    private readonly CancellationTokenSource _callers = new();
    private readonly IReadOnlyList<string> _addresses;
    private readonly WebhookSender _sender;
    private readonly HostileTally _tally;
    private volatile bool _stopping;

    /// <param name="addresses">The address of each <see cref="HostileSite"/>.</param>
    /// <param name="sink">Gets the records.</param>
    /// <param name="tally">Gets the outcomes.</param>
    internal HostileLoad(IReadOnlyList<string> addresses, HostileSink sink, HostileTally tally)
    {
        _addresses = addresses;
        _tally = tally;
        _sender = new WebhookSender(new Rfc9421Signer(_key), new WebhookSenderOptions
        {
            Version = AdcpVersion.V32,
            AllowHttp = true,
            AllowPrivateNetworks = true,
            AttemptTimeout = TimeSpan.FromSeconds(2),
            ConnectTimeout = TimeSpan.FromSeconds(1),
        });
        Supervisor = new InMemoryWebhookDeliverySupervisor(_sender, new WebhookSupervisorOptions
        {
            Sink = sink,
            SinkQueueCapacity = 65_536,
            CircuitOpenRecordInterval = TimeSpan.Zero,
            Retry = Retry,
            Circuit = new CircuitBreakerPolicy { OpenTimeout = TimeSpan.FromMilliseconds(300) },
        });
    }

    internal InMemoryWebhookDeliverySupervisor Supervisor { get; }

    internal static int Producers => HostileKinds.All.Sum(static kind => kind.Producers);

    /// <summary>Begins; the task ends after <see cref="Stop"/>, when every producer's last delivery has ended.</summary>
    internal Task RunAsync() => Task.WhenAll(
        HostileKinds.All.SelectMany(kind => Enumerable.Range(0, kind.Producers).Select(i => Task.Run(() => ProduceAsync(kind, i)))));

    /// <summary>Lets producers begin no further delivery.</summary>
    internal void Stop() => _stopping = true;

    public async ValueTask DisposeAsync()
    {
        await Supervisor.DisposeAsync();
        _sender.Dispose();
        _key.Dispose();
        _callers.Dispose();
    }

    private async Task ProduceAsync(HostileKind kind, int producer)
    {
        Random random = new(HashCode.Combine(Array.IndexOf(HostileKinds.All, kind), producer));
        string prefix = $"{_addresses[(int)kind.Site]}/{kind.Name}/buyer-";
        DeliveryOptions[] streams = [Options(kind, producer, Retry), Options(kind, producer, RetryUntilDeadline)];
        while (!_stopping)
        {
            // A url is parsed for each delivery, as it is where registrations come from a database.
            WebhookDestination destination = new(prefix + random.Next(kind.Urls).ToString(CultureInfo.InvariantCulture), "op_456");
            DeliveryStatus? status = await DeliverAsync(kind, destination, streams[random.NextDouble() < DeadlineShare ? 1 : 0], random);

            // An open circuit refuses in less than a microsecond. Its producer looks again a while later, as a queue would.
            if (status is not (DeliveryStatus.Delivered or DeliveryStatus.Rejected or DeliveryStatus.Cancelled))
            {
                await Task.Delay(random.Next(10, 60));
            }
        }
    }

    private async Task<DeliveryStatus?> DeliverAsync(
        HostileKind kind, WebhookDestination destination, DeliveryOptions options, Random random)
    {
        using CancellationTokenSource? impatient = random.NextDouble() < CancelledShare ? new CancellationTokenSource() : null;
        impatient?.CancelAfter(random.Next(100));
        _tally.Start();
        try
        {
            DeliveryOutcome outcome =
                await Supervisor.SendMcpAsync(destination, Webhook(kind), options, impatient?.Token ?? _callers.Token);
            _tally.End(kind, outcome);
            return outcome.Status;
        }
        catch (Exception fault)
        {
            _tally.Throw(kind, fault);
            return null;
        }
    }

    /// <summary>Every second producer numbers its deliveries.</summary>
    private static DeliveryOptions Options(HostileKind kind, int producer, RetryPolicy retry) =>
        new() { Retry = retry, SequenceKey = producer % 2 == 0 ? $"{kind.Name}:{producer}" : null };

    private static McpWebhook Webhook(HostileKind kind) => new()
    {
        TaskId = Http.Webhooks.TaskId,
        TaskType = TaskType.CreateMediaBuy,
        Status = AdcpTaskStatus.Completed,
        Protocol = AdcpProtocol.MediaBuy,
        Result = kind.IsLarge ? LargeResult : Http.Webhooks.Result,
    };

    private static byte[] LargeJson()
    {
        byte[] json = new byte[LargeBytes];
        json.AsSpan().Fill((byte)'x');
        "{\"x\":\""u8.CopyTo(json);
        "\"}"u8.CopyTo(json.AsSpan(LargeBytes - 2));
        return json;
    }
}
