using System.Data.Common;
using System.Text.Json;
using Adcp.Aot.Delivery;
using Adcp.Aot.Operations;
using Adcp.Aot.Payloads.Notifications;
using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Outbox and worker on a real database, with its clock.</summary>
public abstract class OutboxEndToEndContract : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly ScriptedSender _sender;
    private readonly SqlDialect _dialect;
    private TestDatabase _database = null!;
    private SqlWebhookOutbox _outbox = null!;
    private bool _isStuck = true;

    protected OutboxEndToEndContract(SqlDialect dialect)
    {
        _dialect = dialect;
        _sender = new ScriptedSender((webhook, attempt, _) => ValueTask.FromResult(
            webhook.Destination.Url.Contains("gone", StringComparison.Ordinal) || webhook.TaskId == "gone" ? 410
            : webhook.Destination.Url.Contains("once", StringComparison.Ordinal) && attempt == 1 ? 503
            : webhook.TaskId == "stuck" && Volatile.Read(ref _isStuck) ? 503
            : 200));
    }

    public async ValueTask InitializeAsync()
    {
        _database = await CreateDatabaseAsync();
        _outbox = new SqlWebhookOutbox(new StoreDatabase(_database.Source, _dialect), _sender, OutboxHarness.Secrets);
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

        DeadLetterReport one = new() { Redriven = 1 };
        Assert.Equal(one, await _outbox.DeadLetters.RedriveAsync([dead.Id], new RedriveOptions { IsDryRun = true }));
        Assert.Equal(one, await _outbox.DeadLetters.RedriveAsync([dead.Id]));
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

    private protected virtual Task<TestDatabase> CreateDatabaseAsync() => TestDatabase.CreateAsync(_dialect);

    [Fact]
    public async Task One_row_that_was_tampered_with_is_a_dead_letter_and_all_others_are_delivered()
    {
        IReadOnlyList<OutboxReceipt> receipts =
            await _outbox.EnqueueAsync(null, [.. Enumerable.Range(0, 100).Select(static i => OutboxHarness.Item($"b{i % 9}.example"))]);
        await _database.ExecuteAsync($"UPDATE adcp_outbox_log SET tenant = tenant + 1 WHERE id = {receipts[50].Id}");
        await using OutboxWorker worker = await StartAsync();

        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Parked: 0, Dead: 1 });

        Assert.Equal(99, _sender.Received.Select(static sent => sent.Key).Distinct().Count());
        Assert.Equal("unreadable", Assert.Single(await _outbox.DeadLetters.ListAsync()).Reason);
        DeadLetterReport report = await _outbox.DeadLetters.RedriveAsync(new DeadLetterQuery());
        Assert.Equal(new DeadLetterReport { Missing = 1 }, report);
    }

    [Fact]
    public async Task An_ordered_stream_arrives_in_order_although_each_webhook_fails_once()
    {
        List<string> keys = [];
        for (int i = 0; i < 6; i++)
        {
            keys.Add((await _outbox.EnqueueAsync(null, [Ordered("once.example", "s")]))[0].IdempotencyKey);
        }

        await using OutboxWorker worker = await StartAsync();
        keys.AddRange((await _outbox.EnqueueAsync(null, [Ordered("once.example", "s"), Ordered("once.example", "s")]))
            .Select(static receipt => receipt.IdempotencyKey));
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Parked: 0 });

        Assert.Equal(keys.SelectMany(static key => new[] { key, key }), _sender.Received.Select(static sent => sent.Key));
    }

    [Fact]
    public async Task The_first_webhook_of_an_ordered_stream_blocks_its_stream_only_and_survives_a_restart()
    {
        string[] keys =
        [
            (await _outbox.EnqueueAsync(null, [Ordered("a.example", "s", "stuck")]))[0].IdempotencyKey,
            (await _outbox.EnqueueAsync(null, [Ordered("a.example", "s")]))[0].IdempotencyKey,
        ];
        string other = (await _outbox.EnqueueAsync(null, [Ordered("a.example", "other")]))[0].IdempotencyKey;
        OutboxWorker first = await StartAsync();
        await using (first)
        {
            string free = (await _outbox.EnqueueAsync(null, [OutboxHarness.Item("a.example")]))[0].IdempotencyKey;
            await UntilAsync(() => Task.FromResult(
                Count(keys[0]) >= 2 && Count(other) == 1 && Count(free) == 1));
            await first.StopAsync(TimeSpan.FromSeconds(10));
        }

        Assert.Equal(0, Count(keys[1]));
        string third = (await _outbox.EnqueueAsync(null, [Ordered("a.example", "s")]))[0].IdempotencyKey;
        await using OutboxWorker second = await StartAsync();
        int before = Count(keys[0]);
        await UntilAsync(() => Task.FromResult(Count(keys[0]) > before));
        Assert.Equal(0, Count(keys[1]));
        Volatile.Write(ref _isStuck, false);
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Parked: 0 });

        Assert.Equal([keys[0], keys[1], third], _sender.Received.Select(static sent => sent.Key).TakeLast(3));
        Assert.Equal((1, 1), (Count(keys[1]), Count(third)));
    }

    [Fact]
    public async Task A_webhook_that_blocks_its_stream_for_too_long_is_passed_over_and_is_delivered_later()
    {
        string stuck = (await _outbox.EnqueueAsync(null, [Ordered("a.example", "s", "stuck")]))[0].IdempotencyKey;
        string next = (await _outbox.EnqueueAsync(null, [Ordered("a.example", "s")]))[0].IdempotencyKey;
        await using OutboxWorker worker = await StartAsync(static options => options with { HeadOfLineLimit = TimeSpan.Zero });

        await UntilAsync(() => Task.FromResult(Count(next) == 1));
        Volatile.Write(ref _isStuck, false);
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Parked: 0 });

        Assert.Equal(stuck, _sender.Received.Last().Key);
    }

    [Fact]
    public async Task A_dead_letter_lets_its_ordered_stream_go_on()
    {
        await _outbox.EnqueueAsync(null, [Ordered("a.example", "s", "gone"), Ordered("a.example", "s"), Ordered("a.example", "s")]);
        await using OutboxWorker worker = await StartAsync();

        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Parked: 0, Dead: 1 });

        Assert.Equal(3, _sender.Received.Count);
    }

    [Fact]
    public async Task Order_needs_a_stream() =>
        await Assert.ThrowsAsync<ArgumentException>(async () =>
        {
            OutboxItem item = OutboxHarness.Item();
            await _outbox.EnqueueAsync(null, [new OutboxItem(item.Destination, item.Payload, item.Options with { KeepsOrder = true })]);
        });

    [Fact]
    public async Task The_context_for_the_authorizer_travels_with_the_row_and_is_not_sent()
    {
        OutboxItem item = OutboxHarness.Item("a.example");
        OutboxOptions options = item.Options with { AuthorizationContext = "subscription-17" };
        await _outbox.EnqueueAsync(null, [new OutboxItem(item.Destination, item.Payload, options), OutboxHarness.Item("b.example")]);
        Deny authorizer = new();
        await using OutboxWorker worker = await StartAsync(options => options with { Authorizer = authorizer });

        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Parked: 0, Dead: 1 });

        DeadLetter dead = Assert.Single(await _outbox.DeadLetters.ListAsync(new DeadLetterQuery { Reason = "suppressed" }));
        Assert.Equal(("a.example", 0, true), (dead.Authority, dead.Attempts, dead.IsInsideHorizon));
        Assert.DoesNotContain(
            "subscription-17", System.Text.Encoding.UTF8.GetString(_sender.Received.Single().Body), StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_the_horizon_only_a_notification_is_emitted_again_and_only_under_a_new_key()
    {
        OutboxOptions options = new() { Tenant = "t1", DeliveryId = "event-1" };
        WebhookDestination gone = new("https://gone.example/hook");
        await _outbox.EnqueueAsync(null, [OutboxHarness.Item("gone.example"), new OutboxItem(gone, Purged(), options)]);
        await using OutboxWorker worker = await StartAsync();
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Dead: 2 });
        await _database.ExecuteAsync("UPDATE adcp_outbox_dead SET horizon_at = horizon_at - 2 * 86400000");
        IReadOnlyList<DeadLetter> letters = await _outbox.DeadLetters.ListAsync();
        Assert.Equal([true, false], letters.Select(static letter => letter.IsRepeatable));
        Assert.All(letters, static letter => Assert.False(letter.IsInsideHorizon));
        RedriveOptions newKeys = new() { AllowsNewKey = true };
        DeadLetterReport expected = new() { Redriven = 1, WithNewKey = 1, NotRepeatable = 1 };

        Assert.Equal(new DeadLetterReport { OutsideHorizon = 2 }, await _outbox.DeadLetters.RedriveAsync(new DeadLetterQuery()));
        Assert.Equal(expected, await _outbox.DeadLetters.RedriveAsync(new DeadLetterQuery(), newKeys with { IsDryRun = true }));
        Assert.Equal(2, (await _outbox.GetStatusAsync()).Dead);
        Assert.Equal(expected, await _outbox.DeadLetters.RedriveAsync([.. letters.Select(static letter => letter.Id)], newKeys));
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Dead: 2 } && _sender.Received.Count == 3);

        using JsonDocument first = JsonDocument.Parse(_sender.Received.Single(sent => sent.Key == letters[0].IdempotencyKey).Body);
        (string key, byte[] body, _) = _sender.Received.Last();
        using JsonDocument second = JsonDocument.Parse(body);
        Assert.NotEqual(letters[0].IdempotencyKey, key);
        Assert.Equal(key, second.RootElement.GetProperty("idempotency_key").GetString());
        Assert.Equal("event-1", second.RootElement.GetProperty("notification_id").GetString());
        Assert.Equal(
            first.RootElement.EnumerateObject().Where(IsKept).Select(static member => member.ToString()),
            second.RootElement.EnumerateObject().Where(IsKept).Select(static member => member.ToString()));
        DeadLetter again = (await _outbox.DeadLetters.ListAsync())[0];
        Assert.Equal((1, true), (again.Attempts, again.IsInsideHorizon));
        Assert.Equal(OutboxDeliveryState.Undelivered, await _outbox.FindAsync("t1", "event-1"));

        static bool IsKept(JsonProperty member) => member.Name is not ("idempotency_key" or "fired_at");
    }

    [Fact]
    public async Task A_row_that_is_redriven_and_dies_twice_is_a_dead_letter_twice_and_one_run_redrives_it_once()
    {
        await using OutboxWorker worker = await StartAsync();
        for (int i = 0; i < 25; i++)
        {
            await _outbox.EnqueueAsync(null, [OutboxHarness.Item("gone.example", $"t{i % 2}")]);
        }

        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Dead: 25 });
        for (int run = 1; run <= 2; run++)
        {
            List<DeadLetterReport> steps = [];
            DeadLetterReport report = await _outbox.DeadLetters.RedriveAsync(
                new DeadLetterQuery { Tenant = "t1", Limit = 5 }, new RedriveOptions { Progress = new Steps(steps) });
            Assert.Equal(new DeadLetterReport { Redriven = 12 }, report);
            Assert.Equal([5, 10, 12], steps.Select(static step => step.Redriven));
            await UntilAsync(async () =>
                await _outbox.GetStatusAsync() is { Waiting: 0, Dead: 25 } && _sender.Received.Count == 25 + (12 * run));
        }

        Assert.Equal(25, _sender.Received.Select(static sent => sent.Key).Distinct().Count());
        Assert.Equal([1, 3], (await _outbox.DeadLetters.ListAsync()).Select(static letter => letter.Attempts).Distinct().Order());
    }

    private static CreativePurged Purged() => new()
    {
        NotificationId = "event-1",
        SubscriberId = "s",
        AccountId = "a",
        CreativeId = "c",
        PurgeKind = PurgeKind.Hard,
        PurgedAt = DateTimeOffset.UnixEpoch,
        ReasonCode = CreativeReasonCode.LegalErasure,
        Initiator = EventInitiator.Seller,
    };

    private static OutboxItem Ordered(string host, string stream, string? task = null)
    {
        OutboxItem item = OutboxHarness.Item(host, stream: stream);
        McpWebhook payload = new()
        {
            TaskId = task ?? "task",
            TaskType = TaskType.CreateMediaBuy,
            Status = AdcpTaskStatus.Completed,
        };
        return new OutboxItem(item.Destination, payload, item.Options with { KeepsOrder = true });
    }

    private int Count(string key) => _sender.Received.Count(sent => sent.Key == key);

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

    private async Task<OutboxWorker> StartAsync(Func<OutboxWorkerOptions, OutboxWorkerOptions>? change = null)
    {
        OutboxWorkerOptions options = new()
        {
            Attempts = new WebhookSupervisorOptions
            {
                Retry = OutboxWorkerOptions.DefaultRetry with { BaseDelay = TimeSpan.FromMilliseconds(50) },
                Circuit = new CircuitBreakerPolicy { OpenTimeout = TimeSpan.FromMilliseconds(200) },
            },
        };
        OutboxWorker worker = new(_outbox, _sender, change is null ? options : change(options));
        await worker.StartAsync();
        return worker;
    }

    private sealed class Deny : IAttemptAuthorizer
    {
        public ValueTask AuthorizeAsync(
            IReadOnlyList<PlannedAttempt> attempts, Memory<AttemptDecision> decisions, CancellationToken cancellationToken)
        {
            for (int i = 0; i < attempts.Count; i++)
            {
                decisions.Span[i] = attempts[i].Context == "subscription-17"
                    ? AttemptDecision.Suppress("subscription_missing")
                    : AttemptDecision.Allow();
            }

            return default;
        }
    }

    private sealed class Steps(List<DeadLetterReport> reports) : IProgress<DeadLetterReport>
    {
        public void Report(DeadLetterReport value) => reports.Add(value);
    }
}

public sealed class SqliteOutboxEndToEndTests() : OutboxEndToEndContract(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlOutboxEndToEndTests() : OutboxEndToEndContract(SqlDialect.PostgreSql);
