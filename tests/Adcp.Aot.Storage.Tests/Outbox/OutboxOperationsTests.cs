using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Operations;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The operations on an outbox: dead letters, redrives as jobs, workers, and the story of a delivery.</summary>
public sealed class OutboxOperationsTests : IAsyncDisposable
{
    private static readonly OperatorAction Action = new("alice", "buyer is back");

    private readonly OutboxBench _bench = new();
    private readonly AttemptHistory _history;
    private int _status = 410;
    private OutboxOperations? _operations;

    public OutboxOperationsTests() => _history = new AttemptHistory(timeProvider: _bench.Time);

    public async ValueTask DisposeAsync()
    {
        if (_operations is not null)
        {
            Task ended = _operations.DisposeAsync().AsTask();
            await _bench.UntilAsync(() => ended.IsCompleted);
        }

        await _bench.DisposeAsync();
    }

    [Fact]
    public async Task Dead_letters_are_listed_counted_and_found_by_each_filter()
    {
        OutboxOperations operations = await KillAsync(30);

        OperationsPage<DeadLetter> first = await operations.ListDeadLettersAsync(new DeadLetterQuery { Limit = 20 });
        OperationsPage<DeadLetter> rest =
            await operations.ListDeadLettersAsync(new DeadLetterQuery { Limit = 20, Before = long.Parse(first.Next!) });
        OperationsPage<DeadLetter> all = await operations.ListDeadLettersAsync(new DeadLetterQuery { Limit = 30 });
        DeadLetter one = first.Items[0];

        Assert.Equal((20, 10, 30L, null), (first.Items.Count, rest.Items.Count, first.Count, rest.Next));
        Assert.Equal((30, null), (all.Items.Count, all.Next));
        Assert.Equal(30, first.Items.Concat(rest.Items).Select(static letter => letter.Id).Distinct().Count());
        Assert.Equal(3, (await operations.CountDeadLettersAsync(new DeadLetterQuery { EndpointId = one.EndpointId })).Count);
        Assert.Equal(new DeadLetterCount(null, 0, false), await operations.CountDeadLettersAsync(new DeadLetterQuery { Tenant = "t9" }));
        Assert.Equal(3, (await operations.CountDeadLettersAsync(new DeadLetterQuery { EndpointId = one.EndpointId, Tenant = "t1" })).Count);
        DeadLetterQuery contradiction = new() { EndpointId = one.EndpointId, Tenant = "t9" };
        Assert.Equal(0, (await operations.CountDeadLettersAsync(contradiction)).Count);
        Assert.Empty((await operations.ListDeadLettersAsync(contradiction)).Items);
        Assert.Equal(new DeadLetterReport(), await _bench.Outbox.DeadLetters.RedriveAsync(contradiction));
        Assert.Equal(one, await operations.FindDeadLetterAsync(one.Id));
        Assert.Null(await operations.FindDeadLetterAsync(long.MaxValue));
        Assert.Contains(
            (await operations.ListEndpointsAsync()).Items, endpoint => endpoint.Id == one.EndpointId);
    }

