using System.Data.Common;
using System.Security.Cryptography;
using Adcp.Aot.Delivery;
using Adcp.Aot.Operations;
using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Bad conditions of a real database: a clear error or a wait, and no webhook is lost or sent twice.</summary>
public abstract class OutboxConditionsContract(SqlDialect dialect) : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TaskCompletionSource _answers = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<IAsyncDisposable> _opened = [];
    private int _answered;

    private protected TestDatabase Database { get; private set; } = null!;

    /// <summary>Gets the receivers: "gate" waits, "once" answers 503 first.</summary>
    private protected ScriptedSender Sender { get; private set; } = null!;

    public virtual async ValueTask InitializeAsync()
    {
        Database = await TestDatabase.CreateAsync(dialect);
        Sender = new ScriptedSender(AnswerAsync);
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
        Assert.Equal(5, Sender.Received.Count);
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
        await UntilAsync(() => Sender.Received.Count == 40);

        await outage.BeginAsync();
        Release();
        await UntilAsync(() => Volatile.Read(ref _answered) == 40);
        outage.End();

        await EmptyAsync(outbox);
        Assert.Equal(40, Sender.Received.Count);
        await worker.DisposeAsync();
    }

    [Fact]
    public async Task Schema_that_is_newer_than_the_program_stops_the_start_and_no_row_is_touched()
    {
        SqlWebhookOutbox outbox = await OpenAsync();
        await outbox.EnqueueAsync(null, Items(3));
        await Database.ExecuteAsync("UPDATE adcp_schema_versions SET version = version + 1");

        OutboxWorker worker = Worker(Open(Database.Source));
        InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(() => worker.StartAsync());

        Assert.Contains("version", fault.Message, StringComparison.Ordinal);
        Assert.Empty(Sender.Received);
        await Database.ExecuteAsync("UPDATE adcp_schema_versions SET version = version - 1");
        await worker.StartAsync();
        await EmptyAsync(outbox);
        Assert.Equal(3, Sender.Received.Count);
    }

    [Fact]
    public async Task Rows_under_an_unknown_key_wait_and_hold_up_no_others()
    {
        EncryptionKey old = new("old", RandomNumberGenerator.GetBytes(32)), current = new("new", RandomNumberGenerator.GetBytes(32));
        SqlWebhookOutbox former = await OpenAsync(secrets: SecretsAtRest.EncryptedWith(old));
        await former.EnqueueAsync(null, Items(5));
        SqlWebhookOutbox outbox = Open(Database.Source, SecretsAtRest.EncryptedWith(current));
        OutboxWorker worker = Worker(outbox);
        await worker.StartAsync();
        await outbox.EnqueueAsync(null, Items(5));

        await UntilAsync(() => Sender.Received.Count == 5);
        await UntilAsync(async () => await outbox.GetStatusAsync() is { Dead: 0 } status && status.Waiting + status.Parked == 5);
        await worker.DisposeAsync();
        await Worker(Open(Database.Source, SecretsAtRest.EncryptedWith(current, old))).StartAsync();

        await EmptyAsync(outbox);
        Assert.Equal(10, Sender.Received.Count);
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
        Assert.Empty(Sender.Received);

        await Worker(outbox).StartAsync();
        IReadOnlyList<DeadLetter> dead = await outbox.DeadLetters.ListAsync();
        DeadLetterReport report = await outbox.DeadLetters.RedriveAsync([.. dead.Select(static letter => letter.Id)]);

        Assert.All(dead, static letter => Assert.Equal("unreadable", letter.Reason));
        Assert.Equal(5, report.Redriven);
        await EmptyAsync(outbox);
        Assert.Equal(5, Sender.Received.Count);
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
        Assert.Equal(isOver ? 20 : 30, Sender.Received.Count);
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
        Assert.Equal(30, Sender.Received.Count);
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
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Patience, "The condition did not come true.");
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

    /// <summary>Opens the outbox as another process would.</summary>
    private protected SqlWebhookOutbox Open(DbDataSource source, SecretsAtRest? secrets = null)
    {
        SqlWebhookOutbox outbox = new(new StoreDatabase(source, dialect), Sender, secrets ?? OutboxHarness.Secrets);
        _opened.Add(outbox);
        return outbox;
    }

    private protected OutboxWorker Worker(SqlWebhookOutbox outbox, TimeSpan? retryDelay = null)
    {
        OutboxWorker worker = new(outbox, Sender, new OutboxWorkerOptions
        {
            Lease = TimeSpan.FromMinutes(1),
            Attempts = new WebhookSupervisorOptions
            {
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
}
