using Adcp.Aot.Operations;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The rate of a redrive, and what its report says if it is cancelled.</summary>
public sealed class OutboxRedriveTests : IAsyncDisposable
{
    private readonly OutboxBench _bench = new();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task Rate_of_a_redrive_is_kept()
    {
        await KillAsync(100);
        TimerCount time = new();
        SqlWebhookOutbox outbox = new(
            _bench.Store, _bench.Enqueuer, OutboxHarness.Secrets, new SqlWebhookOutboxOptions { TimeProvider = time });

        Task<DeadLetterReport> redrive =
            outbox.DeadLetters.RedriveAsync(new DeadLetterQuery(), new RedriveOptions { RatePerSecond = 20 }).AsTask();
        for (int step = 1; step <= 50; step++)
        {
            // A tenth of a second's share is moved at once, and the next one when its time has come.
            await OutboxHarness.UntilAsync(() => time.Timers == step);
            Assert.Equal(2 * step, _bench.Store.Waiting);
            time.Advance(TimeSpan.FromSeconds(0.1));
        }

        await OutboxHarness.UntilAsync(() => redrive.IsCompleted);
        Assert.Equal(new DeadLetterReport { Redriven = 100 }, await redrive);
        Assert.Equal(50, time.Timers);
    }

    [Fact]
    public async Task Redrive_that_is_cancelled_says_where_the_next_one_continues()
    {
        await KillAsync(50);
        using CancellationTokenSource cancel = new();
        RedriveOptions slow = new() { RatePerSecond = 10 };

        Task<DeadLetterReport> redrive = _bench.Outbox.DeadLetters.RedriveAsync(new DeadLetterQuery(), slow, cancel.Token).AsTask();
        await _bench.UntilAsync(() => _bench.Store.Waiting >= 10);
        await cancel.CancelAsync();
        await _bench.UntilAsync(() => redrive.IsCompleted);
        DeadLetterReport first = await redrive;
        DeadLetterReport rest = await _bench.Outbox.DeadLetters.RedriveAsync(new DeadLetterQuery { Before = first.ContinueBefore });

        Assert.InRange(first.Redriven, 10, 20);
        Assert.NotNull(first.ContinueBefore);
        Assert.Equal((50, null), (first.Redriven + rest.Redriven, rest.ContinueBefore));
        Assert.Equal(50, _bench.Store.Waiting);
    }

    [Fact]
    public async Task Redrives_of_the_same_rows_at_the_same_time_count_each_row_once()
    {
        await KillAsync(40);

        DeadLetterReport[] reports = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
                await _bench.Outbox.DeadLetters.RedriveAsync(new DeadLetterQuery { Limit = 7 }))));

        Assert.Equal(40, reports.Sum(static report => report.Redriven));
        Assert.Equal(40, _bench.Store.Waiting);
    }

    [Fact]
    public async Task Ids_that_are_not_there_are_counted_as_missing()
    {
        await KillAsync(2);
        long[] ids = [.. _bench.Store.DeadRows.Select(static row => row.Id), 1_000, 2_000];

        Assert.Equal(new DeadLetterReport { Redriven = 2, Missing = 2 }, await _bench.Outbox.DeadLetters.RedriveAsync(ids));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100_001)]
    public void Rate_is_1_to_100000(int rate) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new RedriveOptions { RatePerSecond = rate });

    private async Task KillAsync(int webhooks)
    {
        for (int i = 0; i < webhooks; i++)
        {
            await _bench.EnqueueAsync($"b{i % 10}.example");
        }

        (OutboxWorker worker, _) = await _bench.StartAsync(_bench.Sender(static (_, _, _) => ValueTask.FromResult(410)));
        await _bench.UntilEmptyAsync();
        Task stopped = worker.StopAsync(TimeSpan.FromSeconds(1));
        await _bench.UntilAsync(() => stopped.IsCompleted);
        Assert.Equal(webhooks, _bench.Store.DeadRows.Count);
    }

    /// <summary>A clock that counts the delays that it was asked for.</summary>
    private sealed class TimerCount : FakeTimeProvider
    {
        private int _timers;

        public int Timers => Volatile.Read(ref _timers);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            ITimer timer = base.CreateTimer(callback, state, dueTime, period);
            Interlocked.Increment(ref _timers);
            return timer;
        }
    }
}
