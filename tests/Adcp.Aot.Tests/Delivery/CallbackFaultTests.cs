using System.Diagnostics.Metrics;
using System.Threading.Tasks.Sources;
using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Tests.Doubles;

namespace Adcp.Aot.Tests.Delivery;

/// <summary>Senders, listeners, clocks and cancellation callbacks that throw, block, or never end.</summary>
public sealed class CallbackFaultTests
{
    private static readonly AsyncLocal<string?> Ambient = new();
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    public static TheoryData<string, bool> WaysToAnswer => new()
    {
        { "source on another thread", false }, { "source on another thread", true },
        { "async method", false }, { "async method", true },
        { "thread pool", false }, { "thread pool", true },
    };

    [Theory]
    [MemberData(nameof(WaysToAnswer))]
    public async Task Every_attempt_and_listener_runs_in_the_callers_execution_context(string way, bool withToken)
    {
        Bench bench = new(o => o with
        {
            SinkMode = SinkMode.Buffered,
            Circuit = new CircuitBreakerPolicy { FailureThreshold = 2 },
            Retry = new RetryPolicy { BaseDelay = TimeSpan.Zero }
        });
        List<string?> seen = [];
        bench.Supervisor.Endpoints.StateChanged += _ => seen.Add("listener " + Ambient.Value);
        for (int i = 0; i < 3; i++)
        {
            bench.Sender.Does((webhook, _) =>
            {
                seen.Add(Ambient.Value);
                return Answer(way, webhook);
            });
        }

        using CancellationTokenSource caller = new();
        Ambient.Value = "caller";
        DeliveryOutcome outcome = await bench.DeliverAsync(token: withToken ? caller.Token : default);

        Assert.Equal(DeliveryStatus.CircuitOpen, outcome.Status);
        Assert.Equal(["caller", "caller", "listener caller"], seen);
        Assert.Equal("caller", Ambient.Value);
    }

    [Fact]
    public async Task A_drain_ends_although_a_cancellation_callback_throws()
    {
        Bench bench = new(o => o with { CancellationTimeout = TimeSpan.FromMinutes(1), SinkMode = SinkMode.Buffered });
        bench.Sender.Does(async (_, token) =>
        {
            TaskCompletionSource<WebhookSendResult> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
            using CancellationTokenRegistration cancelled = token.Register(() => answer.TrySetCanceled(token));
            using CancellationTokenRegistration throws =
                token.Register(() => throw new InvalidOperationException("A callback's own fault."));
            return await answer.Task;
        });
        Task<DeliveryOutcome> delivering = bench.DeliverAsync().AsTask();

        DrainReport report = await bench.Supervisor.DrainAsync(new CancellationToken(canceled: true));

        Assert.Equal(new DrainReport(Finished: 0, CutShort: 1, Abandoned: 0, RecordsDropped: 0), report);
        Assert.Equal(DeliveryStatus.ShutDown, (await delivering).Status);
        Assert.Equal("shutdown", Assert.Single(bench.Records).Code);
    }

    [Fact]
    public async Task A_drain_ends_although_a_cancellation_callback_never_returns()
    {
        Bench bench = new(o => o with { CancellationTimeout = Moment });
        using ManualResetEventSlim never = new();
        bench.Sender.Does((_, token) =>
        {
            token.Register(() => never.Wait(CancellationToken.None));
            return new(new TaskCompletionSource<WebhookSendResult>().Task);
        });
        Task<DeliveryOutcome> delivering = bench.DeliverAsync().AsTask();

        DrainReport report = await bench.Supervisor.DrainAsync(new CancellationToken(canceled: true));

        Assert.Equal(1, report.Abandoned);
        Assert.Equal(DeliveryStatus.ShutDown, (await delivering).Status);
        never.Set();
    }

    [Fact]
    public async Task A_callers_cancel_returns_although_a_callback_of_the_sender_blocks()
    {
        Bench bench = new(o => o with { CancellationTimeout = Moment });
        using ManualResetEventSlim never = new();
        bench.Sender.Does((_, token) =>
        {
            token.Register(() => never.Wait(CancellationToken.None));
            return new(new TaskCompletionSource<WebhookSendResult>().Task);
        });
        using CancellationTokenSource caller = new();
        Task<DeliveryOutcome> delivering = bench.DeliverAsync(token: caller.Token).AsTask();

        caller.Cancel();

        Assert.Equal(DeliveryStatus.Cancelled, (await delivering).Status);
        never.Set();
    }

