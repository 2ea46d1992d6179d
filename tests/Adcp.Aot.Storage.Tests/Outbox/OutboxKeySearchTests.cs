using Adcp.Aot.Delivery;
using Adcp.Aot.Operations;
using Adcp.Aot.Payloads.Notifications;
using Adcp.Aot.Storage.Tests.Databases;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

public sealed class SqliteOutboxKeySearchTests() : OutboxKeySearchTests(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlOutboxKeySearchTests() : OutboxKeySearchTests(SqlDialect.PostgreSql);

/// <summary>A webhook is found by its idempotency key, however many others wait or are dead.</summary>
public abstract class OutboxKeySearchTests(SqlDialect dialect) : DatabaseTests(dialect)
{
    private const int Many = 1_100;

    private static readonly TimeSpan Later = TimeSpan.FromHours(1);

    private readonly RecordingSender _sender = Senders.Of(static (webhook, _, _) =>
        ValueTask.FromResult(webhook.Destination.Url.Contains("gone", StringComparison.Ordinal) ? 410 : 503));

    private SqlWebhookOutbox _outbox = null!;
    private OutboxOperations _operations = null!;

    protected override async Task PrepareAsync()
    {
        _outbox = new SqlWebhookOutbox(new StoreDatabase(Database.Source, Dialect), _sender, OutboxHarness.Secrets);
        await _outbox.CreateIfAbsentAsync();
        _operations = new OutboxOperations(_outbox);
    }

    public override async ValueTask DisposeAsync()
    {
        await _operations.DisposeAsync();
        await _outbox.DisposeAsync();
        _sender.Dispose();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Oldest_and_newest_of_many_dead_letters_and_of_many_parked_webhooks_are_found()
    {
        string[] dead = await EnqueueAsync([.. Enumerable.Range(0, Many).Select(static i => OutboxHarness.Item($"gone{i % 5}.example"))]);
        DateTimeOffset later = DateTimeOffset.UtcNow + Later;
        string[] early = await EnqueueAsync(
            [.. Enumerable.Range(0, Many).Select(i => OutboxHarness.Item($"b{i % 5}.example", notBefore: later))]);
        string[] failed = await EnqueueAsync([OutboxHarness.Item("a.example")]);
        await WorkAsync(new OutboxStatus { Dead = Many, Parked = Many + 1 });

        foreach (string key in new[] { dead[0], dead[Many / 2], dead[^1] })
        {
            DeliveryStory story = (await FindAsync(key))!;
            Assert.Equal((OutboxDeliveryState.Undelivered, key, "t1"), (story.State, story.DeadLetter!.IdempotencyKey, story.Tenant));
        }

        foreach (string key in new[] { early[0], early[Many / 2], early[^1], failed[0] })
        {
            DeliveryStory story = (await FindAsync(key))!;
            Assert.Equal((OutboxDeliveryState.Waiting, null, "t1"), (story.State, story.DeadLetter, story.Tenant));
            Assert.NotNull(story.EnqueuedAt);
        }

        Assert.Null(await FindAsync("another-key"));
        await using OutboxOperations keyless = new(new StoreDatabase(Database.Source, Dialect));
        DeliveryStory unread = (await keyless.FindDeliveryAsync(new DeliveryQuery { IdempotencyKey = dead[0] }))!;
        Assert.Equal((OutboxDeliveryState.Undelivered, null), (unread.State, unread.Tenant));
        Assert.Equal("rejected", unread.DeadLetter!.Reason);
        Assert.Null(await keyless.FindDeliveryAsync(new DeliveryQuery { IdempotencyKey = "another-key" }));
    }

    [Fact]
    public async Task Webhook_that_no_worker_has_read_is_found_behind_many_others()
    {
        string[] keys = await EnqueueAsync([.. Enumerable.Range(0, Many).Select(static i => OutboxHarness.Item($"b{i % 5}.example"))]);

        DeliveryStory story = (await FindAsync(keys[^1]))!;

        Assert.Equal((OutboxDeliveryState.Waiting, "t1"), (story.State, story.Tenant));
        Assert.Null(await FindAsync(keys[^1], "t2"));
    }

    [Fact]
    public async Task Search_of_the_log_ends_with_its_rows_or_bytes_or_with_the_row()
    {
        await EnqueueAsync([.. Enumerable.Range(0, 450).Select(static i => OutboxHarness.Item("a.example", $"t{i % 2}"))]);
        List<long> seen = [];

        Assert.Equal(450, await CountAsync(null, 10_000, long.MaxValue));
        Assert.Equal(seen.Distinct().Order(), seen);
        Assert.Equal(225, await CountAsync(OutboxHash.Tenant("t1"), 10_000, long.MaxValue));
        Assert.Equal(250, await CountAsync(null, 250, long.MaxValue));
        Assert.InRange(await CountAsync(null, 10_000, 1), 1, 200);
        Assert.Equal(3, await CountAsync(null, 10_000, long.MaxValue, stopAt: 3));

        async Task<int> CountAsync(long? tenant, int maxRows, long maxBytes, int stopAt = int.MaxValue)
        {
            seen.Clear();
            await _outbox.Store.SearchLogAsync(
                tenant, maxRows, maxBytes,
                row =>
                {
                    seen.Add(row.Id);
                    return seen.Count == stopAt;
                },
                default);
            return seen.Count;
        }
    }

    [Fact]
    public async Task Rows_of_version_4_have_no_hash_and_the_newest_of_them_are_found()
    {
        string[] dead = await EnqueueAsync([.. Enumerable.Range(0, Many).Select(static _ => OutboxHarness.Item("gone.example"))]);
        string[] parked = await EnqueueAsync(
            [.. Enumerable.Range(0, Many).Select(static _ => OutboxHarness.Item("a.example", notBefore: DateTimeOffset.UtcNow + Later))]);
        await WorkAsync(new OutboxStatus { Dead = Many, Parked = Many });
        await Database.ExecuteAsync("UPDATE adcp_outbox_dead SET key_hash = NULL");
        await Database.ExecuteAsync("UPDATE adcp_outbox_parked SET key_hash = NULL");

        Assert.Equal(OutboxDeliveryState.Undelivered, (await FindAsync(dead[^1]))!.State);
        Assert.Equal(OutboxDeliveryState.Waiting, (await FindAsync(parked[^1]))!.State);
        Assert.Null(await FindAsync(dead[0]));
        long oldest = (await _outbox.DeadLetters.ListAsync(new DeadLetterQuery { Limit = 1, Before = long.MaxValue }))[0].Id - Many + 1;
        DeliveryQuery byLetter = new() { IdempotencyKey = dead[0], DeadLetterId = oldest };
        Assert.Equal(dead[0], (await _operations.FindDeliveryAsync(byLetter))!.DeadLetter!.IdempotencyKey);
    }

    [Fact]
    public async Task Parked_row_of_version_4_gets_its_hash_with_its_next_attempt()
    {
        string key = (await EnqueueAsync([OutboxHarness.Item("a.example", notBefore: DateTimeOffset.UtcNow + Later)]))[0];
        await WorkAsync(new OutboxStatus { Parked = 1 });
        await Database.ExecuteAsync("UPDATE adcp_outbox_parked SET key_hash = NULL, due_at = due_at - 7200000");

        await WorkAsync(new OutboxStatus { Parked = 1 }, () => _sender.Count == 1);

        Assert.Equal(OutboxHash.IdempotencyKey(key), await Database.ExecuteAsync("SELECT key_hash FROM adcp_outbox_parked"));
        Assert.Equal(OutboxDeliveryState.Waiting, (await FindAsync(key))!.State);
    }

    [Fact]
    public async Task Redriven_webhook_is_found_under_its_key_in_the_log_and_where_it_goes()
    {
        string key = (await EnqueueAsync([OutboxHarness.Item("gone.example")]))[0];
        await WorkAsync(new OutboxStatus { Dead = 1 });

        await _outbox.DeadLetters.RedriveAsync(new DeadLetterQuery());
        DeliveryStory inLog = (await FindAsync(key))!;
        await WorkAsync(new OutboxStatus { Dead = 1 }, () => _sender.Count == 2);
        DeliveryStory dead = (await FindAsync(key))!;

        Assert.Equal(OutboxDeliveryState.Waiting, inLog.State);
        Assert.Equal((OutboxDeliveryState.Undelivered, 2), (dead.State, dead.DeadLetter!.Attempts));
    }

    [Fact]
    public async Task Webhook_that_got_a_new_key_is_found_under_the_new_one_only()
    {
        OutboxItem item = new(
            new WebhookDestination("https://gone.example/hook"),
            new CreativePurged
            {
                NotificationId = "event-1",
                SubscriberId = "s",
                AccountId = "a",
                CreativeId = "c",
                PurgeKind = PurgeKind.Hard,
                PurgedAt = DateTimeOffset.UnixEpoch,
                ReasonCode = CreativeReasonCode.LegalErasure,
                Initiator = EventInitiator.Seller,
            },
            new OutboxOptions { Tenant = "t1" });
        string old = (await EnqueueAsync([item]))[0];
        await WorkAsync(new OutboxStatus { Dead = 1 });
        await Database.ExecuteAsync("UPDATE adcp_outbox_dead SET horizon_at = horizon_at - 2 * 86400000");

        DeadLetterReport report =
            await _outbox.DeadLetters.RedriveAsync(new DeadLetterQuery(), new RedriveOptions { AllowsNewKey = true });
        await WorkAsync(new OutboxStatus { Dead = 1 }, () => _sender.Count == 2);
        string renewed = _sender.Attempts[^1].IdempotencyKey;

        Assert.Equal(1, report.WithNewKey);
        Assert.NotEqual(old, renewed);
        Assert.Equal(renewed, (await FindAsync(renewed))!.DeadLetter!.IdempotencyKey);
        Assert.Null(await FindAsync(old));
    }

    [Fact]
    public async Task Two_tenants_with_one_key_are_told_apart()
    {
        const string Key = "a-key-of-two-tenants";
        await EnqueueAsync([Keyed("gone.example", "t1", Key), Keyed("gone.example", "t2", Key)]);
        await EnqueueAsync([Keyed("a.example", "t3", Key)]);
        await WorkAsync(new OutboxStatus { Dead = 2, Parked = 1 });

        DeliveryStory any = (await FindAsync(Key))!;
        DeliveryStory first = (await FindAsync(Key, "t1"))!;
        DeliveryStory third = (await FindAsync(Key, "t3"))!;

        Assert.Equal(("t3", OutboxDeliveryState.Waiting), (any.Tenant, any.State));
        Assert.Equal(["t1", "t2"], any.OtherTenants);
        Assert.Equal(("t1", OutboxDeliveryState.Undelivered, "t1"), (first.Tenant, first.State, first.DeadLetter!.Tenant));
        Assert.Equal(["t2", "t3"], first.OtherTenants);
        Assert.Equal(OutboxDeliveryState.Waiting, third.State);
        Assert.Null(await FindAsync(Key, "t4"));
    }

    [Fact]
    public async Task Row_that_cannot_be_read_keeps_the_hash_that_it_has()
    {
        string key = (await EnqueueAsync([OutboxHarness.Item("a.example", notBefore: DateTimeOffset.UtcNow + Later)]))[0];
        await WorkAsync(new OutboxStatus { Parked = 1 });
        await Database.ExecuteAsync("UPDATE adcp_outbox_parked SET tenant = tenant + 1, due_at = due_at - 7200000");

        await WorkAsync(new OutboxStatus { Dead = 1 });

        Assert.Equal("unreadable", (await FindAsync(key))!.DeadLetter!.Reason);
    }

    private static OutboxItem Keyed(string host, string tenant, string key)
    {
        OutboxItem item = OutboxHarness.Item(host, tenant);
        return new OutboxItem(
            item.Destination,
            new McpWebhook
            {
                IdempotencyKey = key,
                TaskId = "task",
                TaskType = TaskType.CreateMediaBuy,
                Status = AdcpTaskStatus.Completed,
            },
            item.Options);
    }

    private ValueTask<DeliveryStory?> FindAsync(string key, string? tenant = null) =>
        _operations.FindDeliveryAsync(new DeliveryQuery { IdempotencyKey = key, Tenant = tenant });

    private async Task<string[]> EnqueueAsync(OutboxItem[] items) =>
        [.. (await _outbox.EnqueueAsync(null, items)).Select(static receipt => receipt.IdempotencyKey)];

    /// <summary>Runs a worker until the tables have a number of rows. Retries come much later.</summary>
    private async Task WorkAsync(OutboxStatus until, Func<bool>? condition = null)
    {
        WebhookSupervisorOptions attempts = new() { Retry = new RetryPolicy { BaseDelay = Later, MaxDelay = Later } };
        OutboxWorkerOptions options = new() { Attempts = attempts };
        await using OutboxWorker worker = new(_outbox, _sender, options);
        await worker.StartAsync();
        long started = TimeProvider.System.GetTimestamp();
        while (condition?.Invoke() == false || await _outbox.GetStatusAsync() is not { Waiting: 0 } status
            || (status.Dead, status.Parked) != (until.Dead, until.Parked))
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < OutboxHarness.Patience, "The condition did not come true.");
            await Task.Delay(10);
        }
    }
}
