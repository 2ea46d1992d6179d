using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Platform.Tests;

/// <summary>A clock that tells for how long somebody began to wait, so that a test turns it by exactly that.</summary>
internal sealed class TurnedTime(DateTimeOffset start) : FakeTimeProvider(start)
{
    private readonly Channel<TimeSpan> _waits = Channel.CreateUnbounded<TimeSpan>();

    public ChannelReader<TimeSpan> Waits => _waits.Reader;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Timer timer = new(base.CreateTimer(callback, state, dueTime, period), this);
        Begun(dueTime);
        return timer;
    }

    private void Begun(TimeSpan dueTime)
    {
        if (dueTime > TimeSpan.Zero)
        {
            _waits.Writer.TryWrite(dueTime);
        }
    }

    private sealed class Timer(ITimer inner, TurnedTime time) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            bool changed = inner.Change(dueTime, period);
            time.Begun(dueTime);
            return changed;
        }

        public void Dispose() => inner.Dispose();

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
