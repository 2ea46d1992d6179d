using System.Data.Common;
using System.Text.Json;
using System.Transactions;
using Adcp.Aot.Delivery;
using Adcp.Aot.Operations;
using Adcp.Aot.Payloads.Notifications;
using Adcp.Aot.Storage.Tests.Databases;
using Adcp.Aot.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Outbox and worker on a real database, with its clock.</summary>
public abstract partial class OutboxEndToEndContract : WebhookOutboxContract, IAsyncLifetime
{
    private readonly RecordingSender _sender;
    private readonly SqlDialect _dialect;
    private readonly List<SqlWebhookOutbox> _opened = [];
    private TestDatabase _database = null!;
    private SqlWebhookOutbox _outbox = null!;
    private bool _isStuck = true;

    protected OutboxEndToEndContract(SqlDialect dialect)
    {
        _dialect = dialect;
        _sender = Senders.Of((webhook, attempt, _) => ValueTask.FromResult(
            webhook.Destination.Url.Contains("gone", StringComparison.Ordinal) || webhook.TaskId == "gone" ? 410
            : webhook.Destination.Url.Contains("once", StringComparison.Ordinal) && attempt == 1 ? 503
            : webhook.TaskId == "stuck" && Volatile.Read(ref _isStuck) ? 503
            : 200));
    }

    public static TheoryData<string> Contract { get; } = [.. Rules];

    [Theory]
    [MemberData(nameof(Contract))]
    public Task Keeps_the_rule(string rule) => CheckAsync(rule, TestContext.Current.CancellationToken);

    public async ValueTask InitializeAsync()
    {
        _database = await CreateDatabaseAsync();
        _outbox = Open();
        await _outbox.CreateIfAbsentAsync();
        await _outbox.CheckAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (SqlWebhookOutbox opened in _opened)
        {
            await opened.DisposeAsync();
        }

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

        Assert.Equal([committed.IdempotencyKey], _sender.Attempts.Select(static sent => sent.IdempotencyKey));
        Assert.DoesNotContain("b.example", _sender.Attempts.Single().Destination.Url, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_webhook_that_failed_once_is_delivered_and_an_unwanted_one_is_a_dead_letter()
    {
        await using OutboxWorker worker = await StartAsync();
        await _outbox.EnqueueAsync(null, [OutboxHarness.Item("once.example"), OutboxHarness.Item("gone.example", "t2", id: "task-9")]);

        await _outbox.DrainAsync(OutboxHarness.Patience);

        DeadLetter dead = Assert.Single(await _outbox.DeadLetters.ListAsync());
        Assert.Equal(("rejected", 410, 1, "t2", "gone.example", "task-9"),
            (dead.Reason, dead.StatusCode, dead.Attempts, dead.Tenant, dead.Authority, dead.TaskId));
        Assert.Equal(OutboxDeliveryState.Undelivered, await _outbox.FindAsync("t2", "task-9"));
        Assert.Equal(2, _sender.Attempts.Count(static sent => sent.Destination.Url.Contains("once", StringComparison.Ordinal)));
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
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Dead: 1 } && _sender.Count == 2);

        Assert.Single(_sender.Attempts.Select(static sent => (sent.IdempotencyKey, Convert.ToHexString(sent.Body.Span))).Distinct());
        Assert.Equal(2, Assert.Single(await _outbox.DeadLetters.ListAsync()).Attempts);
        Assert.Equal(
            new DeadLetterReport { Discarded = 1, Missing = 1 },
            await _outbox.DeadLetters.DiscardAsync(new DeadLetterQuery
            {
                Ids = [.. (await _outbox.DeadLetters.ListAsync()).Select(static letter => letter.Id), long.MaxValue],
            }));
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

        foreach (DbTransaction refused in new[] { completed, foreign })
        {
            await Assert.ThrowsAsync<ArgumentException>(
                "transaction", async () => await _outbox.EnqueueAsync(refused, [OutboxHarness.Item()]));
            await Assert.ThrowsAsync<ArgumentException>("transaction", async () => await _outbox.CheckTransactionAsync(refused));
        }

        await using DbTransaction own = await connection.BeginTransactionAsync();
        await _outbox.CheckTransactionAsync(own);
    }

