using Adcp.Aot.Auditing;
using Adcp.Aot.Tests.Doubles;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Auditing;

public sealed class FanOutDeliveryLogSinkTests
{
    [Fact]
    public async Task A_sink_that_throws_or_blocks_or_hangs_keeps_no_record_from_the_others()
    {
        using ManualResetEventSlim block = new();
        TaskCompletionSource hang = new();
        InMemoryDeliveryLogSink sound = new();
        FakeTimeProvider time = new();
        FanOutDeliveryLogSink sink = new(
            new DelegateSink(static (_, _) => throw new InvalidOperationException()),
            new DelegateSink((_, _) =>
            {
                block.Wait(CancellationToken.None);
                return default;
            }),
            new DelegateSink((_, _) => new ValueTask(hang.Task)),
            sound);
        DeliveryLog log = Records.Log(sink, time: time);

        for (int i = 1; i <= 20; i++)
        {
            log.Add(i);
            Task flushing = log.FlushAsync(CancellationToken.None);
            while (!flushing.IsCompleted)
            {
                // The timeout must not pass before the pool had a thread for the sound sink.
                time.Advance(sound.Recorded >= i ? Records.Long : TimeSpan.FromMilliseconds(1));
                await Task.Yield();
            }

            await flushing;
            Assert.Equal(i, sound.Recorded);
        }

        Assert.Equal(Enumerable.Range(1, 20).Select(Key), sound.Snapshot().Select(static record => record.IdempotencyKey));
        block.Set();
        hang.SetResult();
        await log.DisposeAsync();
        Assert.Equal(0, log.Dropped);
    }

    [Fact]
    public async Task A_sink_whose_calls_do_not_end_is_not_called_any_more_until_they_do()
    {
        int calls = 0;
        TaskCompletionSource hang = new(TaskCreationOptions.RunContinuationsAsynchronously);
        FanOutDeliveryLogSink sink = new(new DelegateSink((_, _) =>
        {
            Interlocked.Increment(ref calls);
            return new ValueTask(hang.Task);
        }));
        DeliveryAttempt[] batch = [.. Enumerable.Range(0, 100).Select(static number => Records.Of(number))];

        for (int i = 0; i < 10; i++)
        {
            using CancellationTokenSource timeout = new();
            Task recording = sink.RecordAsync(batch, timeout.Token).AsTask();
            await timeout.CancelAsync();
            await Assert.ThrowsAsync<AggregateException>(() => recording);
        }

        Assert.InRange(Volatile.Read(ref calls), 0, 3);

        hang.SetResult();
        bool isCalledAgain = false;
        while (!isCalledAgain)
        {
            try
            {
                await sink.RecordAsync(batch, CancellationToken.None);
                isCalledAgain = true;
            }
            catch (AggregateException)
            {
                // The late calls have not been seen to end yet.
                await Task.Yield();
            }
        }
    }

    [Fact]
    public async Task A_sink_that_is_left_behind_keeps_its_own_copies()
    {
        TaskCompletionSource called = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource<(string Before, string After)> seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
        FanOutDeliveryLogSink sink = new(new DelegateSink(async (attempts, _) =>
        {
            string before = DeliveryAttemptSnapshot.Of(attempts.Span[0]).ToString();
            called.SetResult();
            await release.Task;
            seen.SetResult((before, DeliveryAttemptSnapshot.Of(attempts.Span[0]).ToString()));
        }));
        DeliveryAttempt record = Records.Of(7);
        using CancellationTokenSource timeout = new();
        Task recording = sink.RecordAsync(new[] { record }, timeout.Token).AsTask();
        await called.Task;

        await timeout.CancelAsync();
        await Assert.ThrowsAsync<AggregateException>(() => recording);
        record.Clear();
        release.SetResult();

        (string before, string after) = await seen.Task;
        Assert.Equal(before, after);
        Assert.Contains(Key(7), after, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_sink_sees_the_same_record()
    {
        InMemoryDeliveryLogSink[] sinks = [new(), new(), new()];
        DeliveryAttempt record = Records.Of(1);

        await new FanOutDeliveryLogSink(sinks).RecordAsync(new[] { record }, CancellationToken.None);

        DeliveryAttemptSnapshot expected = DeliveryAttemptSnapshot.Of(record);
        Assert.All(sinks, sink => Assert.Equal(expected, Assert.Single(sink.Snapshot())));
    }

    private static string Key(int number) => $"key_{number:D16}";
}
