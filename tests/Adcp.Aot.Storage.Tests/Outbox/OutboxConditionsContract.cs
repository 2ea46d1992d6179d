using System.Data.Common;
using System.Security.Cryptography;
using Adcp.Aot.Delivery;
using Adcp.Aot.Operations;
using Adcp.Aot.Storage.Tests.Databases;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Bad conditions of a real database: a clear error or a wait, and no webhook is lost or sent twice.</summary>
public abstract class OutboxConditionsContract(SqlDialect dialect) : IAsyncLifetime
{
    private readonly TaskCompletionSource _answers = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<IAsyncDisposable> _opened = [];
    private int _answered;

    private protected TestDatabase Database { get; private set; } = null!;

    /// <summary>Gets the receivers: "gate" waits, "once" answers 503 first.</summary>
    private protected RecordingSender Sender { get; private set; } = null!;

    public virtual async ValueTask InitializeAsync()
    {
        Database = await TestDatabase.CreateAsync(dialect);
        Sender = Senders.Of(AnswerAsync);
    }

    public virtual async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable opened in Enumerable.Reverse(_opened))
        {
            await opened.DisposeAsync();
        }

        Sender.Dispose();
        await Database.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Store_that_is_away_at_the_start_is_a_fault_or_a_wait_and_the_start_can_be_repeated()
    {
        SqlWebhookOutbox outbox = await OpenAsync();
        await outbox.EnqueueAsync(null, Items(5));
        await using Outage outage = await Outage.OfAsync(Database);
        OutboxWorker worker = Worker(Open(outage.Source));
        await outage.BeginAsync();

        Task start = worker.StartAsync();

        if (dialect == SqlDialect.Sqlite)
        {
            // A lock of another process is waited for.
            outage.End();
            await start;
        }
        else
        {
            await Assert.ThrowsAnyAsync<DbException>(() => start);
            outage.End();
            await worker.StartAsync();
        }

        await EmptyAsync(outbox);
        Assert.Equal(5, Sender.Count);
        await worker.DisposeAsync();
    }

    [Fact]
    public async Task Store_that_goes_away_while_attempts_are_under_way_costs_no_webhook_and_no_repeat()
    {
        SqlWebhookOutbox outbox = await OpenAsync();
        await using Outage outage = await Outage.OfAsync(Database);
        OutboxWorker worker = Worker(Open(outage.Source));
        await worker.StartAsync();
        await outbox.EnqueueAsync(null, Items(40, "gate"));
        await UntilAsync(() => Sender.Count == 40);

        await outage.BeginAsync();
        Release();
        await UntilAsync(() => Volatile.Read(ref _answered) == 40);
        outage.End();

        await EmptyAsync(outbox);
        Assert.Equal(40, Sender.Count);
        await worker.DisposeAsync();
    }

    [Fact]
    public async Task Store_that_goes_away_five_times_ends_no_worker_and_costs_no_webhook()
    {
        SqlWebhookOutbox outbox = await OpenAsync();
        await using Outage outage = await Outage.OfAsync(Database);
        OutboxWorker worker = Worker(Open(outage.Source));
        await worker.StartAsync();
        for (int i = 1; i <= 5; i++)
        {
            await outbox.EnqueueAsync(null, Items(20, "once"));
            await outage.BeginAsync();
            if (Database.Dialect == SqlDialect.Sqlite)
            {
                // Its readers go on, and the results of the attempts meet the outage. PostgreSQL's connections are cut already.
                await UntilAsync(() => Keys() == 20 * i);
            }

            outage.End();
            await EmptyAsync(outbox);

            Assert.Equal(20 * i, Keys());
        }

        Assert.Equal(0, (await outbox.GetStatusAsync()).Dead);
        await worker.DisposeAsync();

        int Keys() => Sender.Attempts.Select(static sent => sent.IdempotencyKey).Distinct().Count();
    }

    [Fact]
    public async Task First_success_is_one_insertion_and_one_deletion_and_updates_no_row()
    {
        const int Webhooks = 50;
        SqlWebhookOutbox outbox = await OpenAsync();
        OutboxWorker worker = Worker(outbox);
        await worker.StartAsync();
        await UntilAsync(async () => (await worker.GetStatusAsync()).Lanes == OutboxLanes.Count);
        OutboxTables tables = new(OutboxTables.DefaultPrefix);
        string[] counted =
            [tables.Log, tables.Parked, tables.Dead, tables.Lane, tables.Binding, tables.Stream, tables.Meta];
        await CountWritesAsync(counted);

        for (int i = 0; i < Webhooks / 2; i++)
        {
            await outbox.EnqueueAsync(null, Items(1));
        }

        await outbox.EnqueueAsync(null, Items(Webhooks / 2));
        await EmptyAsync(outbox);
        await UntilAsync(async () => (await worker.GetStatusAsync()).InMemory == 0);

        List<object?[]> writes = await Database.RowsAsync("SELECT what, count(*) FROM writes GROUP BY what ORDER BY what");
        Assert.Equal(
            [$"DELETE {tables.Log} {Webhooks}", $"INSERT {tables.Log} {Webhooks}"],
            writes.Select(static row => $"{row[0]} {row[1]}"));
    }

    [Fact]
    public async Task No_transaction_is_open_while_attempts_are_under_way()
    {
        SqlWebhookOutbox outbox = await OpenAsync();
        OutboxWorker worker = Worker(outbox);
        await worker.StartAsync();
        await outbox.EnqueueAsync(null, Items(40, "gate"));
        await UntilAsync(() => Sender.Count == 40);

        await UntilAsync(async () => !await HasOpenTransactionAsync());

        Assert.Equal(40, (await worker.GetStatusAsync()).InFlight);
        Release();
        await EmptyAsync(outbox);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(-10)]
    [InlineData(2 * 24 * 60)]
    [InlineData(-2 * 24 * 60)]
    public async Task Wrong_clock_of_a_process_neither_ends_nor_repeats_nor_delays_anything(int minutes)
    {
        WrongClock wrong = new(TimeSpan.FromMinutes(minutes));
        SqlWebhookOutbox outbox = await OpenAsync(), mistaken = Open(Database.Source, time: wrong);
        OutboxWorker first = Worker(mistaken, time: wrong);
        await first.StartAsync();
        foreach (SqlWebhookOutbox producer in new[] { outbox, mistaken })
        {
            await producer.EnqueueAsync(null, [.. Enumerable.Range(0, 40).Select(static i =>
                OutboxHarness.Item($"once{i}.example", maxAge: TimeSpan.FromHours(1)))]);
        }

        await EmptyAsync(outbox);
        Assert.Equal(160, Sender.Count);
        Assert.All(Sender.Attempts.CountBy(static sent => sent.IdempotencyKey), static sent => Assert.Equal(2, sent.Value));
        Assert.Equal(0, (await outbox.GetStatusAsync()).Dead);

        // No worker takes the lanes of a worker whose clock is another one.
        await Worker(outbox).StartAsync();
        Assert.Equal((2, 0), ((await outbox.GetStatusAsync()).Workers, (await outbox.GetStatusAsync()).UnownedLanes));
        await Worker(mistaken, time: wrong).StartAsync();
        Assert.Equal((3, 0), ((await outbox.GetStatusAsync()).Workers, (await outbox.GetStatusAsync()).UnownedLanes));
        Assert.Equal(0, (await first.GetStatusAsync()).FencedOff);
    }

    [Theory]
    [InlineData(-10)]
    [InlineData(10)]
    [InlineData(2 * 24 * 60)]
    public async Task Wrong_clock_of_a_producer_moves_no_earliest_time(int minutes)
    {
        await OpenAsync();
        SqlWebhookOutbox mistaken = Open(Database.Source, time: new WrongClock(TimeSpan.FromMinutes(minutes)));
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        DateTimeOffset past = now.AddMinutes(-5), later = now.AddDays(1);
        long at = later.ToUnixTimeMilliseconds(), retires = at + (long)mistaken.RetryHorizon!.Value.TotalMilliseconds;

        // One and several, with and without a delivery id, and by a transaction that draws a number first: each is another statement.
        await mistaken.EnqueueAsync(null, [OutboxHarness.Item(notBefore: later)]);
        await mistaken.EnqueueAsync(null, [OutboxHarness.Item(notBefore: later), OutboxHarness.Item(notBefore: later)]);
        await mistaken.EnqueueAsync(null, [OutboxHarness.Item(id: "1", notBefore: later)]);
        await mistaken.EnqueueAsync(
            null, [OutboxHarness.Item(id: "2", notBefore: later), OutboxHarness.Item(id: "3", notBefore: later)]);
        await mistaken.EnqueueAsync(null, [OutboxHarness.Item(id: "4", stream: "s", notBefore: later)]);
        await mistaken.EnqueueAsync(null, [OutboxHarness.Item(notBefore: past)]);
        await mistaken.EnqueueAsync(null, [OutboxHarness.Item(id: "5", notBefore: past), OutboxHarness.Item(id: "6", notBefore: past)]);

        Assert.Equal(7, await Database.CountAsync($"SELECT count(*) FROM adcp_outbox_log WHERE not_before = {at}"));
        Assert.Equal(3, await Database.CountAsync("SELECT count(*) FROM adcp_outbox_log WHERE not_before = enqueued_at"));
        Assert.Equal(4, await Database.CountAsync($"SELECT count(*) FROM adcp_outbox_binding WHERE retires_at = {retires}"));
        Assert.Equal(2, await Database.CountAsync(
            $"SELECT count(*) FROM adcp_outbox_binding AS b, adcp_outbox_log AS o WHERE o.binding = b.hash AND "
            + $"b.retires_at - o.enqueued_at = {retires - at}"));
    }

    [Fact]
    public async Task Schema_that_is_newer_than_the_program_stops_the_start_and_no_row_is_touched()
    {
        SqlWebhookOutbox outbox = await OpenAsync();
        await outbox.EnqueueAsync(null, Items(3));
        await Database.ExecuteAsync("UPDATE adcp_schema_versions SET version = version + 10");

        OutboxWorker worker = Worker(Open(Database.Source));
        InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(() => worker.StartAsync());

        Assert.Contains("version", fault.Message, StringComparison.Ordinal);
        Assert.Empty(Sender.Attempts);
        await Database.ExecuteAsync("UPDATE adcp_schema_versions SET version = version - 10");
        await worker.StartAsync();
        await EmptyAsync(outbox);
        Assert.Equal(3, Sender.Count);
    }

    [Fact]
    public async Task Rows_under_an_unknown_key_wait_and_hold_up_no_others()
    {
        EncryptionKey old = new("old", RandomNumberGenerator.GetBytes(32)), current = new("new", RandomNumberGenerator.GetBytes(32));
        ShiftedClock clock = await ClockAsync();
        SqlWebhookOutbox former = await OpenAsync(clock.Source, SecretsAtRest.EncryptedWith(old));
        await former.EnqueueAsync(null, Items(5));
        SqlWebhookOutbox outbox = Open(clock.Source, SecretsAtRest.EncryptedWith(current));
        OutboxWorker worker = Worker(outbox);
        await worker.StartAsync();
        await outbox.EnqueueAsync(null, Items(5));

        await UntilAsync(() => Sender.Count == 5);
        await UntilAsync(async () => await outbox.GetStatusAsync() is { Dead: 0, Waiting: 0, Parked: 5 });
        await worker.DisposeAsync();

        // They are tried again after 30 seconds.
        await clock.StepAsync(TimeSpan.FromMinutes(1));
        await Worker(Open(clock.Source, SecretsAtRest.EncryptedWith(current, old))).StartAsync();

        await EmptyAsync(outbox);
        Assert.Equal(10, Sender.Count);
        Assert.Equal(0, (await outbox.GetStatusAsync()).Dead);
    }

    [Fact]
    public async Task Rows_that_a_wrong_key_of_the_right_name_cannot_open_are_kept_whole_and_can_be_redriven()
    {
        EncryptionKey right = new("k", RandomNumberGenerator.GetBytes(32)), wrong = new("k", RandomNumberGenerator.GetBytes(32));
        SqlWebhookOutbox outbox = await OpenAsync(secrets: SecretsAtRest.EncryptedWith(right));
        await outbox.EnqueueAsync(null, Items(5));
        OutboxWorker mistaken = Worker(Open(Database.Source, SecretsAtRest.EncryptedWith(wrong)));
        await mistaken.StartAsync();
        await UntilAsync(async () => (await outbox.GetStatusAsync()).Dead == 5);
        await mistaken.DisposeAsync();
        Assert.Empty(Sender.Attempts);

        await Worker(outbox).StartAsync();
        IReadOnlyList<DeadLetter> dead = await outbox.DeadLetters.ListAsync();
        DeadLetterReport report = await outbox.DeadLetters.RedriveAsync([.. dead.Select(static letter => letter.Id)]);

        Assert.All(dead, static letter => Assert.Equal("unreadable", letter.Reason));
        Assert.Equal(5, report.Redriven);
        await EmptyAsync(outbox);
        Assert.Equal(5, Sender.Count);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(2 * 24 * 60)]
    public async Task Clock_that_steps_forward_delivers_or_expires_each_webhook_once(int minutes)
    {
        ShiftedClock clock = await ClockAsync();
        SqlWebhookOutbox outbox = await OpenAsync(clock.Source);
        OutboxWorker worker = Worker(outbox, retryDelay: TimeSpan.FromSeconds(1));
        await worker.StartAsync();
        await outbox.EnqueueAsync(null, Items(10, "once"));
        await UntilAsync(async () => await outbox.GetStatusAsync() is { Waiting: 0, Parked: 10 });

        await clock.StepAsync(TimeSpan.FromMinutes(minutes));
        await outbox.EnqueueAsync(null, Items(10));

        // The horizon is 24 hours: what was attempted before is over after two days.
        await EmptyAsync(outbox);
        bool isOver = minutes > 24 * 60;
        Assert.Equal(isOver ? 10 : 0, (await outbox.GetStatusAsync()).Dead);
        Assert.Equal(isOver ? 20 : 30, Sender.Count);
        Assert.All(await outbox.DeadLetters.ListAsync(), static letter => Assert.Equal("expired", letter.Reason));
        Assert.Equal(0, (await worker.GetStatusAsync()).FencedOff);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(2 * 24 * 60)]
    public async Task Clock_that_steps_back_delays_what_waits_for_a_time_and_nothing_else(int minutes)
    {
        ShiftedClock clock = await ClockAsync();
        SqlWebhookOutbox outbox = await OpenAsync(clock.Source);
        OutboxWorker worker = Worker(outbox, retryDelay: TimeSpan.FromSeconds(1));
        await worker.StartAsync();
        await outbox.EnqueueAsync(null, Items(10, "once"));
        await UntilAsync(async () => await outbox.GetStatusAsync() is { Waiting: 0, Parked: 10 });

        await clock.StepAsync(TimeSpan.FromMinutes(-minutes));
        await outbox.EnqueueAsync(null, Items(10));
        await UntilAsync(async () => (await outbox.GetStatusAsync()).Waiting == 0);
        await worker.DisposeAsync();
        await clock.StepAsync(TimeSpan.Zero);
        await Worker(outbox).StartAsync();

        await EmptyAsync(outbox);
        Assert.Equal(30, Sender.Count);
        Assert.Equal(0, (await outbox.GetStatusAsync()).Dead);
    }

    /// <summary>Lets the receivers "gate" answer.</summary>
    private protected void Release() => _answers.TrySetResult();

    private protected static OutboxItem[] Items(int count, string host = "b") =>
        [.. Enumerable.Range(0, count).Select(i => OutboxHarness.Item($"{host}{i % 5}.example", $"t{i % 3}"))];

    private protected static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    private protected static async Task UntilAsync(Func<Task<bool>> condition)
    {
        long started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < OutboxHarness.Patience, "The condition did not come true.");
            await Task.Delay(10);
        }
    }

    private protected static Task EmptyAsync(SqlWebhookOutbox outbox) =>
        UntilAsync(async () => await outbox.GetStatusAsync() is { Waiting: 0, Parked: 0 });

    private protected async Task<SqlWebhookOutbox> OpenAsync(DbDataSource? source = null, SecretsAtRest? secrets = null)
    {
        SqlWebhookOutbox outbox = Open(source ?? Database.Source, secrets);
        await outbox.CreateIfAbsentAsync();
        return outbox;
    }

    /// <summary>Notes each row that is written to tables, in a table of its own.</summary>
    private protected abstract Task CountWritesAsync(IReadOnlyList<string> tables);

    /// <summary>Returns whether another connection has a transaction now.</summary>
    private protected abstract Task<bool> HasOpenTransactionAsync();

    /// <summary>Opens the outbox as another process would.</summary>
    private protected SqlWebhookOutbox Open(DbDataSource source, SecretsAtRest? secrets = null, TimeProvider? time = null)
    {
        SqlWebhookOutbox outbox = new(
            new StoreDatabase(source, dialect, time), Sender, secrets ?? OutboxHarness.Secrets,
            new SqlWebhookOutboxOptions { TimeProvider = time ?? TimeProvider.System });
        _opened.Add(outbox);
        return outbox;
    }

    private protected OutboxWorker Worker(SqlWebhookOutbox outbox, TimeSpan? retryDelay = null, TimeProvider? time = null)
    {
        OutboxWorker worker = new(outbox, Sender, new OutboxWorkerOptions
        {
            Lease = TimeSpan.FromMinutes(1),
            Attempts = new WebhookSupervisorOptions
            {
                TimeProvider = time ?? TimeProvider.System,
                Retry = OutboxWorkerOptions.DefaultRetry with { BaseDelay = retryDelay ?? TimeSpan.FromMilliseconds(50) },
            },
        });
        _opened.Add(worker);
        return worker;
    }

    private async Task<ShiftedClock> ClockAsync()
    {
        ShiftedClock clock = await ShiftedClock.OfAsync(Database);
        _opened.Add(clock);
        return clock;
    }

    private async ValueTask<int> AnswerAsync(PreparedWebhook webhook, int attempt, CancellationToken cancellationToken)
    {
        if (webhook.Destination.Url.Contains("gate", StringComparison.Ordinal))
        {
            await _answers.Task.WaitAsync(cancellationToken);
        }

        Interlocked.Increment(ref _answered);
        return webhook.Destination.Url.Contains("once", StringComparison.Ordinal) && attempt == 1 ? 503 : 200;
    }

    /// <summary>A machine whose date and time are wrong. Its timers are right.</summary>
    private sealed class WrongClock(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }
}