    [Fact]
    public async Task Page_that_is_open_costs_less_than_one_query_a_second()
    {
        int statements = 0;
        FaultyDataSource counted = new(_database.Source)
        {
            // A batch counts once. On PostgreSQL the check of a pooled connection counts too.
            Plan = (_, _) =>
            {
                Interlocked.Increment(ref statements);
                return null;
            },
        };
        FakeTimeProvider time = new();
        await using OutboxOperations operations = new(new StoreDatabase(counted, _dialect), OutboxHarness.Secrets, timeProvider: time);
        await using OutboxWorker worker = await StartAsync();
        await _outbox.EnqueueAsync(
            null, [OutboxHarness.Item("gone.example"), OutboxHarness.Item("c.example", notBefore: DateTimeOffset.UtcNow.AddHours(1))]);
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Parked: 1, Dead: 1 });
        OperationsStatus status = await operations.GetStatusAsync();

        List<int> costs = [];
        for (int period = 0; period < 3; period++)
        {
            int before = Volatile.Read(ref statements);
            for (int second = 0; second < 5; second++)
            {
                time.Advance(TimeSpan.FromSeconds(1));
                await operations.GetStatusAsync();
            }

            costs.Add(Volatile.Read(ref statements) - before);
        }

        Assert.Equal((0, 1, 1, 1), (status.Waiting, status.Parked, status.DeadLetters, status.Workers));
        Assert.Equal([new DeadLetterCount("rejected", 1, false)], status.DeadByReason);
        Assert.All(costs, static cost => Assert.InRange(cost, 1, 4));
    }

    [Fact]
    public async Task A_process_that_only_enqueues_sees_what_the_workers_do()
    {
        TaskCompletionSource answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using RecordingSender sender = Senders.Of(async (webhook, _, cancellationToken) =>
        {
            if (webhook.Destination.Url.Contains("held", StringComparison.Ordinal))
            {
                await answer.Task.WaitAsync(cancellationToken);
            }

            return 200;
        });
        OutboxWorkerOptions options = new() { Lease = TimeSpan.FromSeconds(10) };
        await using OutboxOperations operations = new(_outbox);
        await using OutboxWorker first = new(Open(), sender, options);
        await using OutboxWorker second = new(Open(), sender, options);
        await first.StartAsync();
        await second.StartAsync();
        await _outbox.EnqueueAsync(
            null, [OutboxHarness.Item("held.example"), OutboxHarness.Item("a.example"), OutboxHarness.Item("b.example")]);

        await UntilAsync(async () =>
            await _outbox.GetStatusAsync() is { InFlight: 1, InMemory: 1, Delivered: 2, Workers: 2, Lanes: OutboxLanes.Count });
        OutboxStatus[] own = [await first.GetStatusAsync(), await second.GetStatusAsync()];
        OperationsStatus overview = await operations.GetStatusAsync();
        answer.SetResult();
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { InFlight: 0, InMemory: 0, Delivered: 3, Waiting: 0 });
        await first.StopAsync(OutboxHarness.Patience);
        await second.StopAsync(OutboxHarness.Patience);
        OutboxStatus left = await _outbox.GetStatusAsync();

        Assert.Equal(
            (1, 1, 2L),
            (own.Sum(static one => one.InFlight), own.Sum(static one => one.InMemory), own.Sum(static one => one.Delivered)));
        Assert.Equal((1, 0L), (overview.InFlight, overview.FencedOff));
        Assert.Equal((0, 0L, 0, OutboxLanes.Count), (left.Workers, left.Delivered, left.Lanes, left.UnownedLanes));
    }

    [Fact]
    public async Task Another_process_isolates_pauses_resumes_and_resets()
    {
        OperatorAction action = new("alice");
        SqlWebhookOutbox outbox = Open();
        await using OutboxWorker idle = new(outbox, _sender);
        await using OutboxOperations operations = new(idle);
        await using OutboxWorker worker = await StartAsync(static options => options with { Lease = TimeSpan.FromSeconds(5) });
        await _outbox.EnqueueAsync(null, [OutboxHarness.Item("gone.example")]);
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Dead: 1 });
        string id = Assert.Single(await _outbox.DeadLetters.ListAsync()).EndpointId;

        EndpointStatus isolated = (await operations.IsolateAsync(id, action))!;
        await UntilAsync(() => Task.FromResult(worker.Endpoints.OpenCircuits == 1));
        await _outbox.EnqueueAsync(null, [OutboxHarness.Item("gone.example"), OutboxHarness.Item("a.example")]);
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Parked: 1 });
        int attempts = _sender.Count;
        await operations.PauseAsync(action);
        await UntilAsync(() => Task.FromResult(worker.IsPaused));
        await _outbox.EnqueueAsync(null, [OutboxHarness.Item("b.example")]);
        await operations.ResetAsync(id, action);
        await UntilAsync(() => Task.FromResult(worker.Endpoints.OpenCircuits == 0));
        int paused = _sender.Count;
        await operations.ResumeAsync(action);
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Parked: 0, Dead: 2 });

        Assert.Equal("t1 https://gone.example/hook", isolated.Name);
        Assert.Equal((2, 2, 4), (attempts, paused, _sender.Count));
    }

    [Fact]
    public async Task Ambient_transaction_is_refused_by_name_and_nothing_is_enqueued()
    {
        using (new TransactionScope(TransactionScopeAsyncFlowOption.Enabled))
        {
            foreach (OutboxItem item in new[] { OutboxHarness.Item(), OutboxHarness.Item(id: "d"), OutboxHarness.Item(stream: "s") })
            {
                InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(
                    async () => await _outbox.EnqueueAsync(null, [item]));
                Assert.Contains("TransactionScope", fault.Message, StringComparison.Ordinal);
            }
        }

        Assert.Equal(0, (await _outbox.GetStatusAsync()).Waiting);
    }

    [Fact]
    public async Task Ten_thousand_rows_to_many_hosts_are_each_delivered_once_by_two_workers()
    {
        const int Hosts = 50;
        OutboxItem[] items = [.. Enumerable.Range(0, 500).Select(static i => OutboxHarness.Item($"b{i % Hosts}.example", $"t{i % 7}"))];
        await using OutboxWorker first = await StartAsync();
        await using OutboxWorker second = await StartAsync();
        const int Half = OutboxLanes.Count / 2;
        await UntilAsync(async () => ((await first.GetStatusAsync()).Lanes, (await second.GetStatusAsync()).Lanes) == (Half, Half));
        for (int i = 0; i < 20; i++)
        {
            await _outbox.EnqueueAsync(null, items);
        }

        await _outbox.DrainAsync(OutboxHarness.Patience);

        Assert.Equal(10_000, _sender.Count);
        Assert.Equal(10_000, _sender.Attempts.Select(static sent => sent.IdempotencyKey).Distinct().Count());
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

    protected override ValueTask<IWebhookOutbox> OpenAsync(CancellationToken cancellationToken) =>
        new(Open());

    protected override ValueTask<DbConnection> ConnectAsync(CancellationToken cancellationToken) =>
        _database.Source.OpenConnectionAsync(cancellationToken);

    private SqlWebhookOutbox Open()
    {
        SqlWebhookOutbox outbox = new(new StoreDatabase(_database.Source, _dialect), _sender, OutboxHarness.Secrets);
        _opened.Add(outbox);
        return outbox;
    }

    private protected virtual Task<TestDatabase> CreateDatabaseAsync() => TestDatabase.CreateAsync(_dialect);

    [Fact]
    public async Task One_row_that_was_tampered_with_is_a_dead_letter_and_all_others_are_delivered()
    {
        IReadOnlyList<OutboxReceipt> receipts =
            await _outbox.EnqueueAsync(null, [.. Enumerable.Range(0, 100).Select(static i => OutboxHarness.Item($"b{i % 9}.example"))]);
        await _database.ExecuteAsync($"UPDATE adcp_outbox_log SET tenant = tenant + 1 WHERE id = {receipts[50].Id}");
        await using OutboxWorker worker = await StartAsync();

        Assert.Equal(1, (await _outbox.DrainAsync(OutboxHarness.Patience)).Dead);

        Assert.Equal(99, _sender.Attempts.Select(static sent => sent.IdempotencyKey).Distinct().Count());
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
        await _outbox.DrainAsync(OutboxHarness.Patience);

        Assert.Equal(keys.SelectMany(static key => new[] { key, key }), _sender.Attempts.Select(static sent => sent.IdempotencyKey));
    }

    [Fact]
    public async Task More_ordered_streams_than_rows_in_memory_are_delivered_each_in_order()
    {
        const int Streams = 1_000;
        OutboxItem[] items = [.. Enumerable.Range(0, 2 * Streams).Select(static i => Ordered("a.example", $"s{i % Streams}"))];
        string[] keys = [.. (await _outbox.EnqueueAsync(null, items)).Select(static receipt => receipt.IdempotencyKey)];
        await using OutboxWorker worker = await StartAsync(static options => options with { MaxRowsInMemory = 256 });
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Parked: 0 });

        Dictionary<string, int> arrived = _sender.Attempts.Select(static (sent, i) => (sent.IdempotencyKey, i)).ToDictionary();
        Assert.Equal(2 * Streams, arrived.Count);
        Assert.All(Enumerable.Range(0, Streams), i => Assert.True(arrived[keys[i]] < arrived[keys[i + Streams]]));
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
        await _outbox.DrainAsync(OutboxHarness.Patience);

        Assert.Equal([keys[0], keys[1], third], _sender.Attempts.Select(static sent => sent.IdempotencyKey).TakeLast(3));
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
        await _outbox.DrainAsync(OutboxHarness.Patience);

        Assert.Equal(stuck, _sender.Attempts[^1].IdempotencyKey);
    }

    [Fact]
    public async Task A_dead_letter_lets_its_ordered_stream_go_on()
    {
        await _outbox.EnqueueAsync(null, [Ordered("a.example", "s", "gone"), Ordered("a.example", "s"), Ordered("a.example", "s")]);
        await using OutboxWorker worker = await StartAsync();

        Assert.Equal(1, (await _outbox.DrainAsync(OutboxHarness.Patience)).Dead);

        Assert.Equal(3, _sender.Count);
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

        Assert.Equal(1, (await _outbox.DrainAsync(OutboxHarness.Patience)).Dead);

        DeadLetter dead = Assert.Single(await _outbox.DeadLetters.ListAsync(new DeadLetterQuery { Reason = "suppressed" }));
        Assert.Equal(("a.example", 0, true), (dead.Authority, dead.Attempts, dead.IsInsideHorizon));
        Assert.DoesNotContain(
            "subscription-17", System.Text.Encoding.UTF8.GetString(_sender.Attempts.Single().Body.Span), StringComparison.Ordinal);
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
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Dead: 2 } && _sender.Count == 3);

        using JsonDocument first = JsonDocument.Parse(
            _sender.Attempts.Single(sent => sent.IdempotencyKey == letters[0].IdempotencyKey).Body);
        PreparedWebhook last = _sender.Attempts[^1];
        using JsonDocument second = JsonDocument.Parse(last.Body);
        Assert.NotEqual(letters[0].IdempotencyKey, last.IdempotencyKey);
        Assert.Equal(last.IdempotencyKey, second.RootElement.GetProperty("idempotency_key").GetString());
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
            Assert.Equal([5, 10, 12], steps.Select(static step => step.Redriven).Distinct());
            await UntilAsync(async () =>
                await _outbox.GetStatusAsync() is { Waiting: 0, Dead: 25 } && _sender.Count == 25 + (12 * run));
        }

        Assert.Equal(25, _sender.Attempts.Select(static sent => sent.IdempotencyKey).Distinct().Count());
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

    private int Count(string key) => _sender.Attempts.Count(sent => sent.IdempotencyKey == key);

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        long started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < OutboxHarness.Patience, "The condition did not come true.");
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
            // A machine that is busy must not cost the lease: it is not what these tests are about.
            Lease = TimeSpan.FromSeconds(20),
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
