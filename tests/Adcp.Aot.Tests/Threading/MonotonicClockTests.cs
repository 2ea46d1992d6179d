using Adcp.Aot.Threading;
using CsCheck;

namespace Adcp.Aot.Tests.Threading;

public sealed class MonotonicClockTests
{
    [Fact]
    public void A_writer_that_comes_late_never_puts_its_old_timestamp_under_a_new_tick()
    {
        MonotonicClock clock = new(TimeProvider.System);

        clock.Keep(tick: 11, stamp: 1_100);
        clock.Keep(tick: 10, stamp: 1_000);
        clock.Keep(tick: 11, stamp: 1_090);

        Assert.True(clock.TryRead(11, out long stamp));
        Assert.Equal(1_100, stamp);
    }

    /// <summary>Each writer keeps the timestamp ten times its tick, in any order.</summary>
    [Fact]
    public void A_reader_never_finds_a_timestamp_from_before_its_tick() =>
        Gen.Int[1, 50].Array[1, 20].Sample(ticks =>
        {
            MonotonicClock clock = new(TimeProvider.System);
            long latest = long.MinValue;
            foreach (int tick in ticks)
            {
                clock.Keep(tick, tick * 10);
                latest = Math.Max(latest, tick * 10);

                Assert.True(clock.TryRead(tick, out long stamp));
                Assert.Equal(latest, stamp);
            }
        });

    [Fact]
    public async Task Coarse_time_never_goes_back_on_any_thread_and_is_never_ahead()
    {
        MonotonicClock clock = new(TimeProvider.System);

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            long last = long.MinValue;
            for (int i = 0; i < 200_000; i++)
            {
                long now = clock.Coarse();
                Assert.True(now >= last, "The coarse time went back.");
                Assert.True(now <= clock.Exact(), "The coarse time is ahead.");
                last = now;
            }
        })));
    }
}
