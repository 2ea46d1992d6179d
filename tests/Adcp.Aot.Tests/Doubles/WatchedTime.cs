using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Doubles;

/// <summary>
/// A clock that tests turn, and that says which timers were set, so that a test turns it only after the code under test waits.
/// </summary>
internal sealed class WatchedTime(DateTimeOffset start) : FakeTimeProvider(start)
{
    private readonly ConcurrentDictionary<TimeSpan, int> _timers = new();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ITimer timer = base.CreateTimer(callback, state, dueTime, period);
        _timers.AddOrUpdate(dueTime, 1, static (_, count) => count + 1);
        return timer;
    }

    /// <summary>Waits for a timer of this length, which each call takes once, and turns the clock to its end.</summary>
    public async Task PassAsync(TimeSpan timer)
    {
        await TimerAsync(timer);
        Advance(timer);
    }

    /// <summary>Waits for a timer of this length, which each call takes once.</summary>
    public async Task TimerAsync(TimeSpan timer)
    {
        while (!_timers.TryGetValue(timer, out int count) || count == 0 || !_timers.TryUpdate(timer, count - 1, count))
        {
            await Task.Yield();
        }
    }
}
