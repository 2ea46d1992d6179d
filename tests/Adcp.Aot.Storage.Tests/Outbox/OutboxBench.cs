using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Workers on a store in memory, whose clock is theirs, with a sink that keeps every record.</summary>
internal sealed class OutboxBench : IAsyncDisposable
{
    private readonly List<OutboxWorker> _workers = [];
    private readonly List<ScriptedSender> _senders = [];

    public OutboxBench()
    {
        Store = new InMemoryOutboxStore(Time);
        Enqueuer = Sender(static (_, _, _) => ValueTask.FromResult(200));
        Outbox = new SqlWebhookOutbox(Store, Enqueuer, OutboxHarness.Secrets, new SqlWebhookOutboxOptions { TimeProvider = Time });
    }

    public FakeTimeProvider Time { get; } = new(DateTimeOffset.UnixEpoch.AddYears(50));

    public InMemoryOutboxStore Store { get; }

    public InMemoryDeliveryLogSink Sink { get; } = new();

    public ScriptedSender Enqueuer { get; }

    public SqlWebhookOutbox Outbox { get; }

    public IReadOnlyList<DeliveryAttemptSnapshot> Records => Sink.Snapshot();

    public WebhookSupervisorOptions Attempts => new()
    {
        Retry = OutboxWorkerOptions.DefaultRetry,
        TimeProvider = Time,
        Sink = Sink,
        SinkMode = SinkMode.Inline,
    };

    public ScriptedSender Sender(Func<PreparedWebhook, int, CancellationToken, ValueTask<int>> answer)
    {
        ScriptedSender sender = new(answer);
        _senders.Add(sender);
        return sender;
    }

    /// <summary>Starts a worker in a process of its own.</summary>
    public async Task<(OutboxWorker Worker, FaultyOutboxStore Process)> StartAsync(
        ScriptedSender sender, Func<OutboxWorkerOptions, OutboxWorkerOptions>? change = null)
    {
        FaultyOutboxStore process = new(Store, static _ => StoreFault.None);
        return (await StartAsync(sender, process, change), process);
    }

    /// <summary>Starts a worker in a given process.</summary>
    public async Task<OutboxWorker> StartAsync(
        ScriptedSender sender, FaultyOutboxStore process, Func<OutboxWorkerOptions, OutboxWorkerOptions>? change = null)
    {
        OutboxWorkerOptions options = new() { Attempts = Attempts };
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
            Task stopped = worker.DisposeAsync().AsTask();
            await Time.RunUntilAsync(() => stopped.IsCompleted);
        }

        _senders.ForEach(static sender => sender.Dispose());
    }
}
