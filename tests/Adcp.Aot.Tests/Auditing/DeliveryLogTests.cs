using System.Threading.Tasks.Sources;
using Adcp.Aot.Auditing;
using Adcp.Aot.Tests.Doubles;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Auditing;

public sealed class DeliveryLogTests
{
    private static readonly AsyncLocal<string?> Context = new();

    [Fact]
    public async Task A_flush_beside_a_dispose_always_ends()
    {
        for (int round = 0; round < 2_000; round++)
        {
            DeliveryLog log = Records.Log(new InMemoryDeliveryLogSink(1));
            log.Add(round);

            Task flushing = Task.Run(() => log.FlushAsync(CancellationToken.None));
            Task disposing = Task.Run(() => log.DisposeAsync().AsTask());

            await Task.WhenAll(flushing, disposing).WaitAsync(TimeSpan.FromMinutes(1));
        }
    }

    [Fact]
    public async Task A_sink_that_hangs_is_called_once_and_the_queue_bounds_the_rest()
    {
        int calls = 0;
        TaskCompletionSource called = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
        List<string> seen = [];
        FakeTimeProvider time = new();
        DeliveryLog log = Records.Log(
            new DelegateSink((attempts, _) =>
            {
                lock (seen)
                {
                    seen.AddRange(attempts.ToArray().Select(static attempt => attempt.IdempotencyKey));
                }

                called.TrySetResult();
                return Interlocked.Increment(ref calls) == 1 ? new ValueTask(release.Task) : default;
            }),
            capacity: 64,
            time: time);
        log.Add(0);
        await called.Task;

        time.Advance(Records.Long);
        for (int i = 1; i <= 1_000; i++)
        {
            log.Add(i);
        }

        Assert.Equal((1, 1), (calls, log.SinkFailures));
        long dropped = log.Dropped;
        Assert.InRange(dropped, 1_000 - 64, 1_000 - 32);

        release.SetResult();
        await log.FlushAsync(CancellationToken.None);

        Assert.Equal(1_001 - dropped, seen.Distinct().Count());
        Assert.Equal((dropped, 1), (log.Dropped, log.SinkFailures));
        await log.DisposeAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_drain_goes_on_without_a_sink_that_blocks_or_hangs_and_counts_the_records_behind_it(bool blocks)
    {
        using ManualResetEventSlim block = new();
        TaskCompletionSource called = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource hang = new();
        DeliveryLog log = Records.Log(
            new DelegateSink((_, _) =>
            {
                called.TrySetResult();
                if (blocks)
                {
                    block.Wait(CancellationToken.None);
                    return default;
                }

                return new ValueTask(hang.Task);
            }),
            timeout: Records.Short,
            time: new FakeTimeProvider());
        log.Add(0);
        await called.Task;
        for (int i = 1; i <= 10; i++)
        {
            log.Add(i);
        }

        await log.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(1));

        Assert.Equal((10, 1), (log.Dropped, log.SinkFailures));
        await log.FlushAsync(CancellationToken.None);
        block.Set();
        hang.SetResult();
        await log.DisposeAsync();
    }

    [Fact]
    public async Task A_drain_gives_up_although_logger_and_cancellation_callback_block()
    {
        using ManualResetEventSlim block = new();
        TaskCompletionSource called = new(TaskCreationOptions.RunContinuationsAsynchronously);
        DeliveryLog log = new(
            new DelegateSink((_, token) =>
            {
                token.Register(block.Wait);
                called.TrySetResult();
                block.Wait(CancellationToken.None);
                return default;
            }),
            SinkMode.Buffered,
            64,
            Records.Short,
            new FakeTimeProvider(),
            new BlockingLogger(block));
        log.Add(0);
        await called.Task;

        await log.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(1, log.SinkFailures);
        block.Set();
    }

    [Fact]
    public async Task A_flush_that_a_hung_sink_holds_back_says_so_and_leaves_nothing_behind()
    {
        TaskCompletionSource called = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource hang = new();
        DeliveryLog log = Records.Log(
            new DelegateSink((_, _) =>
            {
                called.TrySetResult();
                return new ValueTask(hang.Task);
            }),
            timeout: Records.Short);
        log.Add(0);
        await called.Task;

        await Assert.ThrowsAsync<TimeoutException>(() => log.FlushAsync(CancellationToken.None));
        using CancellationTokenSource cancelled = new();
        Task flushing = log.FlushAsync(cancelled.Token);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => flushing);

