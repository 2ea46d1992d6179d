using System.Collections.Concurrent;
using Adcp.Aot.Delivery;
using Adcp.Aot.Storage.Tests.Databases;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>A worker whose results cannot be committed, or whose lanes are another worker's.</summary>
public sealed class OutboxLostLaneTests : IAsyncDisposable
{
    private readonly OutboxBench _bench = new();
    private readonly Lines _log = new();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task Store_that_takes_no_result_for_thirty_seconds_stops_new_attempts_and_repeats_none()
    {
        const int Permits = 16, Webhooks = 600;
        bool isStalled = true;
        FaultyOutboxStore process = new(
            _bench.Store, call => call == "settle" && Volatile.Read(ref isStalled) ? StoreFault.Before : StoreFault.None);
        for (int i = 0; i < Webhooks; i++)
        {
            await _bench.EnqueueAsync($"b{i % 20}.example");
        }

        RecordingSender sender = _bench.Sender(static (_, _, _) => ValueTask.FromResult(200));
        OutboxWorker worker = await _bench.StartAsync(sender, process, options => options with
        {
            Attempts = _bench.Attempts with { MaxConcurrency = Permits, Logger = _log },
        });
        Guid id = worker.Id;
        await _bench.UntilAsync(() => sender.Count >= OutboxDelivery.MaxUnsettled);
        await _bench.Time.RunForAsync(TimeSpan.FromSeconds(30));

        Assert.InRange(sender.Count, OutboxDelivery.MaxUnsettled, OutboxDelivery.MaxUnsettled + Permits);
        Volatile.Write(ref isStalled, false);
        await _bench.UntilEmptyAsync();
        Assert.Equal(id, worker.Id);
        Assert.Equal(Webhooks, sender.Count);

        // The line says how many, whether repeats follow, and what to do.
        string line = Line(StorageEventIds.OutboxSettleFailed);
        Assert.Contains("results of the outbox could not be committed", line, StringComparison.Ordinal);
        Assert.Contains("nothing is sent twice unless the process ends", line, StringComparison.Ordinal);
        Assert.Contains("Check the outbox's database", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0A000", false, 20)] // The server was demoted.
    [InlineData("25006", false, 20)]
    [InlineData("08P01", false, 20)] // The pooler lost its server,
    [InlineData("08P01", true, 20)] // and the commit had happened.
    [InlineData("57014", false, 20)] // The statement took too long.
    [InlineData("57014", true, 20)]
    [InlineData("XX000", false, 4)] // An internal fault of the server, which could be about a row.
    public async Task Result_that_the_database_does_not_take_for_a_time_is_kept(string state, bool isCommitted, int faults)
    {
        FaultyOutboxStore process = new(_bench.Store, call => call != "settle" || Interlocked.Decrement(ref faults) < 0
            ? StoreFault.None
            : isCommitted ? StoreFault.After : StoreFault.Before)
        {
            Fault = call => new FaultException(call, state),
        };
        TaskCompletionSource<int> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        RecordingSender sender = _bench.Sender((_, _, _) => new ValueTask<int>(answer.Task));
        OutboxWorker worker = await _bench.StartAsync(
            sender, process, options => options with { Attempts = _bench.Attempts with { Logger = _log } });
        for (int i = 0; i < 8; i++)
        {
            await _bench.EnqueueAsync($"b{i}.example");
        }

        await _bench.UntilAsync(() => sender.Count == 8);
        answer.SetResult(200);
        await _bench.UntilAsync(() => Volatile.Read(ref faults) < 0 && _bench.Store.Waiting == 0);
        await worker.StopAsync(TimeSpan.Zero);

        Assert.Equal(8, sender.Count);
        Assert.Empty(_log.Of(StorageEventIds.OutboxRowUnsettled));
        Assert.Empty(_log.Of(StorageEventIds.OutboxFencedOff));
        Assert.Equal(0, worker.FencedOff);
    }

    [Fact]
    public async Task Row_that_is_locked_holds_up_no_other_result_and_is_settled_when_it_is_free()
    {
        const int Webhooks = 8;
        bool isLocked = true;
        long locked = 0;
        FaultyOutboxStore process = new(_bench.Store, static _ => StoreFault.None)
        {
            Fault = static call => new FaultException(call, "57014"),
            Refuses = change => Volatile.Read(ref isLocked) && change.Row.Id == Volatile.Read(ref locked),
        };
        for (int i = 0; i < Webhooks; i++)
        {
            OutboxReceipt receipt = await _bench.EnqueueAsync($"b{i}.example");
            locked = i == 3 ? receipt.Id : locked;
        }

        RecordingSender sender = _bench.Sender(static (_, _, _) => ValueTask.FromResult(200));
        OutboxWorker worker = await _bench.StartAsync(
            sender, process, options => options with { Attempts = _bench.Attempts with { Logger = _log } });
        await _bench.UntilAsync(() => _bench.Store.Waiting == 1);
        await _bench.EnqueueAsync("later.example");
        await _bench.UntilAsync(() => sender.Count == Webhooks + 1 && _bench.Store.Waiting == 1);
        await _bench.Time.RunForAsync(TimeSpan.FromSeconds(10));

        Assert.Equal(1, _bench.Store.Waiting);
        Volatile.Write(ref isLocked, false);
        await _bench.UntilEmptyAsync();
        Assert.Equal(Webhooks + 1, sender.Count);
        Assert.Equal(0, worker.FencedOff);
        Assert.Empty(_log.Of(StorageEventIds.OutboxRowUnsettled));
    }

    [Fact]
    public async Task Horizon_begins_with_the_attempt_although_the_store_takes_its_result_minutes_later()
    {
        TimeSpan away = TimeSpan.FromMinutes(10);
        bool isStalled = true;
        FaultyOutboxStore process = new(
            _bench.Store, call => call == "settle" && Volatile.Read(ref isStalled) ? StoreFault.Before : StoreFault.None);
        await _bench.EnqueueAsync("b.example");
        RecordingSender sender = _bench.Sender(static (_, _, _) => ValueTask.FromResult(503));
        OutboxWorker worker = await _bench.StartAsync(sender, process);
        await _bench.UntilAsync(() => sender.Count == 1);
        await _bench.Time.RunForAsync(away, TimeSpan.FromSeconds(1));
        Volatile.Write(ref isStalled, false);
        await _bench.UntilAsync(() => _bench.Store.Parked == 1);
        await worker.DisposeAsync();
        _bench.Time.Advance(TimeSpan.FromHours(1));

        await using OutboxReader reader = _bench.Store.OpenReader();
        List<OutboxRow> rows = [];
        for (short lane = 0; lane < OutboxLanes.Count; lane++)
        {
            foreach (OutboxParkedEndpoint endpoint in await reader.ListParkedAsync(lane, default))
            {
                await reader.ReadParkedAsync(lane, endpoint.Endpoint, (0, 0), 10, long.MaxValue, rows, default);
            }
        }

        TimeSpan left = new SqlWebhookOutboxOptions().RetryHorizon - away - TimeSpan.FromHours(1);
        Assert.InRange(Assert.Single(rows).TimeLeft!.Value, left - TimeSpan.FromMinutes(1), left);
    }

    [Fact]
    public async Task Results_of_lost_lanes_are_counted_and_logged_and_the_worker_returns_under_another_id()
    {
        TaskCompletionSource<int> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        RecordingSender sender = _bench.Sender((_, _, _) => new ValueTask<int>(answer.Task));
        for (int i = 0; i < 5; i++)
        {
            await _bench.EnqueueAsync($"b{i}.example");
        }

        (OutboxWorker worker, _) = await _bench.StartAsync(
            sender, options => options with { Attempts = _bench.Attempts with { Logger = _log } });
        await _bench.UntilAsync(() => sender.Count == 5);
        Guid id = worker.Id;

        // Another process declares it dead.
        await _bench.Store.LeaveAsync(id, default);
        answer.SetResult(200);
        await _bench.UntilAsync(() => worker.FencedOff == 5);
        await _bench.UntilEmptyAsync();

        Assert.Equal(5, (await worker.GetStatusAsync()).FencedOff);
        Assert.NotEqual(id, worker.Id);
        Assert.Equal([2, 2, 2, 2, 2], sender.Attempts.CountBy(static sent => sent.IdempotencyKey).Select(static entry => entry.Value));
        string[] lines = _log.Of(StorageEventIds.OutboxFencedOff);
        Assert.Equal(5, lines.Sum(static line => int.Parse(line[..line.IndexOf(' ', StringComparison.Ordinal)])));
        Assert.All(lines, static line =>
            Assert.Contains("may be sent twice with the same idempotency key", line, StringComparison.Ordinal));
        string dead = Line(StorageEventIds.OutboxDeclaredDead);
        Assert.Contains("may be sent twice with the same idempotency key", dead, StringComparison.Ordinal);
        Assert.Contains("Check whether it was paused or starved", dead, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Webhooks_that_wait_for_their_trial_when_the_lease_is_lost_are_no_lost_results()
    {
        // A tenant has half of the permits.
        const int Webhooks = 100, Trials = OutboxTrials.MaxOnTrial / 2;
        for (int i = 0; i < Webhooks; i++)
        {
            await _bench.EnqueueAsync($"b{i}.example");
        }

        bool mayAnswer = false;
        RecordingSender Silent() => _bench.Sender(async (_, _, token) =>
        {
            await Task.Delay(Volatile.Read(ref mayAnswer) ? 0 : Timeout.Infinite, token);
            return 200;
        });
        RecordingSender first = Silent();
        (_, FaultyOutboxStore dead) = await _bench.StartAsync(first);
        await _bench.UntilAsync(() => first.Count == Webhooks);
        dead.Crash();
        _bench.Time.Advance(2 * OutboxBench.LongLease);

        // All of them wait for their trial in the memory of the second worker, which notices late that its lease is another one.
        using ManualResetEventSlim mayRead = new(true);
        int stalled = 0;
        FaultyOutboxStore process = new(_bench.Store, call =>
        {
            if (call == "read" && !mayRead.IsSet)
            {
                Interlocked.Increment(ref stalled);
                mayRead.Wait();
            }

            return StoreFault.None;
        });
        RecordingSender second = Silent();
        OutboxWorker worker = await _bench.StartAsync(
            second, process, options => options with { Attempts = _bench.Attempts with { Logger = _log } });
        await _bench.UntilAsync(() => second.Count == Trials);
        mayRead.Reset();
        await _bench.UntilAsync(() => Volatile.Read(ref stalled) > 0);
        Guid id = worker.Id;
        await _bench.Store.LeaveAsync(id, default);
        _bench.Time.Advance(OutboxBench.LongLease / 5);
        await _bench.UntilAsync(() => worker.InFlight == 0);
        _bench.Time.Advance(OutboxBench.LongLease / 5);
        await _bench.UntilAsync(() => worker.Id != id && worker.Id != Guid.Empty && worker.InFlight == 0);

        Volatile.Write(ref mayAnswer, true);
        mayRead.Set();
        await _bench.UntilEmptyAsync();
        Assert.Empty(_log.Of(StorageEventIds.OutboxFencedOff));
        Assert.Equal(0, worker.FencedOff);
        Assert.Equal(Trials + Webhooks, second.Count);
    }

    [Fact]
    public async Task No_attempt_starts_under_a_lease_that_may_end_before_its_next_renewal()
    {
        OutboxWorker? worker = null;
        bool isCut = false;
        ConcurrentQueue<(string Url, Guid Worker)> sent = [];
        FaultyOutboxStore process = new(
            _bench.Store, call => call == "renew" && Volatile.Read(ref isCut) ? StoreFault.Before : StoreFault.None);
        RecordingSender sender = _bench.Sender((webhook, _, _) =>
        {
            sent.Enqueue((webhook.Destination.Url, worker!.Id));
            return ValueTask.FromResult(200);
        });
        worker = await _bench.StartAsync(
            sender, process, options => options with { Attempts = _bench.Attempts with { Logger = _log } });
        Guid id = worker.Id;

        // Renewals come every fifth of a lease, and a fifth is the margin.
        TimeSpan margin = OutboxBench.LongLease / 5;
        Volatile.Write(ref isCut, true);
        _bench.Time.Advance(margin * 3);
        await _bench.EnqueueAsync("early.example");
        await _bench.UntilAsync(() => sent.Count == 1);
        _bench.Time.Advance(_bench.Store.LeaseLeft - margin);
        await _bench.EnqueueAsync("late.example");
        await _bench.Time.RunForAsync(TimeSpan.FromSeconds(5));
        Assert.Single(sent);
        _bench.Time.Advance(margin);
        Volatile.Write(ref isCut, false);
        await _bench.UntilEmptyAsync();

        Assert.Equal(["early", "late"], sent.Select(static attempt => attempt.Url["https://".Length..attempt.Url.IndexOf('.')]));
        Assert.Equal(id, sent.First().Worker);
        Assert.NotEqual(id, sent.Last().Worker);
        string line = Line(StorageEventIds.OutboxLeaseEnded);
        Assert.Contains("may be sent twice with the same idempotency key", line, StringComparison.Ordinal);
        Assert.Contains("Check the outbox's database", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nothing_is_read_before_lanes_are_owned(bool isAnswerLost)
    {
        int taken = 0;
        ConcurrentQueue<string> calls = [];
        FaultyOutboxStore process = new(_bench.Store, call =>
        {
            calls.Enqueue(call);
            return call == "take" && Interlocked.Increment(ref taken) <= 3
                ? isAnswerLost ? StoreFault.After : StoreFault.Before
                : StoreFault.None;
        });
        RecordingSender sender = _bench.Sender(static (_, _, _) => ValueTask.FromResult(200));
        await _bench.EnqueueAsync("a.example");
        await _bench.StartAsync(sender, process);
        await _bench.UntilEmptyAsync();

        string[] before = [.. calls.TakeWhile(static call => call is not ("read" or "list" or "parked"))];
        Assert.Equal(isAnswerLost ? 1 : 4, before.Count(static call => call == "take"));
        Assert.Equal(isAnswerLost ? 1 : 3, before.Count(static call => call == "owned"));
        Assert.Single(sender.Attempts);
    }

    private string Line(int id) => _log.Of(id)[0];
}
