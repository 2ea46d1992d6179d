namespace Adcp.Aot.Storage;

/// <summary>
/// Wakes one sleeping loop, or lets it sleep for a time. A wake-up that comes while the loop is awake ends its next
/// sleep.
/// </summary>
/// <remarks>
/// A loop that wakes up many times a second should have a thread, on which it continues. A timer of the thread pool costs about six times
/// as much, because the pool's thread looks for further work for a few hundred microseconds each time.
/// </remarks>
internal sealed class AsyncWake : IAsyncDisposable
{
    private readonly object _gate = new();
    private readonly TimeProvider _time;
    private readonly ITimer? _timer;
    private TaskCompletionSource? _sleep;
    private long _sleepsAt;
    private TimeSpan _sleepsFor;
    private bool _isSet;
    private bool _isThreadStarted;
    private bool _isDisposed;

    /// <param name="time">The clock.</param>
    /// <param name="hasThread">Whether the loop continues on a thread of its own; only with the system's clock.</param>
    internal AsyncWake(TimeProvider time, bool hasThread = false)
    {
        _time = time;
        _timer = hasThread
            ? null
            : time.CreateTimer(static wake => ((AsyncWake)wake!).Set(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Gets how long the loop still sleeps if nothing wakes it; <see langword="null"/> while it is awake.</summary>
    internal TimeSpan? SleepLeft
    {
        get
        {
            lock (_gate)
            {
                return _sleep is null || _isSet ? null : Left;
            }
        }
    }

    private TimeSpan Left => _sleepsFor - _time.GetElapsedTime(_sleepsAt);

    /// <summary>Ends the sleep.</summary>
    internal void Set()
    {
        TaskCompletionSource? sleep;
        lock (_gate)
        {
            sleep = _sleep;
            if (_timer is null || sleep is null)
            {
                _isSet = true;
                Monitor.Pulse(_gate);
                return;
            }

            _sleep = null;
        }

        sleep.SetResult();
    }

    /// <summary>Sleeps until a wake-up, the end of the time, or the cancellation. Called by one loop.</summary>
    internal async ValueTask WaitAsync(TimeSpan most, CancellationToken cancellationToken)
    {
        TaskCompletionSource sleep;
        lock (_gate)
        {
            if (_isSet)
            {
                _isSet = false;
                return;
            }

            sleep = _sleep = new TaskCompletionSource(
                _timer is null ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);
            (_sleepsAt, _sleepsFor) = (_time.GetTimestamp(), most);
            if (_timer is null)
            {
                Monitor.Pulse(_gate);
                StartThread();
            }

            // Inside the lock: SleepLeft then never reports a sleep whose timer is not set, which a test's clock would pass.
            _timer?.Change(most, Timeout.InfiniteTimeSpan);
        }

        using (cancellationToken.UnsafeRegister(static wake => ((AsyncWake)wake!).Set(), this))
        {
            await sleep.Task.ConfigureAwait(false);
        }
    }

    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _isDisposed = true;
            Monitor.Pulse(_gate);
        }

        return _timer?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    private void StartThread()
    {
        if (!_isThreadStarted)
        {
            _isThreadStarted = true;
            new Thread(Run) { IsBackground = true, Name = "Adcp outbox owner" }.UnsafeStart();
        }
    }

    private void Run()
    {
        while (SleepOnThread() is { } sleep)
        {
            // The loop continues here until it awaits something else.
            sleep.SetResult();
        }
    }

    /// <summary>Waits for the end of a sleep.</summary>
    /// <returns>The sleep that has ended; <see langword="null"/> after the disposal.</returns>
    private TaskCompletionSource? SleepOnThread()
    {
        lock (_gate)
        {
            while (!_isDisposed)
            {
                if (_sleep is null)
                {
                    Monitor.Wait(_gate);
                    continue;
                }

                double left = _isSet ? 0 : Math.Ceiling(Left.TotalMilliseconds);
                if (left > 0)
                {
                    Monitor.Wait(_gate, (int)Math.Min(left, int.MaxValue));
                    continue;
                }

                TaskCompletionSource ended = _sleep;
                _sleep = null;
                _isSet = false;
                return ended;
            }

            return null;
        }
    }
}
