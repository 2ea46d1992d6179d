using System.Threading.Tasks.Sources;
using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Tests.Doubles;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Tests.Delivery;

public sealed class DeliveryEngineTests
{
    private static readonly RetryPolicy OneAttempt = new() { MaxAttempts = 1 };

    [Fact]
    public async Task A_sender_deaf_to_cancellation_cannot_hold_a_drain()
    {
        Bench bench = new(o => o with { CancellationTimeout = TimeSpan.FromMilliseconds(1) });
        TaskCompletionSource<WebhookSendResult> never = new(TaskCreationOptions.RunContinuationsAsynchronously);
        bench.Sender.Does((_, _) => new(never.Task));
        Task<DeliveryOutcome> deaf = bench.DeliverAsync().AsTask();

        DrainReport report = await bench.Supervisor.DrainAsync(new CancellationToken(canceled: true));

        Assert.Equal(new DrainReport(Finished: 0, CutShort: 0, Abandoned: 1, RecordsDropped: 0), report);
        Assert.Equal(DeliveryStatus.ShutDown, (await deaf).Status);
    }

    [Fact]
    public async Task A_delivery_cut_short_between_attempts_is_recorded_as_none()
    {
        Bench bench = new(o => o with { Retry = new RetryPolicy { BaseDelay = TimeSpan.FromSeconds(9), Jitter = false } });
        bench.Sender.Status(503);
        using CancellationTokenSource cancellation = new();
        Task<DeliveryOutcome> delivering = bench.Supervisor.SendAsync(
            bench.Destination, new RawPayload(), new DeliveryOptions { NotificationType = "scheduled" }, cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        Assert.Equal(DeliveryStatus.Cancelled, (await delivering).Status);
        Assert.Equal([(AttemptOutcome.Failure, true, 1), (AttemptOutcome.Cancelled, false, 1)],
            bench.Records.Select(r => (r.Outcome, r.IsAttempt, r.AttemptNumber)));
    }

    [Fact]
    public async Task Only_attempts_are_shown_to_the_buyer()
    {
        List<int> shown = [];
        int recorded = 0;
        DelegateSink sink = new((attempts, _) =>
        {
            foreach (DeliveryAttempt attempt in attempts.Span)
            {
                recorded++;
                if (attempt.ToActivityRecord() is { } activity)
                {
                    shown.Add(activity.Attempt);
                }
            }

            return ValueTask.CompletedTask;
        });
        Bench bench = new(o => o with { Sink = sink, Retry = new RetryPolicy { BaseDelay = TimeSpan.FromSeconds(9) } });
        bench.Sender.Status(503);
        using CancellationTokenSource cancellation = new();
        Task<DeliveryOutcome> delivering = bench.Supervisor.SendAsync(
            bench.Destination, new RawPayload(), new DeliveryOptions { NotificationType = "scheduled" }, cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await delivering;
        Assert.Equal(2, recorded);
        Assert.Equal([1], shown);
    }

    [Fact]
    public async Task An_operators_word_holds_where_the_table_is_full()
    {
        Bench bench = new(o => o with { MaxEndpoints = 1 });
        await bench.DeliverAsync(new DeliveryOptions { BreakerKey = "first" });
        bench.Supervisor.Endpoints.Isolate("second");
        DeliveryOutcome refused = await bench.DeliverAsync(new DeliveryOptions { BreakerKey = "second" });
        Assert.Equal((DeliveryStatus.CircuitOpen, "circuit_isolated", null), (refused.Status, refused.Code, refused.RetryAt));
        bench.Supervisor.Endpoints.Reset("second");
        Assert.True((await bench.DeliverAsync(new DeliveryOptions { BreakerKey = "second" })).IsDelivered);
    }

    [Fact]
    public async Task A_log_that_throws_costs_no_delivery()
    {
        Bench bench = new(o => o with
        {
            Logger = new ThrowingLogger(),
            Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 },
            Retry = OneAttempt
        });
        bench.Sender.Status(503);
        Assert.Equal(DeliveryStatus.Exhausted, (await bench.DeliverAsync()).Status);
        Assert.Equal(CircuitState.Open, bench.Supervisor.Endpoints.Snapshot()[0].State);
        Assert.Equal(0, bench.Supervisor.InFlight);
    }

    [Fact]
    public async Task Limits_hold_for_attempts_that_wait_and_waiters_get_in_in_order()
    {
        Bench bench = new(o => o with { MaxConcurrencyPerEndpoint = 1 });
        TaskCompletionSource<int>[] gates = [bench.Sender.Hangs(), bench.Sender.Hangs(), bench.Sender.Hangs()];
        Task<DeliveryOutcome>[] deliveries = [bench.DeliverAsync().AsTask(), bench.DeliverAsync().AsTask(), bench.DeliverAsync().AsTask()];
        for (int i = 0; i < gates.Length; i++)
        {
            Assert.Equal(i + 1, bench.Sender.Sent.Count);
            gates[i].SetResult(200);
            await deliveries[i];
            while (i < gates.Length - 1 && bench.Sender.Sent.Count == i + 1)
            {
                await Task.Yield();
            }
        }
    }

    [Fact]
    public async Task A_wait_is_never_shorter_than_what_was_recorded()
    {
        // A timer of whole milliseconds would cut 1.5 ms to 1.
        Bench bench = new(o => o with
        {
            Retry = new RetryPolicy
            { MaxAttempts = 2, BaseDelay = TimeSpan.FromTicks(15_000), Jitter = false }
        });
        bench.Sender.Status(503);
        Task<DeliveryOutcome> delivering = bench.DeliverAsync().AsTask();
        bench.Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Single(bench.Sender.Sent);
        bench.Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True((await delivering).IsDelivered);
        Assert.True(bench.Records[0].NextRetryAt <= bench.Records[1].OccurredAt);
    }

    [Fact]
    public async Task One_thread_may_fill_the_whole_queue_and_what_does_not_fit_is_counted()
    {
        TaskCompletionSource open = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int seen = 0;
        DelegateSink sink = new(async (attempts, _) =>
        {
            await open.Task;
            Interlocked.Add(ref seen, attempts.Length);
        });
        Bench bench = new(o => o with { Sink = sink, SinkMode = SinkMode.Buffered, SinkQueueCapacity = 1024 });
        PreparedWebhook webhook = bench.Sender.Prepare(bench.Destination, new RawPayload());
        for (int i = 0; i < 3000; i++)
        {
            Assert.True((await bench.Supervisor.DeliverAsync(webhook)).IsDelivered);
        }

        open.SetResult();
        await bench.Supervisor.DrainAsync();
        Assert.Equal(3000, seen + bench.Supervisor.RecordsDropped);
        Assert.InRange(seen, 1024, 1024 + 256);
    }

    [Fact]
    public async Task Records_of_several_threads_reach_the_sink_in_one_call()
    {
        const int Threads = 8;
        TaskCompletionSource open = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource called = new(TaskCreationOptions.RunContinuationsAsynchronously);
        List<int> calls = [];
        DelegateSink sink = new(async (attempts, _) =>
        {
            calls.Add(attempts.Length);
            called.TrySetResult();
            await open.Task;
        });
        Bench bench = new(o => o with { Sink = sink, SinkMode = SinkMode.Buffered });
        PreparedWebhook webhook = bench.Sender.Prepare(bench.Destination, new RawPayload());
        Assert.True((await bench.Supervisor.DeliverAsync(webhook)).IsDelivered);
        await called.Task;

        // All of them live until each has delivered, so that none takes over another one's line.
        using Barrier barrier = new(Threads);
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(_ => new Thread(() =>
        {
            Assert.True(bench.Supervisor.DeliverAsync(webhook).AsTask().Result.IsDelivered);
            barrier.SignalAndWait();
        }))];
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
        open.SetResult();
        await bench.Supervisor.FlushAuditAsync();
        Assert.Equal([1, Threads], calls);
        await bench.Supervisor.DisposeAsync();
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(true, 1)]
    [InlineData(true, 2)]
    [InlineData(false, 0)]
    [InlineData(false, 1)]
    [InlineData(false, 2)]
    public async Task A_sender_whose_answer_cannot_be_taken_holds_no_place_and_no_permit(bool throws, int failuresBefore)
    {
        Bench bench = new(o => o with { Retry = new RetryPolicy { BaseDelay = TimeSpan.Zero, Jitter = false } });
        for (int i = 0; i < failuresBefore; i++)
        {
            bench.Sender.Status(503);
        }

        bench.Sender.Does((_, _) => throws ? new(new Untakable(), 0) : new((WebhookSendResult)null!));
        DeliveryOutcome outcome = await bench.DeliverAsync();
        Assert.Equal((DeliveryStatus.Refused, failuresBefore + 1), (outcome.Status, outcome.Attempts));
        Assert.IsType<InvalidOperationException>(outcome.Fault);
        Assert.Equal(0, bench.Supervisor.InFlight);
        Assert.Equal(failuresBefore, Assert.Single(bench.Supervisor.Endpoints.Snapshot()).ConsecutiveFailures);
        Assert.Equal(new DrainReport(0, 0, 0, 0), await bench.Supervisor.DrainAsync(CancellationToken.None));
    }

