using Adcp.Aot.Operations;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>
/// The pace of a redrive: its rate, workers that stand still, and other webhooks that wait. Also its report if it is cancelled.
/// </summary>
public sealed class OutboxRedriveTests : IAsyncDisposable
{
    /// <summary>The dead letters of a step without a rate.</summary>
    private const int Step = 100;

    /// <summary>The time until a redrive looks for the first time if its webhooks were delivered.</summary>
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(5);

    private readonly OutboxBench _bench = new();
    private readonly StepClock _time = new();
    private readonly List<DeadLetterReport> _reports = [];
    private SqlWebhookOutbox? _outbox;
    private Task<DeadLetterReport> _redrive = Task.FromResult(new DeadLetterReport());

    private int Handled => _reports.Count == 0 ? 0 : _reports[^1].Handled;

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Theory]
    [InlineData(20, 10)]
    [InlineData(400, Step)]
    public async Task Rate_of_a_redrive_is_kept(int rate, int share)
    {
        await StartAsync(5 * share, new RedriveOptions { RatePerSecond = rate });

        for (int step = 1; await _time.ArmedAsync(_redrive); _time.Pass())
        {
            // The share of half a second is moved at once, up to the limit of a step, and the next one when its time has come.
            Assert.Equal(step * share, Handled);
            _bench.Store.Deliver();
            step += _time.Elapsed + _time.Due == TimeSpan.FromSeconds(1) * step * share / rate ? 1 : 0;
        }

        Assert.Equal(new DeadLetterReport { Redriven = 5 * share }, await _redrive);
        Assert.Equal(TimeSpan.FromSeconds(5) * share / rate, _time.Elapsed);
    }

    [Fact]
    public async Task Redrive_does_not_catch_up_the_time_for_which_it_waited()
    {
        await StartAsync(200, new RedriveOptions { RatePerSecond = 100 });
        while (_time.Elapsed < TimeSpan.FromSeconds(30))
        {
            await _time.ArmedAsync(_redrive);
            _time.Pass();
        }

        TimeSpan waited = _time.Elapsed;
        for (; await _time.ArmedAsync(_redrive); _time.Pass())
        {
            _bench.Store.Deliver();
        }

        // The last poll of the first step, and three further steps of half a second.
        Assert.Equal(200, Handled);
        Assert.Equal(TimeSpan.FromSeconds(2.5), _time.Elapsed - waited);
    }

    [Fact]
    public async Task Redrive_at_the_greatest_rate_goes_as_fast_as_workers_deliver()
    {
        await StartAsync(10 * Step, new RedriveOptions { RatePerSecond = 100_000 });

        for (; await _time.ArmedAsync(_redrive); _time.Pass())
        {
            _bench.Store.Deliver();
        }

        Assert.Equal(new DeadLetterReport { Redriven = 10 * Step }, await _redrive);
        Assert.Equal(10 * Poll, _time.Elapsed);
        Assert.All(_reports, static report => Assert.Equal(RedriveWait.None, report.Wait));
    }

    [Fact]
    public async Task Redrive_whose_workers_stand_still_adds_one_step_and_goes_on_when_they_deliver()
    {
        await StartAsync(3 * Step, new RedriveOptions { RatePerSecond = 100_000 });

        for (; _time.Elapsed < TimeSpan.FromHours(1); _time.Pass())
        {
            Assert.True(await _time.ArmedAsync(_redrive));
        }

        await _time.ArmedAsync(_redrive);
        Assert.Equal((Step, Step, RedriveWait.Workers), (Handled, _bench.Store.Waiting, _reports[^1].Wait));

        // The next step begins when a quarter is left.
        _bench.Store.Deliver((Step * 3 / 4) - 1);
        _time.Pass();
        await _time.ArmedAsync(_redrive);
        Assert.Equal(Step, Handled);
        _bench.Store.Deliver(1);
        _time.Pass();
        await _time.ArmedAsync(_redrive);
        Assert.Equal(2 * Step, Handled);
        for (; await _time.ArmedAsync(_redrive); _time.Pass())
        {
            _bench.Store.Deliver();
        }

        Assert.Equal(new DeadLetterReport { Redriven = 3 * Step }, await _redrive);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(Step / 2, 10.5)]
    [InlineData(Step, 20)]
    [InlineData(3 * Step, 20)]
    public async Task Redrive_works_for_a_twentieth_of_the_time_while_other_webhooks_wait(int others, double factor)
    {
        await StartAsync(4 * Step, new RedriveOptions { RatePerSecond = 100_000 }, others);

        for (; await _time.ArmedAsync(_redrive); _time.Pass())
        {
            // At the third poll of a step its webhooks are delivered: after 5, 10 and 20 ms.
            if (_time.Due == 4 * Poll)
            {
                _bench.Store.Deliver(Step);
            }
        }

        Assert.Equal(new DeadLetterReport { Redriven = 4 * Step }, await _redrive);
        Assert.InRange(_time.Elapsed - (4 * 7 * Poll * factor), TimeSpan.Zero, TimeSpan.FromMilliseconds(4));
        Assert.Equal(others > 0 ? RedriveWait.FreshDeliveries : RedriveWait.None, _reports[^2].Wait);
    }

    [Fact]
    public async Task Redrive_is_fast_again_some_steps_after_other_webhooks_waited()
    {
        await StartAsync(5 * Step, new RedriveOptions(), others: 60);
        List<TimeSpan> pauses = [];

        for (; await _time.ArmedAsync(_redrive); _time.Pass())
        {
            if (_time.Due != Poll)
            {
                pauses.Add(_time.Due);
            }

            _bench.Store.Deliver(Handled == Step ? Step : int.MaxValue);
        }

        Assert.Equal([.. new[] { 60, 30, 15, 7, 3 }.Select(static others => Whole(Poll * 19 * others / Step))], pauses);

        static TimeSpan Whole(TimeSpan time) => TimeSpan.FromMilliseconds(Math.Ceiling(time.TotalMilliseconds));
    }

    [Fact]
    public async Task Pause_leaves_room_for_ten_dead_letters_a_second()
    {
        await StartAsync(2 * Step, new RedriveOptions(), others: Step);
        for (; _time.Elapsed < TimeSpan.FromMinutes(1); _time.Pass())
        {
            await _time.ArmedAsync(_redrive);
        }

        TimeSpan waited = _time.Elapsed;
        _bench.Store.Deliver(Step);
        while (Handled == Step)
        {
            await _time.ArmedAsync(_redrive);
            _time.Pass();
            await _time.ArmedAsync(_redrive);
        }

        Assert.InRange(_time.Elapsed - waited, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(11));
    }

    [Fact]
    public async Task Redrives_take_turns_and_one_that_waits_for_its_turn_can_be_cancelled()
    {
        await StartAsync(4 * Step, new RedriveOptions());
        await _time.ArmedAsync(_redrive);
        using CancellationTokenSource cancel = new();
        DeadLetters dead = _outbox!.DeadLetters;

        Task<DeadLetterReport> second = dead.RedriveAsync(new DeadLetterQuery(), null, cancel.Token).AsTask();
        Task<DeadLetterReport> third = dead.RedriveAsync(new DeadLetterQuery()).AsTask();
        await cancel.CancelAsync();
        DeadLetterReport cancelled = await second;
        for (; await _time.ArmedAsync(Task.WhenAll(_redrive, third)); _time.Pass())
        {
            Assert.Equal(Step, _bench.Store.Waiting);
            _bench.Store.Deliver();
        }

        Assert.Equal((0, long.MaxValue), (cancelled.Redriven, cancelled.ContinueBefore));
        Assert.Equal(4 * Step, Handled + (await third).Redriven);
        Assert.InRange((await third).Redriven, Step, 3 * Step);
    }

    [Fact]
    public async Task Redrive_that_waits_for_workers_ends_at_once_if_it_is_cancelled()
    {
        using CancellationTokenSource cancel = new();
        await StartAsync(2 * Step, new RedriveOptions(), cancellationToken: cancel.Token);
        await _time.ArmedAsync(_redrive);

        await cancel.CancelAsync();
        DeadLetterReport report = await _redrive;

        Assert.Equal((Step, RedriveWait.None), (report.Redriven, report.Wait));
        Assert.Equal(
            new DeadLetterReport { Redriven = Step },
            await _outbox!.DeadLetters.RedriveAsync(new DeadLetterQuery { Before = report.ContinueBefore, Limit = Step + 1 }));
    }

    [Fact]
    public async Task Redrive_that_is_cancelled_says_where_the_next_one_continues()
    {
        await KillAsync(50);
        using CancellationTokenSource cancel = new();
        RedriveOptions slow = new() { RatePerSecond = 10 };

        Task<DeadLetterReport> redrive = _bench.Outbox.DeadLetters
            .RedriveAsync(new DeadLetterQuery(), slow with { Progress = new Receiver(_reports) }, cancel.Token).AsTask();
        await UntilAsync(() => Handled >= 10);
        await cancel.CancelAsync();
        await _bench.UntilAsync(() => redrive.IsCompleted);
        DeadLetterReport first = await redrive;
        DeadLetterReport rest = await _bench.Outbox.DeadLetters.RedriveAsync(new DeadLetterQuery { Before = first.ContinueBefore });

        Assert.InRange(first.Redriven, 10, 20);
        Assert.NotNull(first.ContinueBefore);
        Assert.Equal((50, null), (first.Redriven + rest.Redriven, rest.ContinueBefore));
        Assert.Empty(_bench.Store.DeadRows);
    }

    [Fact]
    public async Task Redrives_of_the_same_rows_at_the_same_time_count_each_row_once()
    {
        await KillAsync(40);

        Task<DeadLetterReport[]> redrives = Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
                await Process().DeadLetters.RedriveAsync(new DeadLetterQuery { Limit = 7 }))));
        await UntilAsync(() => redrives.IsCompleted);

        Assert.Equal(40, (await redrives).Sum(static report => report.Redriven));
        Assert.Empty(_bench.Store.DeadRows);

        SqlWebhookOutbox Process() => new(
            _bench.Store, _bench.Enqueuer, OutboxHarness.Secrets, new SqlWebhookOutboxOptions { TimeProvider = _bench.Time });
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

    /// <summary>Starts a redrive of all dead letters, beside a number of other webhooks.</summary>
    private async Task StartAsync(
        int deadLetters, RedriveOptions options, int others = 0, CancellationToken cancellationToken = default)
    {
        await KillAsync(deadLetters);
        for (int i = 0; i < others; i++)
        {
            await _bench.EnqueueAsync("fresh.example");
        }

        _outbox = new SqlWebhookOutbox(
            _bench.Store, _bench.Enqueuer, OutboxHarness.Secrets, new SqlWebhookOutboxOptions { TimeProvider = _time });
        _redrive = _outbox.DeadLetters.RedriveAsync(
            new DeadLetterQuery(), options with { Progress = new Receiver(_reports) }, cancellationToken).AsTask();
    }

    /// <summary>Lets time pass until a condition holds, with a worker that delivers at once.</summary>
    private Task UntilAsync(Func<bool> condition) => _bench.UntilAsync(() =>
    {
        _bench.Store.Deliver();
        return condition();
    });

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

    private sealed class Receiver(List<DeadLetterReport> reports) : IProgress<DeadLetterReport>
    {
        public void Report(DeadLetterReport value) => reports.Add(value);
    }

    /// <summary>A clock that goes from one delay to the next. There is one delay at a time.</summary>
    private sealed class StepClock : FakeTimeProvider
    {
        private int _armed;

        /// <summary>Gets the length of the delay that runs.</summary>
        public TimeSpan Due { get; private set; }

        public TimeSpan Elapsed { get; private set; }

        /// <summary>Waits for the next delay.</summary>
        /// <returns>Whether there is one; false if the work has ended.</returns>
        public async Task<bool> ArmedAsync(Task work)
        {
            await OutboxHarness.UntilAsync(() => Volatile.Read(ref _armed) > 0 || work.IsCompleted);
            return Volatile.Read(ref _armed) > 0;
        }

        public void Pass()
        {
            Interlocked.Decrement(ref _armed);
            Elapsed += Due;
            Advance(Due);
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            ITimer timer = base.CreateTimer(callback, state, dueTime, period);
            Due = dueTime;
            Interlocked.Increment(ref _armed);
            return timer;
        }
    }
}
