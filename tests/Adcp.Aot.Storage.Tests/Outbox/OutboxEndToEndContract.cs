using System.Data.Common;
using Adcp.Aot.Delivery;
using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Outbox and worker on a real database, with its clock.</summary>
public abstract class OutboxEndToEndContract(SqlDialect dialect) : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly ScriptedSender _sender = new(static (webhook, attempt, _) => ValueTask.FromResult(
        webhook.Destination.Url.Contains("gone", StringComparison.Ordinal) ? 410
        : webhook.Destination.Url.Contains("once", StringComparison.Ordinal) && attempt == 1 ? 503
        : 200));

    private TestDatabase _database = null!;
    private SqlWebhookOutbox _outbox = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await CreateDatabaseAsync();
        _outbox = new SqlWebhookOutbox(new StoreDatabase(_database.Source, dialect), _sender, OutboxHarness.Secrets);
        await _outbox.CreateIfAbsentAsync();
        await _outbox.CheckAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _outbox.DisposeAsync();
        await _database.DisposeAsync();
        _sender.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_committed_transaction_is_delivered_and_a_rolled_back_one_is_not()
    {
        await using OutboxWorker worker = await StartAsync();
        OutboxReceipt committed = await InTransactionAsync(OutboxHarness.Item("a.example"), commits: true);
        await InTransactionAsync(OutboxHarness.Item("b.example"), commits: false);

        await UntilAsync(async () => (await _outbox.GetStatusAsync()).Waiting == 0);

        Assert.Equal([committed.IdempotencyKey], _sender.Received.Select(static sent => sent.Key));
        Assert.DoesNotContain("b.example", _sender.Received.Single().Url, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_webhook_that_failed_once_is_delivered_and_an_unwanted_one_is_a_dead_letter()
    {
        await using OutboxWorker worker = await StartAsync();
        await _outbox.EnqueueAsync(null, [OutboxHarness.Item("once.example"), OutboxHarness.Item("gone.example", "t2", id: "task-9")]);

        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Parked: 0 });

        DeadLetter dead = Assert.Single(await _outbox.DeadLetters.ListAsync());
        Assert.Equal(("rejected", 410, 1, "t2", "gone.example", "task-9"),
            (dead.Reason, dead.StatusCode, dead.Attempts, dead.Tenant, dead.Authority, dead.TaskId));
        Assert.Equal(OutboxDeliveryState.Undelivered, await _outbox.FindAsync("t2", "task-9"));
        Assert.Equal(2, _sender.Received.Count(static sent => sent.Url.Contains("once", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_redriven_dead_letter_has_the_same_key_and_bytes()
    {
        await using OutboxWorker worker = await StartAsync();
        await _outbox.EnqueueAsync(null, [OutboxHarness.Item("gone.example")]);
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Dead: 1 });
        DeadLetter dead = Assert.Single(await _outbox.DeadLetters.ListAsync());

        Assert.Equal(new RedriveReport(1, 0, 0), await _outbox.DeadLetters.RedriveAsync([dead.Id], isDryRun: true));
        Assert.Equal(new RedriveReport(1, 0, 0), await _outbox.DeadLetters.RedriveAsync([dead.Id]));
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Dead: 1 } && _sender.Received.Count == 2);

        Assert.Single(_sender.Received.Select(static sent => (sent.Key, Convert.ToHexString(sent.Body))).Distinct());
        Assert.Equal(2, Assert.Single(await _outbox.DeadLetters.ListAsync()).Attempts);
        Assert.Equal(
            1, await _outbox.DeadLetters.DiscardAsync([.. (await _outbox.DeadLetters.ListAsync()).Select(static letter => letter.Id)]));
    }

    [Fact]
    public async Task A_delivery_id_is_enqueued_once()
    {
        OutboxItem item = OutboxHarness.Item(id: "task-1");
        OutboxReceipt first = (await _outbox.EnqueueAsync(null, [item]))[0];

        OutboxReceipt again = (await _outbox.EnqueueAsync(null, [item]))[0];
        OutboxReceipt other = (await _outbox.EnqueueAsync(null, [OutboxHarness.Item(id: "task-1", status: "failed")]))[0];
        OutboxReceipt elsewhere = (await _outbox.EnqueueAsync(null, [OutboxHarness.Item(tenant: "t2", id: "task-1")]))[0];

        Assert.Equal(EnqueueStatus.Enqueued, first.Status);
        Assert.Equal((EnqueueStatus.AlreadyEnqueued, first.IdempotencyKey), (again.Status, again.IdempotencyKey));
        Assert.Equal(EnqueueStatus.Conflict, other.Status);
        Assert.Equal(EnqueueStatus.Enqueued, elsewhere.Status);
        Assert.Equal(2, (await _outbox.GetStatusAsync()).Waiting);
        Assert.Equal(OutboxDeliveryState.Waiting, await _outbox.FindAsync("t1", "task-1"));
        Assert.Null(await _outbox.FindAsync("t1", "task-2"));
    }

    [Fact]
    public async Task Numbers_of_a_stream_have_no_gap_although_a_transaction_was_rolled_back()
    {
        OutboxReceipt first = (await _outbox.EnqueueAsync(null, [OutboxHarness.Item(stream: "s")]))[0];
        await InTransactionAsync(OutboxHarness.Item(stream: "s"), commits: false);
        OutboxReceipt repeated = (await _outbox.EnqueueAsync(null, [OutboxHarness.Item(id: "d", stream: "s")]))[0];
        OutboxReceipt known = (await _outbox.EnqueueAsync(null, [OutboxHarness.Item(id: "d", stream: "s")]))[0];
        OutboxReceipt last = (await _outbox.EnqueueAsync(null, [OutboxHarness.Item(stream: "s")]))[0];
        OutboxReceipt foreign = (await _outbox.EnqueueAsync(null, [OutboxHarness.Item(tenant: "t2", stream: "s")]))[0];

        Assert.Equal([1, 2, 3, 1], new[] { first, repeated, last, foreign }.Select(static receipt => receipt.SequenceNumber!.Value));
        Assert.Equal(EnqueueStatus.AlreadyEnqueued, known.Status);
    }

    [Fact]
    public async Task A_transaction_that_is_completed_or_runs_elsewhere_is_refused()
    {
        await using DbConnection connection = await _database.Source.OpenConnectionAsync();
        DbTransaction completed = await connection.BeginTransactionAsync();
        await completed.CommitAsync();
        await using TestDatabase other = await CreateDatabaseAsync();
        await using DbConnection elsewhere = await other.Source.OpenConnectionAsync();
        await using DbTransaction foreign = await elsewhere.BeginTransactionAsync();

        await Assert.ThrowsAsync<ArgumentException>(async () => await _outbox.EnqueueAsync(completed, [OutboxHarness.Item()]));
        await Assert.ThrowsAsync<ArgumentException>(async () => await _outbox.EnqueueAsync(foreign, [OutboxHarness.Item()]));
    }

    [Fact]
    public async Task Ten_thousand_rows_to_many_hosts_are_each_delivered_once_by_two_workers()
    {
        const int Hosts = 50;
        OutboxItem[] items = [.. Enumerable.Range(0, 500).Select(static i => OutboxHarness.Item($"b{i % Hosts}.example", $"t{i % 7}"))];
        await using OutboxWorker first = await StartAsync();
        await using OutboxWorker second = await StartAsync();
        for (int i = 0; i < 20; i++)
        {
            await _outbox.EnqueueAsync(null, items);
        }

        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Parked: 0 });

        Assert.Equal(10_000, _sender.Received.Count);
        Assert.Equal(10_000, _sender.Received.Select(static sent => sent.Key).Distinct().Count());
    }

    [Fact]
    public async Task Nothing_secret_is_readable_in_the_tables()
    {
        await _outbox.EnqueueAsync(null, [OutboxHarness.Item("hidden-host.example", "hidden-tenant", id: "hidden-id")]);

        List<object?[]> rows = await _database.RowsAsync("SELECT * FROM adcp_outbox_log");

        string text = string.Join('|', rows.SelectMany(static row => row).Select(static value => value is byte[] bytes
            ? System.Text.Encoding.Latin1.GetString(bytes)
            : value?.ToString()));
        Assert.DoesNotContain("hidden", text, StringComparison.Ordinal);
        Assert.DoesNotContain("a-token-of-16-chars", text, StringComparison.Ordinal);
    }

    private protected virtual Task<TestDatabase> CreateDatabaseAsync() => TestDatabase.CreateAsync(dialect);

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        long started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Patience, "The condition did not come true.");
            await Task.Delay(20);
        }
    }

    private async Task<OutboxReceipt> InTransactionAsync(OutboxItem item, bool commits)
    {
        await using DbConnection connection = await _database.Source.OpenConnectionAsync();
        await using DbTransaction transaction = await connection.BeginTransactionAsync();
        OutboxReceipt receipt = (await _outbox.EnqueueAsync(transaction, [item]))[0];
        await (commits ? transaction.CommitAsync() : transaction.RollbackAsync());
        _outbox.Wake();
        return receipt;
    }

    private async Task<OutboxWorker> StartAsync()
    {
        OutboxWorker worker = new(_outbox, _sender, new OutboxWorkerOptions
        {
            Attempts = new WebhookSupervisorOptions
            { Retry = OutboxWorkerOptions.DefaultRetry with { BaseDelay = TimeSpan.FromMilliseconds(50) } },
        });
        await worker.StartAsync();
        return worker;
    }
}

public sealed class SqliteOutboxEndToEndTests() : OutboxEndToEndContract(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlOutboxEndToEndTests() : OutboxEndToEndContract(SqlDialect.PostgreSql);
