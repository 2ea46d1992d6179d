using Adcp.Aot.Storage.Tests.Databases;
using Adcp.Aot.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Wake-ups of the host's, which may throw, return or hang.</summary>
public sealed class OutboxWakeUpTests : IAsyncLifetime
{
    private readonly RecordingSender _sender = Senders.Of(static (_, _, _) => ValueTask.FromResult(200));
    private readonly FakeTimeProvider _time = new();
    private TestDatabase _database = null!;

    public async ValueTask InitializeAsync() => _database = await TestDatabase.CreateAsync(SqlDialect.Sqlite);

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        _sender.Dispose();
    }

    [Fact]
    public async Task Each_commit_of_the_outbox_notifies_and_a_hint_of_others_wakes()
    {
        ScriptedWakeUp wakeUp = new();
        await using SqlWebhookOutbox outbox = await OpenAsync(wakeUp);
        await using OutboxWorker worker = await StartAsync(outbox);

        await outbox.EnqueueAsync(null, [OutboxHarness.Item()]);
        outbox.Wake();

        Assert.Equal(2, wakeUp.Notified);
        await _time.RunUntilAsync(() => wakeUp.Wake is not null && _sender.Count == 1);
        wakeUp.Wake!();
    }

    [Fact]
    public async Task Wake_up_that_throws_loses_neither_the_commit_nor_the_delivery_and_is_called_again()
    {
        ScriptedWakeUp wakeUp = new() { NotifyFault = new InvalidOperationException("away"), ListenFault = new IOException("gone") };
        await using SqlWebhookOutbox outbox = await OpenAsync(wakeUp);
        await using OutboxWorker worker = await StartAsync(outbox);

        await outbox.EnqueueAsync(null, [OutboxHarness.Item()]);

        await _time.RunUntilAsync(() => _sender.Count == 1 && wakeUp.Listened > 2);
    }

    [Fact]
    public async Task Wake_up_that_does_not_end_does_not_keep_a_worker_from_stopping()
    {
        ScriptedWakeUp wakeUp = new() { IsDeaf = true };
        await using SqlWebhookOutbox outbox = await OpenAsync(wakeUp);
        OutboxWorker worker = await StartAsync(outbox);

        Task<OutboxStopReport> stopping = worker.StopAsync(TimeSpan.FromSeconds(1));

        await _time.RunUntilAsync(() => stopping.IsCompleted);
        Assert.False((await stopping).MayRepeat);
    }

    private async Task<SqlWebhookOutbox> OpenAsync(ScriptedWakeUp wakeUp)
    {
        SqlWebhookOutbox outbox = new(
            new StoreDatabase(_database.Source, SqlDialect.Sqlite), _sender, OutboxHarness.Secrets,
            new SqlWebhookOutboxOptions { WakeUp = wakeUp });
        await outbox.CreateIfAbsentAsync();
        return outbox;
    }

    private async Task<OutboxWorker> StartAsync(SqlWebhookOutbox outbox)
    {
        OutboxWorker worker = new(outbox, _sender, new OutboxWorkerOptions
        {
            Lease = TimeSpan.FromMinutes(5),
            Attempts = new WebhookSupervisorOptions { Retry = OutboxWorkerOptions.DefaultRetry, TimeProvider = _time },
        });
        await worker.StartAsync();
        return worker;
    }
}
