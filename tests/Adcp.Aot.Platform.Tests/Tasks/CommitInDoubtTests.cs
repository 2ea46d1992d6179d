using System.Data.Common;
using Adcp.Aot.Delivery;
using Adcp.Aot.Json;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform.Tests.Tasks;

/// <summary>A registry that throws although it committed: the buyer is notified once, as if it had answered.</summary>
public sealed class CommitInDoubtTests
{
    public static TheoryData<AdcpTaskStatus, bool> Ends => new(
        from status in (AdcpTaskStatus[])[
            AdcpTaskStatus.Completed, AdcpTaskStatus.Failed, AdcpTaskStatus.Canceled, AdcpTaskStatus.Rejected, AdcpTaskStatus.Working]
        from hasOutbox in (bool[])[false, true]
        select (status, hasOutbox));

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task News_whose_commit_was_not_answered_is_told_once(AdcpTaskStatus status, bool hasOutbox)
    {
        Outbox outbox = new();
        using DoubtfulRegistry tasks = new();
        await using Bench bench = Open(tasks, hasOutbox ? outbox : null);
        string task = await NewAsync(tasks);
        tasks.Loses = Loss.AnswerOfCommit;

        TaskTransition first = await EnterAsync(bench, task, status);
        tasks.Loses = Loss.Nothing;
        TaskTransition second = status.IsTerminal() ? await EnterAsync(bench, task, status) : TaskTransition.Repeated;
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));

        Assert.Equal((TaskTransition.Entered, TaskTransition.Repeated), (first, second));
        Assert.Equal(1, hasOutbox ? outbox.Kept : bench.Sender.Attempts.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_registry_that_stays_away_after_its_commit_is_read_until_it_is_back(bool callsAgain)
    {
        using DoubtfulRegistry tasks = new();
        await using Bench bench = Open(tasks, null);
        string task = await NewAsync(tasks);
        tasks.Loses = Loss.AnswerOfCommitAndReading;

        Task<TaskTransition> first = EnterAsync(bench, task, AdcpTaskStatus.Completed);
        await TurnAsync(bench, first);
        await Assert.ThrowsAsync<IOException>(() => first);
        tasks.Loses = Loss.Nothing;
        Task<TaskTransition>? again = callsAgain ? EnterAsync(bench, task, AdcpTaskStatus.Completed) : null;
        Task drained = bench.Handler.DrainAsync(TimeSpan.FromMinutes(1)).AsTask();
        await TurnAsync(bench, drained);

        Assert.Equal("completed", Bench.Body(Assert.Single(bench.Sender.Attempts).Body).GetProperty("status").GetString());
        if (again is not null)
        {
            Assert.Equal(TaskTransition.Repeated, await again);
        }
    }

    [Fact]
    public async Task A_commit_that_was_rolled_back_is_thrown_and_the_same_call_again_is_told_once()
    {
        using DoubtfulRegistry tasks = new();
        await using Bench bench = Open(tasks, null);
        string task = await NewAsync(tasks);
        tasks.Loses = Loss.Commit;

        await Assert.ThrowsAsync<IOException>(() => EnterAsync(bench, task, AdcpTaskStatus.Completed));
        tasks.Loses = Loss.Nothing;
        TaskTransition again = await EnterAsync(bench, task, AdcpTaskStatus.Completed);
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(TaskTransition.Entered, again);
        Assert.Single(bench.Sender.Attempts);
    }

    [Fact]
    public async Task A_doubt_that_a_shutdown_cuts_short_is_logged_by_task()
    {
        using DoubtfulRegistry tasks = new();
        await using Bench bench = Open(tasks, null);
        string task = await NewAsync(tasks);
        tasks.Loses = Loss.AnswerOfCommitAndReading;
        Task<TaskTransition> first = EnterAsync(bench, task, AdcpTaskStatus.Completed);
        await TurnAsync(bench, first);
        await Assert.ThrowsAsync<IOException>(() => first);

        await bench.Handler.DrainAsync(TimeSpan.Zero);

        Assert.Contains(task, Assert.Single(bench.Log.Lines, line => line.Id == 2001).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doubts_are_settled_sixty_four_at_a_time_also_when_a_dead_endpoint_has_all_the_room()
    {
        using DoubtfulRegistry tasks = new() { Loses = Loss.AnswerOfCommit };
        await using Bench bench = new(
            AdcpVersion.V31,
            options => options with { Tasks = tasks, Limits = new PlatformLimits { MaxPendingWebhooks = 1 } });
        TaskCompletionSource gate = bench.HoldAttempts();
        TaskCompletionSource answers = new(TaskCreationOptions.RunContinuationsAsynchronously);
        tasks.Reading = answers.Task;
        string[] ids = [.. Enumerable.Range(0, 200).Select(static i => $"t{i}")];
        foreach (string id in ids)
        {
            await NewAsync(tasks, id);
        }

        Task<TaskTransition>[] entering = [.. ids.Select(id => EnterAsync(bench, id, AdcpTaskStatus.Completed))];
        using CancellationTokenSource guard = new(TimeSpan.FromSeconds(30));
        while (tasks.MostReading < 64)
        {
            await Task.Delay(5, guard.Token);
        }

        answers.SetResult();
        TaskTransition[] entered = await Task.WhenAll(entering);
        gate.SetResult();
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));

        Assert.All(entered, static transition => Assert.Equal(TaskTransition.Entered, transition));
        Assert.Equal(64, tasks.MostReading);
        Assert.Equal(200, bench.Sender.Attempts.Select(static sent => sent.TaskId).Distinct().Count());
        Assert.Equal(200, bench.Sender.Attempts.Count);
    }

    private static Bench Open(DoubtfulRegistry tasks, Outbox? outbox) => new(
        AdcpVersion.V31,
        options => options with { Tasks = tasks, Outbox = outbox, WebhookSigning = outbox is null ? options.WebhookSigning : null },
        unwired: outbox is not null);

    private static async Task<string> NewAsync(DoubtfulRegistry tasks, string id = "t1")
    {
        await tasks.CreateAsync(new SellerTask(
            "buyer", id, TaskType.CreateMediaBuy, AdcpTaskStatus.Submitted, new PushRegistration(
                PushChannel.Adcp, new WebhookDestination("https://buyer.example/h", "op_1")), null, default));
        return id;
    }

    private static Task<TaskTransition> EnterAsync(Bench bench, string task, AdcpTaskStatus status) =>
        bench.Handler.Tasks.EnterAsync("buyer", task, status, """{"media_buy_id":"mb_1"}"""u8.ToArray()).AsTask();

    /// <summary>
    /// Turns the clock while the task runs. The pause is not for ordering: the loop only checks again.
    /// </summary>
    private static async Task TurnAsync(Bench bench, Task task)
    {
        using CancellationTokenSource guard = new(TimeSpan.FromSeconds(30));
        while (!task.IsCompleted)
        {
            bench.Time.Advance(TimeSpan.FromMilliseconds(500));
            await Task.WhenAny(task, Task.Delay(5, guard.Token));
            guard.Token.ThrowIfCancellationRequested();
        }
    }

    private enum Loss
    {
        Nothing,
        Commit,
        AnswerOfCommit,
        AnswerOfCommitAndReading,
    }

    private sealed class Outbox : IWebhookOutbox
    {
        public int Kept { get; private set; }

        public TimeSpan? RetryHorizon => null;

        public ValueTask<OutboxDeliveryState?> FindAsync(string tenant, string deliveryId, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public ValueTask<IReadOnlyList<OutboxReceipt>> EnqueueAsync(
            DbTransaction? transaction, IReadOnlyList<OutboxItem> items, CancellationToken cancellationToken = default)
        {
            Kept += items.Count;
            return new([.. items.Select(static _ => new OutboxReceipt(EnqueueStatus.Enqueued, 1, "k"))]);
        }
    }

    /// <summary>A registry whose connection breaks at the worst moments.</summary>
    private sealed class DoubtfulRegistry : ITaskRegistry, IDisposable
    {
        private readonly InMemoryTaskRegistry _inner = new();
        private int _reading;

        public Loss Loses { get; set; }

        public ValueTask CreateAsync(SellerTask task, CancellationToken cancellationToken = default) =>
            _inner.CreateAsync(task, cancellationToken);

        /// <summary>Ends when tasks are read.</summary>
        public Task Reading { get; set; } = Task.CompletedTask;

        /// <summary>The most tasks that were read at a time.</summary>
        public int MostReading { get; private set; }

        public async ValueTask<SellerTask?> FindAsync(string tenant, string taskId, CancellationToken cancellationToken = default)
        {
            lock (_inner)
            {
                MostReading = Math.Max(MostReading, ++_reading);
            }

            try
            {
                await Reading.WaitAsync(cancellationToken);
                return Loses == Loss.AnswerOfCommitAndReading
                    ? throw new IOException("connection gone")
                    : await _inner.FindAsync(tenant, taskId, cancellationToken);
            }
            finally
            {
                lock (_inner)
                {
                    _reading--;
                }
            }
        }

        public async ValueTask<TaskTransition> TransitionAsync(
            string tenant, string taskId, AdcpTaskStatus status, ReadOnlyMemory<byte> result, Func<SellerTask, DbTransaction?,
                CancellationToken, ValueTask>? beforeCommit = null,
            CancellationToken cancellationToken = default)
        {
            TaskTransition transition = await _inner.TransitionAsync(tenant, taskId, status, result, async (task, transaction, token) =>
            {
                await beforeCommit!(task, transaction, token);
                if (Loses == Loss.Commit)
                {
                    throw new IOException("connection gone");
                }
            }, cancellationToken);
            return Loses == Loss.Nothing ? transition : throw new IOException("connection gone");
        }

        public ValueTask<TaskTransition> RegisterAsync(
            string tenant, string taskId, PushRegistration? registration, CancellationToken cancellationToken = default) =>
            _inner.RegisterAsync(tenant, taskId, registration, cancellationToken);

        public ValueTask<TaskPage<SellerTask>> ListAsync(string tenant, TaskQuery query, CancellationToken cancellationToken = default) =>
            _inner.ListAsync(tenant, query, cancellationToken);

        public ValueTask<int> CountAsync(string tenant, TaskQuery query, int limit, CancellationToken cancellationToken = default) =>
            _inner.CountAsync(tenant, query, limit, cancellationToken);

        public void Dispose() => _inner.Dispose();
    }
}
