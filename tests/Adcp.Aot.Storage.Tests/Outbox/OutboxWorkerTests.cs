using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Adcp.Aot.Delivery;
using Adcp.Aot.Testing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The worker on a store in memory, whose clock is the worker's.</summary>
public sealed class OutboxWorkerTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(50));
    private readonly InMemoryOutboxStore _store;
    private readonly List<OutboxWorker> _workers = [];
    private readonly List<RecordingSender> _senders = [];

    public OutboxWorkerTests() => _store = new InMemoryOutboxStore(_time);

    public async ValueTask DisposeAsync()
    {
        foreach (OutboxWorker worker in _workers)
        {
            Task stopped = worker.DisposeAsync().AsTask();
            await _time.RunUntilAsync(() => stopped.IsCompleted);
        }

        _senders.ForEach(static sender => sender.Dispose());
    }

    [Fact]
    public async Task Delivers_what_was_enqueued_before_and_after_its_start()
    {
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox(200);
        OutboxReceipt before = await EnqueueAsync(outbox, OutboxHarness.Item("a.example"));
        await StartAsync(outbox, sender);

        OutboxReceipt after = await EnqueueAsync(outbox, OutboxHarness.Item("b.example"));
        await _time.RunUntilAsync(() => _store.Waiting == 0);

        Assert.Equivalent(new[] { before.IdempotencyKey, after.IdempotencyKey }, sender.Attempts.Select(static sent => sent.IdempotencyKey),
            strict: true);
    }

    [Fact]
    public async Task A_webhook_of_256_headers_is_sent_with_them_and_one_of_257_is_refused()
    {
        using RecordingSender sender = Senders.Always(200);
        SqlWebhookOutbox most = new(_store, new HeaderSender(sender, 256), OutboxHarness.Secrets, null);
        SqlWebhookOutbox over = new(_store, new HeaderSender(sender, 257), OutboxHarness.Secrets, null);

        ArgumentException fault = await Assert.ThrowsAsync<ArgumentException>("item", () => EnqueueAsync(over, OutboxHarness.Item()));
        await EnqueueAsync(most, OutboxHarness.Item());
        await StartAsync(most, sender);
        await _time.RunUntilAsync(() => _store.Waiting == 0);

        Assert.Contains("256 headers", fault.Message, StringComparison.Ordinal);
        Assert.Equal(256, Assert.Single(sender.Attempts).Headers!.Count);
    }

    [Fact]
    public async Task A_logger_that_throws_stops_nothing()
    {
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox(410);
        await StartAsync(outbox, sender, Options() with { Attempts = Attempts() with { Logger = new ThrowingLogger() } });

        await EnqueueAsync(outbox, OutboxHarness.Item("a.example"), OutboxHarness.Item("b.example"));
        await _time.RunUntilAsync(() => _store.Waiting == 0);

        Assert.Equal(2, _store.DeadRows.Count);
    }

    [Fact]
    public async Task A_failed_attempt_is_made_again_with_the_same_key_and_bytes()
    {
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox((_, attempt, _) => ValueTask.FromResult(attempt < 4 ? 503 : 200));
        await StartAsync(outbox, sender);

        await EnqueueAsync(outbox, OutboxHarness.Item());
        await _time.RunUntilAsync(() => _store.Waiting == 0);

        Assert.Equal(4, sender.Count);
        Assert.Single(sender.Attempts.Select(static sent => sent.IdempotencyKey).Distinct());
        Assert.Single(sender.Attempts.Select(static sent => Convert.ToHexString(sent.Body.Span)).Distinct());
    }

    [Theory]
    [InlineData(400, "rejected")]
    [InlineData(409, "conflict")]
    [InlineData(410, "rejected")]
    public async Task A_final_answer_ends_as_a_dead_letter(int status, string reason)
    {
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox(status);
        await StartAsync(outbox, sender);

        await EnqueueAsync(outbox, OutboxHarness.Item());
        await _time.RunUntilAsync(() => _store.Waiting == 0);

        Assert.Equal([(1, reason, 1)], _store.DeadRows.Select(static dead => ((int)dead.Id, dead.Reason, dead.Attempts)));
        Assert.Single(sender.Attempts);
    }

    [Fact]
    public async Task No_attempt_is_made_after_the_horizon_of_the_first_one()
    {
        System.Collections.Concurrent.ConcurrentQueue<DateTimeOffset> attempts = new();
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox((_, _, _) =>
        {
            attempts.Enqueue(_time.GetUtcNow());
            return ValueTask.FromResult(503);
        });
        RetryPolicy everyFourHours = new()
        {
            MaxAttempts = 1000,
            BaseDelay = TimeSpan.FromHours(4),
            MaxDelay = TimeSpan.FromHours(4),
            Jitter = false,
        };
        OutboxWorker worker = await StartAsync(outbox, sender, new OutboxWorkerOptions
        {
            Attempts = Attempts() with { Retry = everyFourHours },
            Lease = TimeSpan.FromMinutes(5),
        });

        await EnqueueAsync(outbox, OutboxHarness.Item());
        await _time.RunUntilAsync(() => !attempts.IsEmpty);
        while (_store.Waiting > 0)
        {
            // The clock must not outrun an attempt, a read or the renewals of the lease.
            await _time.RunForAsync(TimeSpan.FromMilliseconds(20));
            OutboxStatus status = await worker.GetStatusAsync();
            if (status.InMemory == 0 && status.OldestDue is null && _store.LeaseLeft > TimeSpan.FromMinutes(3))
            {
                _time.Advance(TimeSpan.FromMinutes(1));
            }
        }

        Assert.Equal("expired", Assert.Single(_store.DeadRows).Reason);
        Assert.InRange(_store.DeadRows[0].Attempts, 3, 6);
        Assert.InRange(attempts.Last() - attempts.First(), TimeSpan.FromHours(8), TimeSpan.FromHours(24));
    }

    [Fact]
    public async Task A_webhook_older_than_its_maximum_age_is_not_sent()
    {
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox(200);
        await EnqueueAsync(outbox, OutboxHarness.Item(maxAge: TimeSpan.FromMinutes(1)));
        _time.Advance(TimeSpan.FromMinutes(2));

        await StartAsync(outbox, sender);
        await _time.RunUntilAsync(() => _store.Waiting == 0);

        Assert.Equal("too_old", Assert.Single(_store.DeadRows).Reason);
        Assert.Empty(sender.Attempts);
    }

    [Fact]
    public async Task A_webhook_waits_for_its_time()
    {
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox(200);
        await StartAsync(outbox, sender);
        await EnqueueAsync(outbox, OutboxHarness.Item(notBefore: _time.GetUtcNow().AddSeconds(30)));

        await _time.RunForAsync(TimeSpan.FromSeconds(29));
        Assert.Empty(sender.Attempts);

        await _time.RunUntilAsync(() => _store.Waiting == 0);
        Assert.Single(sender.Attempts);
    }

    [Fact]
    public async Task An_open_circuit_is_probed_once_a_period_however_many_rows_wait()
    {
        bool isUp = false;
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox((_, _, _) => ValueTask.FromResult(Volatile.Read(ref isUp) ? 200 : 503));
        await EnqueueAsync(outbox, [.. Enumerable.Range(0, 500).Select(static _ => OutboxHarness.Item())]);
        await StartAsync(outbox, sender);
        await _time.RunUntilAsync(() => sender.Count >= 5);
        await _time.RunForAsync(TimeSpan.FromSeconds(5));
        int afterOpening = sender.Count;

        await _time.RunForAsync(TimeSpan.FromMinutes(4));
        int probes = sender.Count - afterOpening;

        // The circuit stays open for a minute after each probe.
        Assert.InRange(probes, 1, 4);

        Volatile.Write(ref isUp, true);
        await _time.RunUntilAsync(() => _store.Waiting == 0);
        Assert.Empty(_store.DeadRows);
    }

    [Fact]
    public async Task A_dead_endpoint_delays_no_other()
    {
        (SqlWebhookOutbox outbox, RecordingSender sender) =
            Outbox((webhook, _, _) => ValueTask.FromResult(webhook.Destination.Url.Contains("dead", StringComparison.Ordinal) ? 503 : 200));
        await EnqueueAsync(outbox, [.. Enumerable.Range(0, 3000).Select(static _ => OutboxHarness.Item("dead.example"))]);
        await StartAsync(outbox, sender);
        await _time.RunForAsync(TimeSpan.FromSeconds(1));

        await EnqueueAsync(outbox, OutboxHarness.Item("healthy.example"));

        // No time passes: neither a retry of the others nor the end of their circuit is waited for.
        await OutboxHarness.UntilAsync(() =>
            sender.Attempts.Any(static sent => sent.Destination.Url.Contains("healthy", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Slow_endpoints_with_many_rows_delay_no_other()
    {
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox((webhook, _, token) =>
            webhook.Destination.Url.Contains("slow", StringComparison.Ordinal)
                ? new ValueTask<int>(Task.Delay(Timeout.Infinite, token).ContinueWith(static _ => 200, TaskScheduler.Default))
                : ValueTask.FromResult(200));
        for (int i = 0; i < 60; i++)
        {
            await EnqueueAsync(outbox, [.. Enumerable.Range(0, 300).Select(_ => OutboxHarness.Item($"slow{i}.example", $"t{i}"))]);
        }

        OutboxWorker worker = await StartAsync(outbox, sender);
        await _time.RunUntilAsync(IsRead);

        await EnqueueAsync(outbox, OutboxHarness.Item("healthy.example"));

        // None of the slow ones ever ends, and no time passes.
        await OutboxHarness.UntilAsync(() =>
            sender.Attempts.Any(static sent => sent.Destination.Url.Contains("healthy", StringComparison.Ordinal)));

        // Each endpoint has all its attempts under way. The other rows of the log are in memory, which has room for a read, and further
        // ones were parked.
        bool IsRead()
        {
            OutboxStatus status = worker.GetStatusAsync().AsTask().GetAwaiter().GetResult();
            return status.InFlight == 60 * 64 && status.InMemory == _store.Waiting - _store.Parked
                && status.InMemory <= Options().MaxRowsInMemory - OutboxOwner.MinRoom;
        }
    }

    [Fact]
    public async Task A_row_under_an_unknown_key_waits_until_the_key_is_there()
    {
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox(200);
        await EnqueueAsync(outbox, OutboxHarness.Item());
        SecretsAtRest others = SecretsAtRest.EncryptedWith(new EncryptionKey("k2", new byte[32]));
        OutboxWorker blind = new(new SqlWebhookOutbox(_store, sender, others, null), sender, Options());
        await blind.StartAsync();
        await _time.RunForAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(1, _store.Waiting);
        Task<OutboxStopReport> stopped = blind.StopAsync(TimeSpan.FromSeconds(1));
        await _time.RunUntilAsync(() => stopped.IsCompleted);

        await StartAsync(outbox, sender);
        await _time.RunUntilAsync(() => _store.Waiting == 0);

        Assert.Empty(_store.DeadRows);
        Assert.Single(sender.Attempts);
    }

    [Fact]
    public async Task A_stop_waits_for_attempts_commits_them_and_gives_the_lanes_back()
    {
        TaskCompletionSource<int> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox((_, _, _) => new ValueTask<int>(answer.Task));
        OutboxWorker worker = await StartAsync(outbox, sender);
        await EnqueueAsync(outbox, OutboxHarness.Item());
        await _time.RunUntilAsync(() => sender.Count == 1);

        Task<OutboxStopReport> stopped = worker.StopAsync(TimeSpan.FromMinutes(10));
        await _time.RunForAsync(TimeSpan.FromSeconds(2));
        Assert.False(stopped.IsCompleted);
        answer.SetResult(200);
        await _time.RunUntilAsync(() => stopped.IsCompleted);

        Assert.False((await stopped).MayRepeat);
        Assert.Equal(0, _store.Waiting);
        Assert.Equal(OutboxLanes.Count, (await _store.CountAsync(default)).UnownedLanes);
    }

    [Fact]
    public async Task The_last_worker_that_stops_names_what_waits_and_logs_it_without_a_secret()
    {
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox(503);
        RecordingLogger logger = new();
        OutboxWorker worker =
            await StartAsync(outbox, sender, Options() with { Attempts = Attempts() with { Logger = logger } });
        await EnqueueAsync(
            outbox, OutboxHarness.Item("a.example", "t1", task: "task-1"), OutboxHarness.Item("b.example", "t2", task: "task-2"));
        await _time.RunUntilAsync(() => sender.Count >= 2);

        OutboxStopReport report = await StopAsync(worker);

        Assert.Equal(2, report.Left);
        Assert.Equal(
            [("t1", "a.example", "task-1"), ("t2", "b.example", "task-2")],
            report.Waiting.Select(static row => (row.Tenant, row.Authority, row.TaskId)).Order());
        Assert.All(report.Waiting, static row => Assert.InRange(row.Attempts, 1, 5));
        Assert.All(report.Waiting, row => Assert.Contains(logger.Lines, line =>
            line.Contains($"{row.TaskId} of tenant {row.Tenant} to {row.Authority} waits in the outbox", StringComparison.Ordinal)));
        Assert.Contains(logger.Lines, static line => line.Contains("2 webhooks wait in it", StringComparison.Ordinal));
        Assert.DoesNotContain(logger.Lines, static line => line.Contains("/hook", StringComparison.Ordinal)
            || line.Contains("a-token-of-16-chars", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_worker_that_leaves_others_behind_names_nothing_and_the_last_one_names_a_hundred_at_most()
    {
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox(503);
        OutboxWorker first = await StartAsync(outbox, sender);
        OutboxWorker second = await StartAsync(outbox, sender);
        await EnqueueAsync(
            outbox, [.. Enumerable.Range(0, 150).Select(static i => OutboxHarness.Item($"b{i}.example", task: $"task-{i}"))]);

        OutboxStopReport left = await StopAsync(first);
        OutboxStopReport last = await StopAsync(second);

        Assert.Equal((0, 0), (left.Left, left.Waiting.Count));
        Assert.Equal((150, 100), (last.Left, last.Waiting.Count));
    }

    [Fact]
    public async Task A_database_that_is_away_at_the_end_is_said_and_the_stop_succeeds()
    {
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox(503);
        bool isCut = false;
        FaultyOutboxStore cut = new(_store, _ => Volatile.Read(ref isCut) ? StoreFault.Before : StoreFault.None);
        RecordingLogger logger = new();
        OutboxWorker worker = await StartAsync(
            new SqlWebhookOutbox(cut, sender, OutboxHarness.Secrets, null), sender,
            Options() with { Attempts = Attempts() with { Logger = logger } });
        await EnqueueAsync(outbox, OutboxHarness.Item());

        Volatile.Write(ref isCut, true);
        OutboxStopReport report = await StopAsync(worker);

        Assert.Null(report.Left);
        Assert.Empty(report.Waiting);
        Assert.Contains(logger.Lines, static line => line.Contains("did not say which webhooks wait", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Two_workers_share_the_lanes_and_deliver_each_webhook_once()
    {
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox(200);
        OutboxWorker first = await StartAsync(outbox, sender);
        await _time.RunForAsync(TimeSpan.FromSeconds(3));
        OutboxWorker second = await StartAsync(outbox, sender);
        Task<int[]> lanes = Task.FromResult<int[]>([]);
        await _time.RunUntilAsync(() =>
        {
            lanes = LanesAsync(first, second);
            return lanes.IsCompletedSuccessfully && lanes.Result is [32, 32];
        });

        await EnqueueAsync(outbox, [.. Enumerable.Range(0, 500).Select(static i => OutboxHarness.Item($"b{i}.example"))]);
        await _time.RunUntilAsync(() => _store.Waiting == 0);

        Assert.Equal(500, sender.Count);
        Assert.Equal(500, sender.Attempts.Select(static sent => sent.IdempotencyKey).Distinct().Count());
    }

    [Fact]
    public async Task A_worker_that_loses_its_lease_stops_sending_and_another_takes_over()
    {
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox(200);
        bool isCut = false;
        FaultyOutboxStore cut = new(_store, _ => Volatile.Read(ref isCut) ? StoreFault.Before : StoreFault.None);
        CancellationToken seen = default;
        RecordingSender hanging = Sender((_, _, token) =>
        {
            seen = token;
            return new ValueTask<int>(Task.Delay(Timeout.Infinite, token).ContinueWith(static _ => 200, TaskScheduler.Default));
        });
        await StartAsync(
            new SqlWebhookOutbox(cut, hanging, OutboxHarness.Secrets, null), hanging, new OutboxWorkerOptions { Attempts = Attempts() });
        await EnqueueAsync(outbox, OutboxHarness.Item());
        await _time.RunUntilAsync(() => hanging.Count == 1);

        Volatile.Write(ref isCut, true);
        await _time.RunUntilAsync(() => seen.IsCancellationRequested);
        await StartAsync(outbox, sender);
        await _time.RunUntilAsync(() => _store.Waiting == 0);

        Assert.Equal(hanging.Attempts.Single().IdempotencyKey, sender.Attempts.Single().IdempotencyKey);
    }

    [Fact]
    public async Task A_lease_whose_renewals_fail_for_less_than_its_time_is_held_and_its_attempts_go_on()
    {
        int renewals = 0;
        bool isFlaky = false;
        FaultyOutboxStore flaky = new(_store, call =>
            call == "renew" && Interlocked.Increment(ref renewals) % 3 != 0 && Volatile.Read(ref isFlaky)
                ? StoreFault.Before
                : StoreFault.None);
        TaskCompletionSource<int> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        CancellationToken seen = default;
        RecordingSender waiting = Sender((_, _, token) =>
        {
            seen = token;
            return new ValueTask<int>(answer.Task);
        });
        await EnqueueAsync(Outbox(200).Outbox, OutboxHarness.Item());
        await StartAsync(
            new SqlWebhookOutbox(flaky, waiting, OutboxHarness.Secrets, null), waiting, new OutboxWorkerOptions { Attempts = Attempts() });
        while (waiting.Count == 0)
        {
            // What was there before the start is read without a turn of the clock.
            await Task.Yield();
        }

        Volatile.Write(ref isFlaky, true);

        // Four leases. Each renewal has been asked for before the clock goes on.
        for (int second = 0; second < 20; second++)
        {
            int before = Volatile.Read(ref renewals);
            _time.Advance(TimeSpan.FromSeconds(1));
            while (Volatile.Read(ref renewals) == before)
            {
                await Task.Yield();
            }
        }

        Assert.Equal((false, 1), (seen.IsCancellationRequested, waiting.Count));
        Volatile.Write(ref isFlaky, false);
        answer.SetResult(200);
        await _time.RunUntilAsync(() => _store.Waiting == 0);
    }

    [Fact]
    public async Task A_settlement_whose_answer_is_lost_repeats_no_attempt()
    {
        (SqlWebhookOutbox outbox, RecordingSender sender) = Outbox((_, attempt, _) => ValueTask.FromResult(attempt == 1 ? 503 : 200));
        int settlements = 0;
        FaultyOutboxStore losing = new(
            _store, call => call == "settle" && Interlocked.Increment(ref settlements) <= 3 ? StoreFault.After : StoreFault.None);
        await StartAsync(new SqlWebhookOutbox(losing, sender, OutboxHarness.Secrets, null), sender);

        await EnqueueAsync(outbox, OutboxHarness.Item());
        await _time.RunUntilAsync(() => _store.Waiting == 0);
        await _time.RunForAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(2, sender.Count);
    }

    private static async Task<int[]> LanesAsync(params OutboxWorker[] workers)
    {
        int[] lanes = new int[workers.Length];
        for (int i = 0; i < lanes.Length; i++)
        {
            lanes[i] = (await workers[i].GetStatusAsync()).Lanes;
        }

        return lanes;
    }

    private static async Task<OutboxReceipt> EnqueueAsync(SqlWebhookOutbox outbox, params OutboxItem[] items)
    {
        IReadOnlyList<OutboxReceipt> receipts = await outbox.EnqueueAsync(null, items);
        return receipts[0];
    }

    private WebhookSupervisorOptions Attempts() => new() { Retry = OutboxWorkerOptions.DefaultRetry, TimeProvider = _time };

    private OutboxWorkerOptions Options() => new() { Attempts = Attempts(), Lease = OutboxBench.LongLease };

    [Fact]
    public async Task Lease_that_was_not_disposed_ends_with_its_clock()
    {
        WeakReference clock = Abandon();

        // The finalizer of the lease's timer continues its loop, which must not go on.
        await Task.Run(() =>
        {
            for (int i = 0; i < 10 && clock.IsAlive; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.False(clock.IsAlive);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static WeakReference Abandon()
        {
            FakeTimeProvider time = new();
            OutboxLease lease = new(
                new InMemoryOutboxStore(time),
                new OutboxLeaseTimes(OutboxBench.LongLease, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)), "test",
                static () => default, time, NullLogger.Instance);
            Assert.True(lease.StartAsync(CancellationToken.None).IsCompletedSuccessfully);
            return new WeakReference(time);
        }
    }

    private (SqlWebhookOutbox Outbox, RecordingSender Sender) Outbox(int status) => Outbox((_, _, _) => ValueTask.FromResult(status));

    private (SqlWebhookOutbox Outbox, RecordingSender Sender) Outbox(Func<PreparedWebhook, int, CancellationToken, ValueTask<int>> answer)
    {
        RecordingSender sender = Sender(answer);
        return (new SqlWebhookOutbox(_store, sender, OutboxHarness.Secrets, new SqlWebhookOutboxOptions { TimeProvider = _time }), sender);
    }

    private RecordingSender Sender(Func<PreparedWebhook, int, CancellationToken, ValueTask<int>> answer)
    {
        RecordingSender sender = Senders.Of(answer);
        _senders.Add(sender);
        return sender;
    }

    private async Task<OutboxWorker> StartAsync(SqlWebhookOutbox outbox, RecordingSender sender, OutboxWorkerOptions? options = null)
    {
        OutboxWorker worker = new(outbox, sender, options ?? Options());
        _workers.Add(worker);
        await worker.StartAsync();
        return worker;
    }

    private async Task<OutboxStopReport> StopAsync(OutboxWorker worker)
    {
        Task<OutboxStopReport> stopped = worker.StopAsync(TimeSpan.FromSeconds(1));
        await _time.RunUntilAsync(() => stopped.IsCompleted);
        return await stopped;
    }

    /// <summary>Adds headers to each webhook.</summary>
    private sealed class HeaderSender(RecordingSender inner, int count) : IWebhookSender
    {
        public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null)
        {
            PreparedWebhook webhook = inner.Prepare(destination, payload, sequenceNumber);
            return new PreparedWebhook(destination, webhook.Body, webhook.IdempotencyKey)
            {
                Headers = [.. Enumerable.Range(0, count).Select(static i => KeyValuePair.Create($"x-header-{i}", "v"))],
            };
        }

        public ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default) =>
            inner.SendAsync(webhook, cancellationToken);
    }

    private sealed class RecordingLogger : ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception));
    }

    private sealed class ThrowingLogger : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => throw new InvalidOperationException("log");

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            throw new InvalidOperationException("log");
    }
}