    [Fact]
    public async Task A_delivery_may_be_begun_and_cancelled_where_the_flow_of_the_context_is_suppressed()
    {
        Bench bench = new(o => o with { Retry = new RetryPolicy { Deadline = TimeSpan.FromSeconds(1) } });
        bench.Sender.Hangs();
        using CancellationTokenSource caller = new();
        Task<DeliveryOutcome> delivering;
        using (ExecutionContext.SuppressFlow())
        {
            delivering = bench.DeliverAsync(token: caller.Token).AsTask();
            caller.Cancel();
        }

        Assert.Equal(DeliveryStatus.Cancelled, (await delivering).Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_sender_deaf_to_cancellation_holds_neither_its_caller_nor_the_deadline(bool deadline)
    {
        Bench bench = new(o => o with
        {
            CancellationTimeout = Moment,
            MaxConcurrencyPerEndpoint = 1,
            Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 },
            Retry = new RetryPolicy { Deadline = deadline ? TimeSpan.FromSeconds(1) : null },
        });
        TaskCompletionSource<WebhookSendResult> deaf = new();
        bench.Sender.Does((_, _) => new(deaf.Task));
        using CancellationTokenSource caller = new();
        Task<DeliveryOutcome> delivering = bench.DeliverAsync(token: caller.Token).AsTask();

        if (deadline)
        {
            bench.Time.Advance(TimeSpan.FromSeconds(1));
        }
        else
        {
            await caller.CancelAsync();
        }

        DeliveryOutcome outcome = await delivering;
        Assert.Equal(deadline ? DeliveryStatus.DeadlineExceeded : DeliveryStatus.Cancelled, outcome.Status);
        Assert.Equal(deadline ? AttemptOutcome.Expired : AttemptOutcome.Cancelled, Assert.Single(bench.Records).Outcome);
        Assert.Equal(0, bench.Supervisor.InFlight);

        // The abandoned attempt is still counted, so that such attempts stay bounded, and is no failure of the endpoint.
        EndpointSnapshot endpoint = Assert.Single(bench.Supervisor.Endpoints.Snapshot());
        Assert.Equal((1, CircuitState.Closed), (endpoint.InFlight, endpoint.State));
        Task<DeliveryOutcome> waiting = bench.DeliverAsync().AsTask();
        Assert.False(waiting.IsCompleted);

        deaf.SetResult(new WebhookSendResult(bench.Sender.Sent[0], 200));

        Assert.True((await waiting).IsDelivered);
        Assert.Equal(0, Assert.Single(bench.Supervisor.Endpoints.Snapshot()).InFlight);
    }

    [Theory]
    [InlineData(typeof(IOException))]
    [InlineData(typeof(HttpRequestException))]
    [InlineData(typeof(InvalidOperationException))]
    [InlineData(typeof(TaskCanceledException))]
    public async Task A_cancelled_attempt_is_cancelled_whatever_its_sender_throws(Type fault)
    {
        Bench bench = new(o => o with { Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 } });
        bench.Sender.Does(async (_, token) =>
        {
            TaskCompletionSource cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
            using (token.Register(cancelled.SetResult))
            {
                await cancelled.Task;
            }

            throw (Exception)Activator.CreateInstance(fault)!;
        });
        using CancellationTokenSource caller = new();
        Task<DeliveryOutcome> delivering = bench.DeliverAsync(token: caller.Token).AsTask();

        await caller.CancelAsync();

        Assert.Equal(DeliveryStatus.Cancelled, (await delivering).Status);
        Assert.Equal(CircuitState.Closed, Assert.Single(bench.Supervisor.Endpoints.Snapshot()).State);
    }

