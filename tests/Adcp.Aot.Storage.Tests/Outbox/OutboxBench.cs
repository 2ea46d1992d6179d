using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Workers on a store in memory, whose clock is theirs, with a sink that keeps every record.</summary>
internal sealed class OutboxBench : IAsyncDisposable
{
    private readonly List<OutboxWorker> _workers = [];
    private readonly List<RecordingSender> _senders = [];

    public OutboxBench()
    {
        Store = new InMemoryOutboxStore(Time);
        Enqueuer = Sender(static (_, _, _) => ValueTask.FromResult(200));
        Outbox = new SqlWebhookOutbox(Store, Enqueuer, OutboxHarness.Secrets, new SqlWebhookOutboxOptions { TimeProvider = Time });
    }

    /// <summary>
    /// A lease that no test outlasts by accident: on a busy machine the clock of a test is ahead of the work that it started, and with it
    /// of the renewals. A test of what happens after the end of a lease has a short one.
    /// </summary>
    public static TimeSpan LongLease { get; } = TimeSpan.FromMinutes(5);

    public FakeTimeProvider Time { get; } = new(DateTimeOffset.UnixEpoch.AddYears(50));

    public InMemoryOutboxStore Store { get; }

    public InMemoryDeliveryLogSink Sink { get; } = new();

    public RecordingSender Enqueuer { get; }

    public SqlWebhookOutbox Outbox { get; }

    public IReadOnlyList<DeliveryAttemptSnapshot> Records => Sink.Snapshot();

    public WebhookSupervisorOptions Attempts => new()
    {
        Retry = OutboxWorkerOptions.DefaultRetry,
        TimeProvider = Time,
        Sink = Sink,
        SinkMode = SinkMode.Inline,
    };

    public RecordingSender Sender(Func<PreparedWebhook, int, CancellationToken, ValueTask<int>> answer)
    {
        RecordingSender sender = Senders.Of(answer);
        _senders.Add(sender);
        return sender;
    }

    /// <summary>Starts a worker in a process of its own.</summary>
    public async Task<(OutboxWorker Worker, FaultyOutboxStore Process)> StartAsync(
        RecordingSender sender, Func<OutboxWorkerOptions, OutboxWorkerOptions>? change = null)
    {
        FaultyOutboxStore process = new(Store, static _ => StoreFault.None);
        return (await StartAsync(sender, process, change), process);
    }

    /// <summary>Starts a worker in a given process.</summary>
    public async Task<OutboxWorker> StartAsync(
        RecordingSender sender, FaultyOutboxStore process, Func<OutboxWorkerOptions, OutboxWorkerOptions>? change = null)
    {
        OutboxWorkerOptions options = new() { Attempts = Attempts, Lease = LongLease };
        OutboxWorker worker = new(
            new SqlWebhookOutbox(process, sender, OutboxHarness.Secrets, null), sender, change is null ? options : change(options));
        _workers.Add(worker);
        await worker.StartAsync();
        return worker;
    }

    public async Task<OutboxReceipt> EnqueueAsync(
        string host, string? context = null, TimeSpan? maxAge = null, TimeSpan? notBefore = null, string? type = null)
    {
        OutboxItem item = OutboxHarness.Item(host, maxAge: maxAge, notBefore: notBefore is { } wait ? Time.GetUtcNow() + wait : null);
        IReadOnlyList<OutboxReceipt> receipts = await Outbox.EnqueueAsync(
            null,
            [
                new OutboxItem(
                    item.Destination, item.Payload, item.Options with { AuthorizationContext = context, NotificationType = type }),
            ]);
        return receipts[0];
    }

    public Task UntilAsync(Func<bool> condition) => Time.RunUntilAsync(condition);

    public Task UntilEmptyAsync() => Time.RunUntilAsync(() => Store.Waiting == 0);

    public async ValueTask DisposeAsync()
    {
        foreach (OutboxWorker worker in _workers)
        {
            // That of a process that has crashed takes several leases.
            Task stopped = worker.DisposeAsync().AsTask();
            await Time.RunUntilAsync(() => stopped.IsCompleted, LongLease / 10);
        }

        _senders.ForEach(static sender => sender.Dispose());
    }
}