        hang.SetResult();
        await log.FlushAsync(CancellationToken.None);
        await log.DisposeAsync();
    }

    [Theory]
    [InlineData(SinkMode.Buffered)]
    [InlineData(SinkMode.Inline)]
    public async Task A_call_that_ended_before_its_timeout_was_seen_is_no_failure(SinkMode mode)
    {
        FakeTimeProvider time = new();
        TaskCompletionSource called = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        DeliveryLog log = Records.Log(
            new DelegateSink((_, _) =>
            {
                called.TrySetResult();
                return new ValueTask(answer.Task);
            }),
            mode,
            time: time);
        Task recording = mode == SinkMode.Inline ? log.AddInlineAsync(0) : Task.FromResult(log.Add(0));
        await called.Task;

        answer.SetResult();
        time.Advance(Records.Long);
        await recording;
        await log.FlushAsync(CancellationToken.None);

        Assert.Equal(0, log.SinkFailures);
        await log.DisposeAsync();
    }

    [Theory]
    [InlineData(SinkMode.Buffered)]
    [InlineData(SinkMode.Inline)]
    public async Task A_result_that_is_there_at_once_is_taken_once(SinkMode mode)
    {
        HostileSource source = new();
        DeliveryLog log = Records.Log(new DelegateSink((_, _) => source.Task), mode);

        await Give(log, mode, 0);
        await Give(log, mode, 1);

        Assert.Equal((2, 0), (source.Taken, log.SinkFailures));
        await log.DisposeAsync();
    }

    [Theory]
    [InlineData(SinkMode.Buffered)]
    [InlineData(SinkMode.Inline)]
    public async Task A_source_that_throws_when_it_is_awaited_costs_its_records_alone(SinkMode mode)
    {
        HostileSource hostile = new() { Status = ValueTaskSourceStatus.Pending, OnSubscribe = new InvalidOperationException() };
        int calls = 0;
        DeliveryLog log = Records.Log(new DelegateSink((_, _) => calls++ == 0 ? hostile.Task : default), mode);

        await Give(log, mode, 0);
        await Give(log, mode, 1);

        Assert.Equal((2, 1), (calls, log.SinkFailures));
        await log.DisposeAsync();
    }

    [Theory]
    [InlineData(SinkMode.Buffered)]
    [InlineData(SinkMode.Inline)]
    public async Task A_source_that_calls_back_twice_is_heard_once(SinkMode mode)
    {
        HostileSource hostile = new() { Status = ValueTaskSourceStatus.Pending };
        TaskCompletionSource called = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int calls = 0;
        DeliveryLog log = Records.Log(
            new DelegateSink((_, _) =>
            {
                called.TrySetResult();
                return calls++ == 0 ? hostile.Task : default;
            }),
            mode);

        Task first = Give(log, mode, 0);
        await called.Task;
        while (!hostile.IsAwaited)
        {
            await Task.Yield();
        }

        hostile.Complete(times: 2);
        await first;
        await Give(log, mode, 1);

        Assert.Equal((2, 1, 0), (calls, hostile.Taken, log.SinkFailures));
        await log.DisposeAsync();
    }

    [Fact]
    public async Task The_reader_runs_in_nobodys_context()
    {
        TaskCompletionSource<string?> seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
        DelegateSink sink = new((_, _) =>
        {
            seen.TrySetResult(Context.Value);
            return default;
        });

        Context.Value = "the request that constructed the log";
        DeliveryLog log = Records.Log(sink);
        Context.Value = "the request that records";
        log.Add(0);
        await log.FlushAsync(CancellationToken.None);

        Assert.Null(await seen.Task);
        Assert.Equal("the request that records", Context.Value);
        await log.DisposeAsync();
    }

    [Fact]
    public async Task An_inline_sink_runs_in_the_context_of_its_delivery_and_leaves_nothing_in_it()
    {
        string? seen = null;
        DeliveryLog log = Records.Log(
            new DelegateSink((_, _) =>
            {
                seen = Context.Value;
                Context.Value = "the sink's";
                return default;
            }),
            SinkMode.Inline);

        Context.Value = "the delivery's";
        await log.AddInlineAsync(0);

        Assert.Equal(("the delivery's", "the delivery's"), (seen, Context.Value));
    }

    [Fact]
    public async Task A_log_can_be_made_while_the_flow_of_the_context_is_suppressed()
    {
        InMemoryDeliveryLogSink sink = new();
        DeliveryLog log;
        using (ExecutionContext.SuppressFlow())
        {
            log = Records.Log(sink);
        }

        log.Add(0);
        await log.DisposeAsync();

        Assert.Equal(1, sink.Recorded);
    }

    [Theory]
    [InlineData(SinkMode.Buffered)]
    [InlineData(SinkMode.Inline)]
    public async Task A_cancellation_callback_that_throws_stays_with_its_call(SinkMode mode)
    {
        FakeTimeProvider time = new();
        TaskCompletionSource called = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        DeliveryLog log = Records.Log(
            new DelegateSink(async (_, token) =>
            {
                token.Register(static () => throw new InvalidOperationException());
                token.Register(cancelled.SetResult);
                called.SetResult();
                await cancelled.Task;
                token.ThrowIfCancellationRequested();
            }),
            mode,
            time: time);
        Task recording = mode == SinkMode.Inline ? log.AddInlineAsync(0) : Task.FromResult(log.Add(0));
        await called.Task;

        time.Advance(Records.Long);
        await recording;
        await log.FlushAsync(CancellationToken.None);

        Assert.Equal(1, log.SinkFailures);
        await log.DisposeAsync();
    }

    [Fact]
    public async Task Inline_records_are_dropped_and_counted_while_too_many_late_calls_are_out()
    {
        FakeTimeProvider time = new();
        List<TaskCompletionSource> calls = [];
        DeliveryLog log = Records.Log(
            new DelegateSink((_, _) =>
            {
                calls.Add(new TaskCompletionSource());
                return new ValueTask(calls[^1].Task);
            }),
            SinkMode.Inline,
            time: time);
        for (int i = 0; i < DeliveryLog.MaxLateInline; i++)
        {
            Task recording = log.AddInlineAsync(i);
            time.Advance(Records.Long);
            await recording;
        }

        Task dropped = log.AddInlineAsync(-1);

        Assert.True(dropped.IsCompletedSuccessfully);
        Assert.Equal((DeliveryLog.MaxLateInline, 1, DeliveryLog.MaxLateInline), (calls.Count, (int)log.Dropped, (int)log.SinkFailures));

        calls[0].SetResult();
        Task next = log.AddInlineAsync(-2);
        calls[^1].SetResult();
        await next;

        Assert.Equal((DeliveryLog.MaxLateInline + 1, 1), (calls.Count, (int)log.Dropped));
    }

    [Fact]
    public async Task A_dispose_may_be_called_again_and_beside_itself()
    {
        InMemoryDeliveryLogSink sink = new();
        DeliveryLog log = Records.Log(sink);
        log.Add(0);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => log.DisposeAsync().AsTask())));
        await log.DisposeAsync();

        Assert.Equal((1, 0), (sink.Recorded, log.Dropped));
    }

    [Fact]
    public async Task A_record_that_comes_after_the_end_is_counted_as_dropped()
    {
        DeliveryLog log = Records.Log(new InMemoryDeliveryLogSink());
        await log.DisposeAsync();

        log.Add(0);

        Assert.Equal(1, log.Dropped);
    }

    [Fact]
    public async Task A_clock_that_cannot_make_a_timer_costs_records_and_nothing_else()
    {
        DeliveryLog log = Records.Log(new InMemoryDeliveryLogSink(), time: new TimerlessTime());

        log.Add(0);
        await log.FlushAsync(CancellationToken.None);
        await log.DisposeAsync();

        Assert.Equal(1, log.SinkFailures);
    }

    private static Task Give(DeliveryLog log, SinkMode mode, int number)
    {
        if (mode == SinkMode.Inline)
        {
            return log.AddInlineAsync(number);
        }

        log.Add(number);
        return log.FlushAsync(CancellationToken.None);
    }

    private sealed class TimerlessTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            throw new InvalidOperationException();
    }

    private sealed class BlockingLogger(ManualResetEventSlim block) : Microsoft.Extensions.Logging.ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(Microsoft.Extensions.Logging.LogLevel logLevel) => true;

        public void Log<TState>(
            Microsoft.Extensions.Logging.LogLevel logLevel,
            Microsoft.Extensions.Logging.EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter) => block.Wait();
    }
}