    [Fact]
    public async Task An_outcome_is_taken_once_and_not_before_its_time()
    {
        Bench bench = new(o => o with { SinkMode = SinkMode.Buffered });
        TaskCompletionSource<WebhookSendResult> answer = new();
        bench.Sender.Does((_, _) => new(answer.Task));
        ValueTask<DeliveryOutcome> first = bench.DeliverAsync();
        Assert.Throws<InvalidOperationException>(() => Taken(first));
        answer.SetResult(new WebhookSendResult(bench.Sender.Sent[0], 200));
        Assert.True(Taken(first).IsDelivered);

        // The pooled object of the first delivery may serve another now, which a second read must not disturb.
        TaskCompletionSource<WebhookSendResult> later = new();
        bench.Sender.Does((_, _) => new(later.Task));
        ValueTask<DeliveryOutcome> second = bench.DeliverAsync();
        Assert.Throws<InvalidOperationException>(() => Taken(first));
        later.SetResult(new WebhookSendResult(bench.Sender.Sent[1], 410));
        DeliveryOutcome outcome = await second;
        Assert.Equal((DeliveryStatus.Rejected, bench.Sender.Sent[1]), (outcome.Status, outcome.Webhook));
    }

    [Fact]
    public async Task Deliveries_that_wait_keep_their_own_outcomes_whatever_the_order_of_the_answers()
    {
        Bench bench = new(o => o with
        {
            SinkMode = SinkMode.Buffered,
            MaxConcurrencyPerEndpoint = 1000,
            Circuit = new CircuitBreakerPolicy { FailureThreshold = 1000 }
        });
        Dictionary<PreparedWebhook, TaskCompletionSource<WebhookSendResult>> answers = [];
        for (int round = 0; round < 20; round++)
        {
            List<(PreparedWebhook Webhook, int Status, Task<DeliveryOutcome> Outcome)> waiting = [];
            for (int i = 0; i < 100; i++)
            {
                bench.Sender.Does((webhook, _) => new((answers[webhook] = new TaskCompletionSource<WebhookSendResult>()).Task));
                Task<DeliveryOutcome> outcome = bench.DeliverAsync(new DeliveryOptions { Retry = OneAttempt }).AsTask();
                waiting.Add((bench.Sender.Sent[^1], i % 3 == 0 ? 503 : i % 3 == 1 ? 200 : 410, outcome));
            }

            foreach ((PreparedWebhook webhook, int status, _) in waiting.OrderBy(w => w.Webhook.IdempotencyKey, StringComparer.Ordinal))
            {
                answers[webhook].SetResult(new WebhookSendResult(webhook, status));
            }

            foreach ((PreparedWebhook webhook, int status, Task<DeliveryOutcome> delivering) in waiting)
            {
                DeliveryOutcome outcome = await delivering;
                Assert.Same(webhook, outcome.Webhook);
                Assert.Equal(status, outcome.LastResult!.StatusCode);
                Assert.Equal(status switch
                {
                    200 => DeliveryStatus.Delivered,
                    410 => DeliveryStatus.Rejected,
                    _ =>
                    DeliveryStatus.Exhausted
                }, outcome.Status);
            }
        }
    }

    [Fact]
    public async Task After_a_drain_everything_is_refused_as_shut_down()
    {
        Bench bench = new(o => o with { SinkMode = SinkMode.Buffered });
        await bench.Supervisor.DrainAsync();
        bench.Supervisor.Endpoints.Isolate(bench.Destination.Target.Value);
        Assert.Equal(DeliveryStatus.ShutDown, (await bench.DeliverAsync()).Status);
        Assert.Equal(0, bench.Supervisor.RecordsDropped);
    }

#pragma warning disable CA2012 // That it is wrong is what is tested.
    private static DeliveryOutcome Taken(ValueTask<DeliveryOutcome> delivery) => delivery.GetAwaiter().GetResult();
#pragma warning restore CA2012

    /// <summary>
    /// A result source that claims success and has no result, as a pooled source does for a second read.
    /// </summary>
    private sealed class Untakable : IValueTaskSource<WebhookSendResult>
    {
        public WebhookSendResult GetResult(short token) => throw new InvalidOperationException("Taken already.");

        public ValueTaskSourceStatus GetStatus(short token) => ValueTaskSourceStatus.Succeeded;

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            throw new NotSupportedException();
    }

    private sealed class ThrowingLogger : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            throw new IOException("disk full");
    }
}
