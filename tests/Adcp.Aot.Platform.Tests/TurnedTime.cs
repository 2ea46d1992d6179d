using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Platform.Tests;

/// <summary>A clock that reports how long a wait is, so that a test turns it by exactly that.</summary>
internal sealed class TurnedTime(DateTimeOffset start) : FakeTimeProvider(start)
{
    private readonly Channel<(TimeSpan DueTime, Timer Timer)> _waits = Channel.CreateUnbounded<(TimeSpan, Timer)>();

    /// <summary>Returns the next wait that was not given up. Time limits of finished work are given up.</summary>
    public async Task<TimeSpan> NextWaitAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            (TimeSpan dueTime, Timer timer) = await _waits.Reader.ReadAsync(cancellationToken);
            if (!timer.IsDisposed)
            {
                return dueTime;
            }
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Timer timer = new(base.CreateTimer(callback, state, dueTime, period), this);
        Begun(dueTime, timer);
        return timer;
    }

    private void Begun(TimeSpan dueTime, Timer timer)
    {
        if (dueTime > TimeSpan.Zero)
        {
            _waits.Writer.TryWrite((dueTime, timer));
        }
    }

    private sealed class Timer(ITimer inner, TurnedTime time) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            bool changed = inner.Change(dueTime, period);
            time.Begun(dueTime, this);
            return changed;
        }

        public bool IsDisposed { get; private set; }

        public void Dispose()
        {
            IsDisposed = true;
            inner.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