    [Fact]
    public async Task Dead_letters_are_filtered_and_redriven_by_their_notification_type()
    {
        OutboxOperations operations = await OpenAsync();
        foreach (string? type in new[] { "final", "final", "scheduled", null })
        {
            await _bench.EnqueueAsync("b.example", type: type);
        }

        await _bench.EnqueueAsync("b.example", maxAge: TimeSpan.FromTicks(1), type: "late");
        await _bench.UntilEmptyAsync();
        DeadLetterQuery query = new() { NotificationType = "final" };

        OperationsPage<DeadLetter> page = await operations.ListDeadLettersAsync(query);
        DeadLetterCount late = await operations.CountDeadLettersAsync(new() { NotificationType = "late", Reason = "too_old" });
        DeadLetterCount none = await operations.CountDeadLettersAsync(new DeadLetterQuery { NotificationType = "fina" });
        DeadLetterJob job = await EndAsync((await operations.StartRedriveAsync(query, new RedriveOptions(), Action))!);

        Assert.Equal(["final", "final"], page.Items.Select(static letter => letter.NotificationType));
        Assert.Equal((1, 0, 2), (late.Count, none.Count, job.Report.Redriven));
        Assert.Contains("notification type final", Assert.Single(await operations.ListActionsAsync()).Target, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redrive_runs_as_a_job_with_progress_and_is_recorded()
    {
        OutboxOperations operations = await KillAsync(40);
        _status = 200;

        DeadLetterJob dry = await EndAsync(
            (await operations.StartRedriveAsync(new DeadLetterQuery(), new RedriveOptions { IsDryRun = true }, Action))!);
        DeadLetterJob job = (await operations.StartRedriveAsync(new DeadLetterQuery(), new RedriveOptions { RatePerSecond = 20 }, Action))!;
        await _bench.UntilAsync(() => JobOf(job).Report.Redriven is > 0 and < 40);
        DeadLetterJob ended = await EndAsync(job);
        await _bench.UntilEmptyAsync();

        Assert.Equal((DeadLetterJobState.Done, true, 40), (dry.State, dry.IsDryRun, dry.Report.Redriven));
        Assert.Equal(
            (DeadLetterJobState.Done, 40, "alice", "buyer is back"),
            (ended.State, ended.Report.Redriven, ended.Actor, ended.Reason));
        Assert.NotNull(ended.EndedAt);
        Assert.Empty(_bench.Store.DeadRows);
        ActionRecord record = Assert.Single(await operations.ListActionsAsync());
        Assert.Equal(("redrive", "alice", "buyer is back"), (record.Action, record.Actor, record.Reason));
        Assert.Contains("all dead letters", record.Target, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Job_says_that_it_waits_for_workers_and_how_fast_it_is()
    {
        OutboxOperations operations = await KillAsync(200);
        _status = 200;
        Task<OperationsStatus> paused = operations.PauseAsync(Action).AsTask();
        await _bench.UntilAsync(() => paused.IsCompleted);

        RedriveOptions options = new() { RatePerSecond = 100 };
        DeadLetterJob job = (await operations.StartRedriveAsync(new DeadLetterQuery(), options, Action))!;
        await _bench.UntilAsync(() => JobOf(job) is { Report.Wait: RedriveWait.Workers, RatePerSecond: 0 });
        DeadLetterJob waits = JobOf(job);
        Task<OperationsStatus> resumed = operations.ResumeAsync(Action).AsTask();
        await _bench.UntilAsync(() => resumed.IsCompleted);
        await _bench.UntilAsync(() => JobOf(job) is { Report.Wait: RedriveWait.None, RatePerSecond: > 0 });
        DeadLetterJob ended = await EndAsync(job);

        Assert.Equal((50, DeadLetterJobState.Running), (waits.Report.Handled, waits.State));
        Assert.Equal((200, RedriveWait.None, null), (ended.Report.Handled, ended.Report.Wait, ended.RatePerSecond));
    }

    [Fact]
    public async Task Same_redrive_runs_once_at_a_time_and_another_one_beside_it()
    {
        OutboxOperations operations = await KillAsync(40);
        RedriveOptions slow = new() { RatePerSecond = 1 };

        DeadLetterJob first = (await operations.StartRedriveAsync(new DeadLetterQuery { Reason = "rejected" }, slow, Action))!;
        DeadLetterJob same = (await operations.StartRedriveAsync(new DeadLetterQuery { Reason = "rejected" }, slow, Action))!;
        DeadLetterJob other = (await operations.StartRedriveAsync(new DeadLetterQuery { Reason = "expired" }, slow, Action))!;

        Assert.Equal(first.Id, same.Id);
        Assert.NotEqual(first.Id, other.Id);
        Assert.Equal(2, (await operations.ListActionsAsync()).Count);
    }

    [Fact]
    public async Task No_more_than_eight_redrives_run_at_a_time()
    {
        OutboxOperations operations = await KillAsync(40);
        RedriveOptions slow = new() { RatePerSecond = 1 };
        long[] ids = [.. _bench.Store.DeadRows.Select(static row => row.Id)];
        for (int i = 0; i < DeadLetterJobs.MaxRunning; i++)
        {
            Assert.NotNull(await operations.StartRedriveAsync(new DeadLetterQuery { Ids = ids[(i * 5)..(i * 5 + 5)] }, slow, Action));
        }

        Assert.Null(await operations.StartRedriveAsync(new DeadLetterQuery(), slow, Action));
    }

    [Fact]
    public async Task Redrive_that_is_cancelled_ends_and_another_one_continues()
    {
        OutboxOperations operations = await KillAsync(40);
        _status = 200;
        DeadLetterJob job = (await operations.StartRedriveAsync(new DeadLetterQuery(), new RedriveOptions { RatePerSecond = 20 }, Action))!;
        await _bench.UntilAsync(() => JobOf(job).Report.Redriven >= 10);

        Task<DeadLetterJob?> cancelling = operations.CancelDeadLetterJobAsync(job.Id, Action).AsTask();
        await _bench.UntilAsync(() => cancelling.IsCompleted);
        DeadLetterJob cancelled = (await cancelling)!;
        DeadLetterJob rest = await EndAsync((await operations.StartRedriveAsync(
            new DeadLetterQuery { Before = cancelled.Report.ContinueBefore }, new RedriveOptions(), Action))!);

        Assert.Equal(DeadLetterJobState.Cancelled, cancelled.State);
        Assert.InRange(cancelled.Report.Redriven, 10, 39);
        Assert.Equal(40, cancelled.Report.Redriven + rest.Report.Redriven);
        Assert.Equal(
            ["redrive", "cancel redrive", "redrive"], (await operations.ListActionsAsync()).Select(static action => action.Action));
        Assert.Null(await operations.CancelDeadLetterJobAsync("99", Action));
    }

    [Fact]
    public async Task Redrives_end_when_the_operations_are_disposed()
    {
        OutboxOperations operations = await KillAsync(40);
        DeadLetterJob job = (await operations.StartRedriveAsync(new DeadLetterQuery(), new RedriveOptions { RatePerSecond = 1 }, Action))!;

        Task disposed = operations.DisposeAsync().AsTask();
        await _bench.UntilAsync(() => disposed.IsCompleted);

        Assert.Equal(DeadLetterJobState.Cancelled, JobOf(job).State);
        await Assert.ThrowsAsync<ObjectDisposedException>(
            async () => await operations.StartRedriveAsync(new DeadLetterQuery(), new RedriveOptions(), Action));
    }

    [Fact]
    public async Task Progress_of_the_caller_that_throws_fails_the_job_and_nothing_else()
    {
        OutboxOperations operations = await KillAsync(10);

        DeadLetterJob job = await EndAsync((await operations.StartRedriveAsync(
            new DeadLetterQuery(), new RedriveOptions { Progress = new Thrower() }, Action))!);

        Assert.Equal(DeadLetterJobState.Failed, job.State);
        Assert.Contains("InvalidTimeZoneException", job.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Discarded_dead_letters_are_gone_and_the_action_is_recorded()
    {
        OutboxOperations operations = await KillAsync(10);
        long[] ids = [.. _bench.Store.DeadRows.Take(3).Select(static row => row.Id)];

        DeadLetterQuery query = new() { Ids = [.. ids, long.MaxValue] };
        DeadLetterJob dry = await EndAsync((await operations.StartDiscardAsync(query, isDryRun: true, Action))!);
        int before = _bench.Store.DeadRows.Count;
        DeadLetterJob job = await EndAsync((await operations.StartDiscardAsync(query, isDryRun: false, Action))!);

        Assert.Equal((3, 1, 10), (dry.Report.Discarded, dry.Report.Missing, before));
        Assert.Equal((true, 3, 1), (job.IsDiscard, job.Report.Discarded, job.Report.Missing));
        Assert.Equal(7, _bench.Store.DeadRows.Count);
        ActionRecord record = Assert.Single(await operations.ListActionsAsync());
        Assert.Equal(
            ("discard", $"job {job.Id}: 4 dead letters: {string.Join(", ", ids)}, {long.MaxValue}"), (record.Action, record.Target));
    }

    [Fact]
    public async Task Discard_by_filter_runs_in_steps_is_cancelled_and_continues()
    {
        await KillAsync(700);
        DeadLetters dead = _bench.Outbox.DeadLetters;
        DeadLetterQuery query = new() { Reason = "rejected" };
        using CancellationTokenSource enough = new();

        DeadLetterReport dry = await dead.DiscardAsync(query, isDryRun: true);
        DeadLetterReport cancelled = await dead.DiscardAsync(query, progress: new Canceller(enough), cancellationToken: enough.Token);
        int left = _bench.Store.DeadRows.Count;
        DeadLetterReport none = await dead.DiscardAsync(new DeadLetterQuery { Reason = "expired" });
        DeadLetterReport rest = await dead.DiscardAsync(query with { Before = cancelled.ContinueBefore });

        Assert.Equal((700, 500, 200, 0), (dry.Discarded, cancelled.Discarded, left, none.Discarded));
        Assert.Equal(new DeadLetterReport { Discarded = 200 }, rest);
        Assert.Empty(_bench.Store.DeadRows);
    }

    [Fact]
    public async Task Discard_runs_beside_a_redrive_of_the_same_dead_letters_and_none_is_handled_twice()
    {
        OutboxOperations operations = await KillAsync(40);
        DeadLetterQuery query = new() { Reason = "rejected" };
        _status = 200;

        DeadLetterJob redrive = (await operations.StartRedriveAsync(query, new RedriveOptions { RatePerSecond = 1 }, Action))!;
        await _bench.UntilAsync(() => JobOf(redrive).Report.Redriven >= 3);
        DeadLetterJob discard = await EndAsync((await operations.StartDiscardAsync(query, isDryRun: false, Action))!);
        redrive = await EndAsync(redrive);

        Assert.NotEqual(redrive.Id, discard.Id);
        Assert.InRange(redrive.Report.Redriven, 3, 39);
        Assert.Equal(40, redrive.Report.Redriven + discard.Report.Discarded);
        await _bench.UntilEmptyAsync();
        Assert.Empty(_bench.Store.DeadRows);
    }

    [Fact]
    public async Task Opened_body_is_the_webhooks_own_and_each_opening_is_recorded()
    {
        OutboxOperations operations = await KillAsync(1);
        DeadLetter letter = Assert.Single((await operations.ListDeadLettersAsync()).Items);

        ReadOnlyMemory<byte>? body = await operations.OpenBodyAsync(letter.Id, Action);
        ReadOnlyMemory<byte>? absent = await operations.OpenBodyAsync(long.MaxValue, Action);

        Assert.Contains(letter.IdempotencyKey!, System.Text.Encoding.UTF8.GetString(body!.Value.Span), StringComparison.Ordinal);
        Assert.Null(absent);
        ActionRecord record = Assert.Single(await operations.ListActionsAsync());
        Assert.Equal(("open body", $"dead letter {letter.Id}", "alice"), (record.Action, record.Target, record.Actor));
    }

    [Fact]
    public async Task Status_names_what_the_store_has_and_costs_one_reading_in_five_seconds()
    {
        OutboxOperations operations = await KillAsync(10);
        OperationsStatus status = await operations.GetStatusAsync();
        _bench.Store.Reset();

        for (int i = 0; i < 20; i++)
        {
            await operations.GetStatusAsync();
        }

        Assert.Equal((10L, 0L, 0L, 0L), (status.DeadLetters, status.Waiting, status.Parked, status.FencedOff));
        Assert.Equal([new DeadLetterCount("rejected", 10, false)], status.DeadByReason);
        Assert.Equal((true, 1, 0), (status.IsDurable, status.Workers, status.UnownedLanes));
        Assert.Equal(0, _bench.Store.Counts);
        await _bench.Time.RunForAsync(TimeSpan.FromSeconds(6));
        await operations.GetStatusAsync();
        Assert.Equal(1, _bench.Store.Counts);
    }

    [Fact]
    public async Task Workers_are_listed_with_their_lanes_and_the_own_one_is_marked()
    {
        OutboxOperations operations = await KillAsync(1);

        WorkersStatus workers = await operations.ListWorkersAsync();

        WorkerStatus worker = Assert.Single(workers.Workers);
        Assert.Equal((true, 64, false), (worker.IsHere, worker.Lanes.Count, worker.IsDraining));
        Assert.True(worker.LeaseLeft > TimeSpan.Zero);
        Assert.Empty(workers.UnownedLanes);
    }

    [Fact]
    public async Task Story_of_a_delivery_has_its_attempts_and_its_end()
    {
        OutboxOperations operations = await KillAsync(1);
        DeadLetter letter = Assert.Single((await operations.ListDeadLettersAsync()).Items);
        DeliveryQuery query = new() { IdempotencyKey = letter.IdempotencyKey! };

        DeliveryStory dead = (await operations.FindDeliveryAsync(query))!;
        DeliveryStory byId = (await operations.FindDeliveryAsync(query with { DeadLetterId = letter.Id }))!;
        _status = 200;
        await EndAsync((await operations.StartRedriveAsync(new DeadLetterQuery { Ids = [letter.Id] }, new RedriveOptions(), Action))!);
        await _bench.UntilEmptyAsync();
        DeliveryStory delivered = (await operations.FindDeliveryAsync(query))!;

        Assert.Equal((OutboxDeliveryState.Undelivered, letter), (dead.State, dead.DeadLetter));
        Assert.Equal(letter, byId.DeadLetter);
        Assert.Equal(AttemptOutcome.Failure, Assert.Single(dead.Attempts).Outcome);
        Assert.Equal(OutboxDeliveryState.Delivered, delivered.State);
        Assert.Equal([AttemptOutcome.Failure, AttemptOutcome.Success], delivered.Attempts.Select(static attempt => attempt.Outcome));
        Assert.Null(await operations.FindDeliveryAsync(new DeliveryQuery { IdempotencyKey = "another-key" }));
    }

    [Fact]
    public async Task Story_of_a_webhook_that_waits_says_so()
    {
        OutboxOperations operations = await OpenAsync();
        OutboxReceipt receipt = (await _bench.Outbox.EnqueueAsync(
            null, [OutboxHarness.Item(notBefore: _bench.Time.GetUtcNow().AddHours(1))]))[0];

        DeliveryStory story = (await operations.FindDeliveryAsync(new DeliveryQuery { IdempotencyKey = receipt.IdempotencyKey }))!;

        Assert.Equal(OutboxDeliveryState.Waiting, story.State);
        Assert.NotNull(story.EnqueuedAt);
        Assert.Empty(story.Attempts);
    }

    [Fact]
    public async Task Isolated_endpoint_keeps_its_webhooks_waiting()
    {
        OutboxOperations operations = await KillAsync(1);
        _status = 200;
        string id = (await operations.ListEndpointsAsync()).Items[0].Id;
        await operations.IsolateAsync(id, Action);
        await _bench.EnqueueAsync("b0.example");

        await _bench.Time.RunForAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(1, _bench.Store.Waiting);
        await operations.ResetAsync(id, Action);
        await _bench.UntilEmptyAsync();

        Assert.Single(_bench.Store.DeadRows);
    }

    private async Task<OutboxOperations> OpenAsync()
    {
        (OutboxWorker worker, _) = await _bench.StartAsync(
            _bench.Sender((_, _, _) => ValueTask.FromResult(Volatile.Read(ref _status))),
            options => options with { Attempts = _bench.Attempts with { Sink = _history } });
        return _operations = new OutboxOperations(worker, _history, timeProvider: _bench.Time);
    }

    /// <summary>Makes dead letters, of ten endpoints.</summary>
    private async Task<OutboxOperations> KillAsync(int webhooks)
    {
        OutboxOperations operations = await OpenAsync();
        for (int i = 0; i < webhooks; i++)
        {
            await _bench.EnqueueAsync($"b{i % 10}.example");
        }

        await _bench.UntilEmptyAsync();
        Assert.Equal(webhooks, _bench.Store.DeadRows.Count);
        return operations;
    }

    private DeadLetterJob JobOf(DeadLetterJob job) =>
        _operations!.ListDeadLetterJobsAsync().AsTask().GetAwaiter().GetResult().Single(other => other.Id == job.Id);

    private async Task<DeadLetterJob> EndAsync(DeadLetterJob job)
    {
        await _bench.UntilAsync(() => JobOf(job).State != DeadLetterJobState.Running);
        return JobOf(job);
    }

    /// <summary>Cancels after the first step.</summary>
    private sealed class Canceller(CancellationTokenSource enough) : IProgress<DeadLetterReport>
    {
        public void Report(DeadLetterReport value) => enough.Cancel();
    }

    private sealed class Thrower : IProgress<DeadLetterReport>
    {
        public void Report(DeadLetterReport value) => throw new InvalidTimeZoneException("planned");
    }
}
