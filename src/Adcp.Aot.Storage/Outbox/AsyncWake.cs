namespace Adcp.Aot.Storage;

/// <summary>
/// Wakes one sleeping loop, or lets it sleep for a time. A wake-up that comes while the loop is awake ends its next
/// sleep.
/// </summary>
internal sealed class AsyncWake : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private TaskCompletionSource? _sleep;
    private long _sleepsAt;
    private TimeSpan _sleepsFor;
    private bool _isSet;

    internal AsyncWake(TimeProvider time)
    {
        _time = time;
        _timer = time.CreateTimer(static wake => ((AsyncWake)wake!).Set(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Gets how long the loop still sleeps if nothing wakes it; <see langword="null"/> while it is awake.</summary>
    internal TimeSpan? SleepLeft
    {
        get
        {
            lock (_lock)
            {
                return _sleep is null ? null : _sleepsFor - _time.GetElapsedTime(_sleepsAt);
            }
        }
    }

    /// <summary>Ends the sleep.</summary>
    internal void Set()
    {
        TaskCompletionSource? sleep;
        lock (_lock)
        {
            sleep = _sleep;
            _sleep = null;
            _isSet = sleep is null;
        }

        sleep?.SetResult();
    }

    /// <summary>Sleeps until a wake-up, the end of the time, or the cancellation. Called by one loop.</summary>
    internal async ValueTask WaitAsync(TimeSpan most, CancellationToken cancellationToken)
    {
        TaskCompletionSource sleep;
        lock (_lock)
        {
            if (_isSet)
            {
                _isSet = false;
                return;
            }

            sleep = _sleep = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            (_sleepsAt, _sleepsFor) = (_time.GetTimestamp(), most);
        }

        _timer.Change(most, Timeout.InfiniteTimeSpan);
        using (cancellationToken.UnsafeRegister(static wake => ((AsyncWake)wake!).Set(), this))
        {
            await sleep.Task.ConfigureAwait(false);
        }
    }

    public ValueTask DisposeAsync() => _timer.DisposeAsync();
}
