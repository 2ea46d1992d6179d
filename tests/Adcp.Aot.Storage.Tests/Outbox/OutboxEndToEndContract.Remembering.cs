using System.Text.Json;
using Adcp.Aot.Delivery;
using Adcp.Aot.Operations;
using Adcp.Aot.Payloads.Reporting;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <content>The memory of an outbox: delivery ids after the horizon, and numbers of streams.</content>
public abstract partial class OutboxEndToEndContract
{
    [Fact]
    public async Task A_delivery_id_is_retired_after_the_horizon_and_new_after_its_retention()
    {
        SqlWebhookOutboxOptions defaults = new();
        TimeSpan hour = TimeSpan.FromHours(1);
        await using OutboxWorker worker = await StartAsync();
        string key = (await EnqueueAsync("completed")).IdempotencyKey;
        await _outbox.DrainAsync(OutboxHarness.Patience);

        await PassAsync(defaults.RetryHorizon - hour);
        Assert.Equal((EnqueueStatus.AlreadyEnqueued, key), await AgainAsync("completed"));
        await PassAsync(hour);
        Assert.Equal((EnqueueStatus.Retired, key), await AgainAsync("completed"));
        Assert.Equal((EnqueueStatus.Conflict, key), await AgainAsync("failed"));
        await PassAsync(defaults.DeliveryIdRetention - hour);
        Assert.Equal(0, await _outbox.PurgeAsync());
        Assert.Equal((EnqueueStatus.Retired, key), await AgainAsync("completed"));
        Assert.Equal((EnqueueStatus.Conflict, key), await AgainAsync("failed"));
        await _outbox.DrainAsync(OutboxHarness.Patience);
        Assert.Equal([key], _sender.Attempts.Select(static sent => sent.IdempotencyKey));

        await PassAsync(hour);
        Assert.Equal((EnqueueStatus.Retired, key), await AgainAsync("completed"));
        Assert.Equal(1, await _outbox.PurgeAsync());
        Assert.Null(await _outbox.FindAsync("t1", "d"));
        OutboxReceipt later = await EnqueueAsync("failed");
        await _outbox.DrainAsync(OutboxHarness.Patience);

        Assert.Equal(EnqueueStatus.Enqueued, later.Status);
        Assert.NotEqual(key, later.IdempotencyKey);
        Assert.Equal([key, later.IdempotencyKey], _sender.Attempts.Select(static sent => sent.IdempotencyKey));

        async Task<OutboxReceipt> EnqueueAsync(string status) =>
            Assert.Single(await _outbox.EnqueueAsync(null, [OutboxHarness.Item("a.example", id: "d", status: status)]));

        // With and without a transaction of the caller's, other statements are used.
        async Task<(EnqueueStatus Status, string Key)> AgainAsync(string status)
        {
            OutboxReceipt alone = await EnqueueAsync(status);
            OutboxReceipt joined = await InTransactionAsync(OutboxHarness.Item("a.example", id: "d", status: status), commits: true);
            Assert.Equal(alone, joined);
            Assert.Equal(0, alone.Id);
            return (alone.Status, alone.IdempotencyKey);
        }
    }

    [Fact]
    public async Task A_dead_letter_is_there_until_its_retention_is_over()
    {
        SqlWebhookOutboxOptions week = new() { DeadLetterRetention = TimeSpan.FromDays(7) };
        await using SqlWebhookOutbox outbox = new(new StoreDatabase(_database.Source, _dialect), _sender, OutboxHarness.Secrets, week);
        await using OutboxWorker worker = new(outbox, _sender, new OutboxWorkerOptions { Lease = TimeSpan.FromSeconds(20) });
        await worker.StartAsync();
        await outbox.EnqueueAsync(null, [OutboxHarness.Item("gone.example")]);
        await outbox.DrainAsync(OutboxHarness.Patience);

        await PassDeadAsync(week.DeadLetterRetention - TimeSpan.FromHours(1));
        Assert.Equal(0, await outbox.PurgeAsync());
        Assert.Single(await outbox.DeadLetters.ListAsync());
        await PassDeadAsync(TimeSpan.FromHours(1));

        Assert.Equal(1, await outbox.PurgeAsync());

        Assert.Empty(await outbox.DeadLetters.ListAsync());

        Task PassDeadAsync(TimeSpan time) =>
            _database.ExecuteAsync($"UPDATE adcp_outbox_dead SET kept_until = kept_until - {(long)time.TotalMilliseconds}");
    }

    [Fact]
    public async Task The_number_of_a_delivery_report_is_in_its_body_and_the_same_after_a_retry_and_a_redrive()
    {
        await using OutboxWorker worker = await StartAsync();
        IReadOnlyList<OutboxReceipt> others = await _outbox.EnqueueAsync(null, [Report("r1"), Report("r2")]);
        await _outbox.DrainAsync(OutboxHarness.Patience);
        _sender.AnswerWith(503, 410, 200);

        OutboxReceipt receipt = await InTransactionAsync(Report("r3"), commits: true);
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Parked: 0, Dead: 1 });
        DeadLetter dead = Assert.Single(await _outbox.DeadLetters.ListAsync());
        await _outbox.DeadLetters.RedriveAsync([dead.Id]);
        await UntilAsync(async () => await _outbox.GetStatusAsync() is { Waiting: 0, Parked: 0, Dead: 0 } && _sender.Count == 5);

        Assert.Equal([1, 2, 3], others.Append(receipt).Select(static one => one.SequenceNumber));
        Assert.All(others, other => Assert.Equal(other.SequenceNumber, Assert.Single(Numbers(other))));
        Assert.Equal([3, 3, 3], Numbers(receipt));
        Assert.Single(_sender.Attempts.TakeLast(3).Select(static sent => Convert.ToHexString(sent.Body.Span)).Distinct());
    }

    private static OutboxItem Report(string task) => new(
        new WebhookDestination("https://a.example/reports", "op-1", "a-token-of-16-chars"),
        new DeliveryReport
        {
            TaskId = task,
            ReportType = DeliveryReportType.Scheduled,
            Period = new ReportingPeriod(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddHours(1)),
            Currency = "EUR",
            MediaBuys = [],
        },
        new OutboxOptions { Tenant = "t1", SequenceKey = "reports" });

    /// <summary>Returns the numbers in the bodies that were sent under the key of a receipt.</summary>
    private IEnumerable<long?> Numbers(OutboxReceipt receipt) => _sender.Attempts
        .Where(sent => sent.IdempotencyKey == receipt.IdempotencyKey)
        .Select(static sent =>
        {
            using JsonDocument body = JsonDocument.Parse(sent.Body);
            return (long?)body.RootElement.GetProperty("result").GetProperty("sequence_number").GetInt64();
        });

    /// <summary>Lets time pass for the delivery ids: moves their times back.</summary>
    private Task PassAsync(TimeSpan time)
    {
        long by = (long)time.TotalMilliseconds;
        return _database.ExecuteAsync(
            $"UPDATE adcp_outbox_binding SET retires_at = retires_at - {by}, kept_until = kept_until - {by}");
    }
}