    [Fact]
    public async Task An_answer_that_comes_beside_a_cancellation_counts()
    {
        Bench bench = new();
        bench.Sender.Does(async (webhook, token) =>
        {
            TaskCompletionSource cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
            using (token.Register(cancelled.SetResult))
            {
                await cancelled.Task;
            }

            return new WebhookSendResult(webhook, 200);
        });
        using CancellationTokenSource caller = new();
        Task<DeliveryOutcome> delivering = bench.DeliverAsync(token: caller.Token).AsTask();

        await caller.CancelAsync();

        Assert.True((await delivering).IsDelivered);
    }

    [Fact]
    public async Task Drains_and_disposals_may_be_repeated_in_any_order()
    {
        Bench bench = new(o => o with { CancellationTimeout = Moment });
        bench.Sender.Does((_, _) => new(new TaskCompletionSource<WebhookSendResult>().Task));
        Task<DeliveryOutcome> deaf = bench.DeliverAsync().AsTask();
        using CancellationTokenSource grace = new();
        Task<DrainReport> draining = bench.Supervisor.DrainAsync(grace.Token);

        await bench.Supervisor.DisposeAsync();
        await bench.Supervisor.DisposeAsync();
        await grace.CancelAsync();

        Assert.Equal(1, (await draining).Abandoned);
        Assert.Equal(1, (await bench.Supervisor.DrainAsync()).Abandoned);
        Assert.Equal(DeliveryStatus.ShutDown, (await deaf).Status);
    }

    [Fact]
    public async Task A_sender_that_blocks_its_thread_is_reported_as_abandoned()
    {
        Bench bench = new(o => o with { CancellationTimeout = Moment });
        using ManualResetEventSlim entered = new();
        using ManualResetEventSlim never = new();
        bench.Sender.Does((webhook, _) =>
        {
            entered.Set();
            never.Wait(CancellationToken.None);
            return new(new WebhookSendResult(webhook, 200));
        });
        Task<DeliveryOutcome> blocked = Task.Factory.StartNew(
            () => bench.DeliverAsync().AsTask(), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
        entered.Wait(TestContext.Current.CancellationToken);

        DrainReport report = await bench.Supervisor.DrainAsync(new CancellationToken(canceled: true));

        Assert.Equal(1, report.Abandoned);
        never.Set();
        Assert.True((await blocked).IsDelivered);
    }

    [Fact]
    public async Task A_meter_listener_that_throws_changes_nothing()
    {
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == "Adcp.Aot")
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        AsyncLocal<bool> mine = new() { Value = true };
        listener.SetMeasurementEventCallback<long>((_, _, _, _) => Throw(mine));
        listener.SetMeasurementEventCallback<double>((_, _, _, _) => Throw(mine));
        listener.Start();
        Bench bench = new(o => o with { MaxConcurrencyPerEndpoint = 1, Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 } });
        TaskCompletionSource<int> answer = bench.Sender.Hangs();
        Task<DeliveryOutcome> waiting = bench.DeliverAsync().AsTask();

        answer.SetResult(200);

