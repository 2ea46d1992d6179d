namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The clock of a process that can be paused: its timers are late then, and fire when the process continues.</summary>
internal sealed class PausableClock(TimeProvider inner) : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<Action> _late = [];
    private TaskCompletionSource? _resumed;

    public override long TimestampFrequency => inner.TimestampFrequency;

    /// <summary>Gets a task that is completed while the process is not paused.</summary>
    public Task WhileRunning
    {
        get
        {
            lock (_lock)
            {
                return _resumed?.Task ?? Task.CompletedTask;
            }
        }
    }

    public override DateTimeOffset GetUtcNow() => inner.GetUtcNow();

    public override long GetTimestamp() => inner.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        inner.CreateTimer(_ => Fire(() => callback(state)), null, dueTime, period);

    /// <summary>Pauses the process.</summary>
    /// <returns><see langword="false"/> if it is paused.</returns>
    public bool Pause()
    {
        lock (_lock)
        {
            bool wasRunning = _resumed is null;
            _resumed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return wasRunning;
        }
    }

    /// <summary>Continues: first with the calls that were under way, then with the timers that are late.</summary>
    public void Resume()
    {
        TaskCompletionSource? resumed;
        Action[] late;
        lock (_lock)
        {
            (resumed, _resumed) = (_resumed, null);
            late = [.. _late];
            _late.Clear();
        }

        resumed?.SetResult();
        foreach (Action timer in late)
        {
            timer();
        }
    }

    private void Fire(Action timer)
    {
        lock (_lock)
        {
            if (_resumed is not null)
            {
                _late.Add(timer);
                return;
            }
        }

        timer();
    }
}
