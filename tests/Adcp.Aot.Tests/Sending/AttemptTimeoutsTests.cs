using Adcp.Aot.Sending;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Sending;

public sealed class AttemptTimeoutsTests
{
    [Fact]
    public void A_source_whose_attempt_ended_in_time_serves_another_and_forgets_what_was_registered()
    {
        AttemptTimeouts timeouts = new(TimeSpan.FromHours(1), TimeProvider.System);
        CancellationTokenSource first = timeouts.Start();
        bool told = false;
        first.Token.Register(() => told = true);
        timeouts.End(first);
        CancellationTokenSource second = timeouts.Start();
        Assert.Same(first, second);
        second.Cancel();
        Assert.False(told);
    }

    [Fact]
    public void A_cancelled_source_serves_nobody_again()
    {
        AttemptTimeouts timeouts = new(TimeSpan.FromHours(1), TimeProvider.System);
        CancellationTokenSource first = timeouts.Start();
        first.Cancel();
        timeouts.End(first);
        CancellationTokenSource second = timeouts.Start();
        Assert.NotSame(first, second);
        Assert.False(second.IsCancellationRequested);
        timeouts.End(second);
    }

    [Fact]
    public void Each_attempt_has_the_whole_limit_also_on_a_clock_whose_timers_cannot_be_reset()
    {
        FakeTimeProvider time = new();
        AttemptTimeouts timeouts = new(TimeSpan.FromSeconds(10), time);
        CancellationTokenSource first = timeouts.Start();
        time.Advance(TimeSpan.FromSeconds(9));
        timeouts.End(first);
        CancellationTokenSource second = timeouts.Start();
        time.Advance(TimeSpan.FromSeconds(9));
        Assert.False(second.IsCancellationRequested);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(second.IsCancellationRequested);
        timeouts.End(second);
    }
}