        Assert.True((await waiting).IsDelivered);
        Assert.True((await bench.DeliverAsync()).IsDelivered);
        bench.Sender.Status(503);
        Assert.Equal(DeliveryStatus.CircuitOpen, (await bench.DeliverAsync()).Status);
        Assert.Equal((0, 0), (bench.Supervisor.InFlight, Assert.Single(bench.Supervisor.Endpoints.Snapshot()).InFlight));
    }

    [Fact]
    public async Task A_listener_that_throws_does_not_silence_the_next()
    {
        Bench bench = new(o => o with { Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 } });
        List<CircuitState> entered = [];
        bench.Supervisor.Endpoints.StateChanged += _ => throw new InvalidOperationException();
        bench.Supervisor.Endpoints.StateChanged += transition => entered.Add(transition.To);
        bench.Sender.Status(503);

        await bench.DeliverAsync();

        Assert.Equal([CircuitState.Open], entered);
    }

    [Fact]
    public async Task A_source_that_cannot_be_subscribed_to_is_a_fault_of_the_sender()
    {
        Bench bench = new(o => o with { MaxConcurrencyPerEndpoint = 1 });
        bench.Sender.Does((_, _) => new(new Unsubscribable(), 0));

        DeliveryOutcome outcome = await bench.DeliverAsync();

        Assert.Equal((DeliveryStatus.Refused, "sender_fault"), (outcome.Status, outcome.Code));
        Assert.Equal((0, 0), (bench.Supervisor.InFlight, Assert.Single(bench.Supervisor.Endpoints.Snapshot()).InFlight));
    }

    [Fact]
    public async Task A_clock_that_throws_neither_hangs_a_delivery_nor_loses_its_outcome()
    {
        FailingTime time = new();
        Bench bench = new(o => o with
        {
            TimeProvider = time,
            SinkMode = SinkMode.Buffered,
            Retry = new RetryPolicy { BaseDelay = Moment }
        });
        TaskCompletionSource<int> answer = bench.Sender.Hangs();
        Task<DeliveryOutcome> delivering = bench.DeliverAsync().AsTask();
        time.Fails = true;

        answer.SetResult(503);

        Assert.True((await delivering).IsDelivered);
        Assert.Equal(2, bench.Sender.Sent.Count);
        Assert.Equal(0, bench.Supervisor.InFlight);
    }

    [Fact]
    public async Task A_timer_that_fires_early_does_not_shorten_a_wait()
    {
        EarlyTime time = new();
        Bench bench = new(o => o with
        {
            TimeProvider = time,
            Retry = new RetryPolicy { BaseDelay = TimeSpan.FromSeconds(1), Jitter = false }
        });
        bench.Sender.Status(503);
        long started = 0;
        bench.Sender.Does((webhook, _) =>
        {
            started = time.GetTimestamp();
            return new(new WebhookSendResult(webhook, 200));
        });

        Assert.True((await bench.DeliverAsync()).IsDelivered);

        Assert.True(time.GetElapsedTime(0, started) >= TimeSpan.FromSeconds(1), "The second attempt began before it was due.");
    }

    private static void Throw(AsyncLocal<bool> mine)
    {
        if (mine.Value)
        {
            throw new InvalidOperationException("A listener's own fault.");
        }
    }

    private static ValueTask<WebhookSendResult> Answer(string way, PreparedWebhook webhook)
    {
        WebhookSendResult failed = new(webhook, 503);
        switch (way)
        {
            case "async method":
                return AnswerAsync(failed);
            case "thread pool":
                TaskCompletionSource<WebhookSendResult> pooled = new();
                ThreadPool.UnsafeQueueUserWorkItem(_ => pooled.SetResult(failed), null);
                return new(pooled.Task);
            default:
                TaskCompletionSource<WebhookSendResult> source = new();
                new Thread(() =>
                {
                    Ambient.Value = "another request";
                    source.SetResult(failed);
                }).UnsafeStart();
                return new(source.Task);
        }
    }

    private static async ValueTask<WebhookSendResult> AnswerAsync(WebhookSendResult result)
    {
        Ambient.Value = "set inside an attempt";
        await Task.Yield();
        return result;
    }

    private sealed class Unsubscribable : IValueTaskSource<WebhookSendResult>
    {
        public WebhookSendResult GetResult(short token) => throw new NotSupportedException();

        public ValueTaskSourceStatus GetStatus(short token) => ValueTaskSourceStatus.Pending;

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            throw new NotSupportedException();
    }

    private sealed class FailingTime : TimeProvider
    {
        public bool Fails { get; set; }

        public override long GetTimestamp() => Fails ? throw new InvalidOperationException() : base.GetTimestamp();

        public override DateTimeOffset GetUtcNow() => Fails ? throw new InvalidOperationException() : base.GetUtcNow();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            Fails ? throw new InvalidOperationException() : base.CreateTimer(callback, state, dueTime, period);
    }

    /// <summary>Each timer fires at once, a tenth of its time early.</summary>
    private sealed class EarlyTime : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Volatile.Read(ref _now);

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + TimeSpan.FromTicks(GetTimestamp());

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime > TimeSpan.Zero)
            {
                Interlocked.Add(ref _now, Math.Max(1, dueTime.Ticks * 9 / 10));
                ThreadPool.UnsafeQueueUserWorkItem(_ => callback(state), null);
            }

            return new Timer();
        }

        private sealed class Timer : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => default;
        }
    }
}
