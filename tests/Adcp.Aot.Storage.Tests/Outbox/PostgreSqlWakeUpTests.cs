using System.Collections.Concurrent;
using System.Data.Common;
using Adcp.Aot.PostgreSql;
using Adcp.Aot.Storage.Tests.Databases;
using Adcp.Aot.Testing;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>LISTEN and NOTIFY between processes, here between data sources.</summary>
[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlWakeUpTests : IAsyncLifetime
{
    private readonly string _channel = "t_" + Guid.NewGuid().ToString("N");
    private readonly Lines _log = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<bool> _reports = [];
    private readonly List<Task> _listening = [];
    private readonly List<IAsyncDisposable> _opened = [];
    private TestDatabase _database = null!;
    private int _wakes;

    public async ValueTask InitializeAsync() => _database = await TestDatabase.CreateAsync(SqlDialect.PostgreSql);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_listening);
        foreach (IAsyncDisposable opened in Enumerable.Reverse(_opened))
        {
            await opened.DisposeAsync();
        }

        await _database.DisposeAsync();
        _stop.Dispose();
    }

    [Fact]
    public async Task Notification_of_another_process_wakes()
    {
        PostgreSqlWakeUp listener = await ListenAsync(_database.ConnectionString);
        int before = _wakes;

        Open(_database.ConnectionString).Notify();

        await UntilAsync(() => _wakes > before);
        Assert.True(listener.IsListening);
    }

    [Fact]
    public async Task Notifications_in_a_row_are_few_and_the_last_one_is_among_them()
    {
        await ListenAsync(_database.ConnectionString);
        int before = _wakes;
        FakeTimeProvider time = new();
        PostgreSqlWakeUp other = Open(_database.ConnectionString, time);
        other.Notify();
        await UntilAsync(() => _wakes == before + 1);

        for (int i = 0; i < 1_000; i++)
        {
            other.Notify();
        }

        // The 10 ms after the first one are not over.
        Assert.Equal(before + 1, _wakes);
        await HeardAsync(before + 2);
        other.Notify();
        await HeardAsync(before + 3);

        // Any other one would have been heard before.
        Assert.Equal(before + 3, _wakes);

        Task HeardAsync(int wakes) => UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(10));
            return _wakes >= wakes;
        });
    }

    [Fact]
    public async Task Connection_that_the_server_ends_is_replaced()
    {
        // A check of the connection would be the session's last statement, by which the listener is found.
        PostgreSqlWakeUp listener = await ListenAsync(_database.ConnectionString, keepAlive: TimeSpan.FromMinutes(10));
        Assert.Equal([true], _reports);

        Assert.Equal(1, await TerminateAsync());

        await UntilAsync(() => _log.Of(PostgreSqlEventIds.ListenFailed).Length == 1 && listener.IsListening);
        Assert.Equal([true, false, true], _reports);
        int before = _wakes;
        Open(_database.ConnectionString).Notify();
        await UntilAsync(() => _wakes > before);
    }

    [Fact]
    public async Task Listener_without_a_connection_does_not_listen()
    {
        NpgsqlConnectionStringBuilder settings = new(_database.ConnectionString);
        await using CuttableRoad road = new(settings.Port);
        settings.Port = road.Port;
        PostgreSqlWakeUp listener = await ListenAsync(settings.ConnectionString);

        await road.CutAsync();

        await UntilAsync(() => !listener.IsListening);
        Assert.Equal([true, false], _reports);
    }

    [Fact]
    public async Task Each_call_reports_for_itself()
    {
        PostgreSqlWakeUp wakeUp = await ListenAsync(_database.ConnectionString);
        using CancellationTokenSource ends = new();
        ConcurrentQueue<bool> second = [];
        Task listening = wakeUp.ListenAsync(static () => { }, second.Enqueue, ends.Token);
        await UntilAsync(() => second.Count == 1);

        await ends.CancelAsync();
        await listening;

        Assert.Equal([true, false], second);
        Assert.Equal([true], _reports);
        Assert.True(wakeUp.IsListening);
    }

    [Fact]
    public async Task Connection_whose_bytes_disappear_is_noticed_and_replaced()
    {
        NpgsqlConnectionStringBuilder settings = new(_database.ConnectionString) { Timeout = 1, CancellationTimeout = 100 };
        await using CuttableRoad road = new(settings.Port);
        settings.Port = road.Port;
        PostgreSqlWakeUp listener = await ListenAsync(settings.ConnectionString);

        road.IsBlackHole = true;

        await UntilAsync(() => !listener.IsListening);
        road.IsBlackHole = false;
        await UntilAsync(() => listener.IsListening);
        int before = _wakes;
        Open(_database.ConnectionString).Notify();
        await UntilAsync(() => _wakes > before);
    }

    [Fact]
    public async Task Server_that_is_away_costs_a_log_line_and_nothing_else()
    {
        PostgreSqlWakeUp away = Open(new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Port = 1 }.ConnectionString);

        away.Notify();
        Listen(away);

        await UntilAsync(() => _log.Of(PostgreSqlEventIds.NotifyFailed).Length == 1 && _log.Of(PostgreSqlEventIds.ListenFailed).Length > 0);
        Assert.False(away.IsListening);
    }

    [Fact]
    [Needs(Resource.PgBouncer)]
    public async Task Pooler_in_transaction_mode_is_noticed_and_named()
    {
        await using TestDatabase pooled = await TestDatabase.CreatePooledAsync();
        PostgreSqlWakeUp listener = Open(pooled.ConnectionString);

        Listen(listener);

        await UntilAsync(() => _log.Of(PostgreSqlEventIds.ListenFailed).Length > 0);
        Assert.False(listener.IsListening);
        Assert.Contains("direct connections", _log.Of(PostgreSqlEventIds.ListenFailed)[0], StringComparison.Ordinal);
        await _stop.CancelAsync();
        await Task.WhenAll(_listening);
    }

    [Fact]
    public async Task Worker_that_does_not_poll_delivers_a_webhook_of_another_process()
    {
        using RecordingSender sender = Senders.Of(static (_, _, _) => ValueTask.FromResult(200));
        await using SqlWebhookOutbox worker = OpenOutbox(sender);
        await worker.CreateIfAbsentAsync();
        await using SqlWebhookOutbox producer = OpenOutbox(sender);

        // The worker's clock stands still, so that it never polls.
        FakeTimeProvider time = new();
        OutboxWorker running = await StartAsync(worker, sender, time);
        for (int i = 0; i < 3; i++)
        {
            await CommitAsync(producer);

            await UntilAsync(() => sender.Count == i + 1);
        }

        await StopAsync(running, time);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Webhooks_of_another_process_are_delivered_once_while_the_listening_connection_swallows_all(bool isNoticed)
    {
        NpgsqlConnectionStringBuilder settings = new(_database.ConnectionString) { Timeout = 1, CancellationTimeout = 100 };
        await using CuttableRoad road = new(settings.Port);
        settings.Port = road.Port;
        PostgreSqlWakeUp listener = Open(
            settings.ConnectionString, keepAlive: isNoticed ? TimeSpan.FromMilliseconds(100) : TimeSpan.FromMinutes(10));
        using RecordingSender sender = Senders.Of(static (_, _, _) => ValueTask.FromResult(200));
        await using SqlWebhookOutbox worker = OpenOutbox(sender, listener);
        await worker.CreateIfAbsentAsync();
        await using SqlWebhookOutbox producer = OpenOutbox(sender);
        FakeTimeProvider time = new();
        OutboxWorker running = await StartAsync(worker, sender, time);
        await CommitAsync(producer);
        await UntilAsync(() => sender.Count == 1);

        road.IsBlackHole = true;
        if (isNoticed)
        {
            await UntilAsync(() => !listener.IsListening);
        }

        for (int i = 0; i < 5; i++)
        {
            await CommitAsync(producer);
            await UntilAsync(() =>
            {
                // The worker polls, on its own connection.
                time.Advance(TimeSpan.FromMilliseconds(20));
                return sender.Count == i + 2;
            });
        }

        // If the fault is unnoticed, the worker has relied on its notifications all the time.
        Assert.Equal(!isNoticed, listener.IsListening);
        road.IsBlackHole = false;
        await UntilAsync(() => listener.IsListening);
        for (int i = 0; i < 3; i++)
        {
            // Its clock stands still again. The first one may be found because it has just begun to listen, the others are not.
            await CommitAsync(producer);
            await UntilAsync(() => sender.Count == i + 7);
        }

        await StopAsync(running, time);
        Assert.Equal(9, sender.Count);
        Assert.Equal(9, sender.Attempts.Select(static sent => sent.IdempotencyKey).Distinct().Count());
        Assert.True(await worker.GetStatusAsync() is { Waiting: 0, Parked: 0, Dead: 0 });
    }

    [Fact]
    public void Bad_options_throw_when_they_are_set()
    {
        Assert.Throws<ArgumentException>(() => new PostgreSqlWakeUpOptions { Channel = "a; DROP TABLE b" });
        Assert.Throws<ArgumentException>(() => new PostgreSqlWakeUpOptions { Channel = "" });
        Assert.Throws<ArgumentException>(() => new PostgreSqlWakeUpOptions { Channel = new string('a', 64) });
        Assert.Throws<ArgumentOutOfRangeException>(() => new PostgreSqlWakeUpOptions { KeepAlive = TimeSpan.Zero });
        Assert.Throws<ArgumentOutOfRangeException>(() => new PostgreSqlWakeUpOptions { Timeout = TimeSpan.FromHours(1) });
        Assert.Throws<ArgumentNullException>(() => new PostgreSqlWakeUpOptions { TimeProvider = null! });
    }

    private static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        long started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < OutboxHarness.Patience, "The condition did not come true.");
            await Task.Delay(5);
        }
    }

    private SqlWebhookOutbox OpenOutbox(RecordingSender sender, PostgreSqlWakeUp? wakeUp = null) => new(
        new StoreDatabase(_database.Source, SqlDialect.PostgreSql), sender, OutboxHarness.Secrets,
        new SqlWebhookOutboxOptions { WakeUp = wakeUp ?? Open(_database.ConnectionString) });

    /// <summary>Starts a worker that owns all lanes and listens.</summary>
    private async Task<OutboxWorker> StartAsync(SqlWebhookOutbox outbox, RecordingSender sender, FakeTimeProvider time)
    {
        OutboxWorker worker = new(outbox, sender, new OutboxWorkerOptions
        {
            // The clock of the test is not the server's: no lease ends by it.
            Lease = TimeSpan.FromMinutes(5),
            Attempts = new WebhookSupervisorOptions { TimeProvider = time, Retry = OutboxWorkerOptions.DefaultRetry },
        });
        await worker.StartAsync();
        await UntilAsync(() => _log.Of(PostgreSqlEventIds.Listening).Length == 1);
        await UntilAsync(async () => await worker.GetStatusAsync() is { Lanes: 64 });
        return worker;
    }

    private static async Task StopAsync(OutboxWorker worker, FakeTimeProvider time)
    {
        Task stopped = worker.DisposeAsync().AsTask();
        await time.RunUntilAsync(() => stopped.IsCompleted);
        await stopped;
    }

    /// <summary>Commits a webhook in a transaction as another process would.</summary>
    private async Task CommitAsync(SqlWebhookOutbox producer)
    {
        await using (DbConnection connection = await _database.Source.OpenConnectionAsync())
        {
            await using DbTransaction transaction = await connection.BeginTransactionAsync();
            await producer.EnqueueAsync(transaction, [OutboxHarness.Item()]);
            await transaction.CommitAsync();
        }

        producer.Wake();
    }

    /// <summary>Opens a wake-up as another process would.</summary>
    private PostgreSqlWakeUp Open(string connectionString, TimeProvider? time = null, TimeSpan? keepAlive = null)
    {
        NpgsqlDataSource source = NpgsqlDataSource.Create(connectionString);
        PostgreSqlWakeUp wakeUp = new(source, new PostgreSqlWakeUpOptions
        {
            Channel = _channel,
            KeepAlive = keepAlive ?? TimeSpan.FromMilliseconds(200),
            Timeout = TimeSpan.FromSeconds(1),
            Logger = _log,
            TimeProvider = time ?? TimeProvider.System,
        });
        _opened.Add(source);
        _opened.Add(wakeUp);
        return wakeUp;
    }

    private async Task<PostgreSqlWakeUp> ListenAsync(string connectionString, TimeSpan? keepAlive = null)
    {
        PostgreSqlWakeUp wakeUp = Open(connectionString, keepAlive: keepAlive);
        Listen(wakeUp);
        await UntilAsync(() => wakeUp.IsListening && !_reports.IsEmpty);
        return wakeUp;
    }

    private void Listen(PostgreSqlWakeUp wakeUp) =>
        _listening.Add(wakeUp.ListenAsync(() => Interlocked.Increment(ref _wakes), _reports.Enqueue, _stop.Token));

    /// <summary>Ends the sessions whose last statement was LISTEN.</summary>
    /// <returns>Their number.</returns>
    private Task<long> TerminateAsync() => _database.CountAsync(
        $"SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query = 'LISTEN {_channel}'");
}
