namespace Adcp.Aot.Delivery;

/// <content>The ways in which a delivery is cut short.</content>
internal sealed partial class InFlightDelivery
{
    /// <summary>Lets the caller's token and the policy's deadline cancel the delivery.</summary>
    internal void Bind(CancellationToken caller)
    {
        if (caller.CanBeCanceled)
        {
            _caller = caller.UnsafeRegister(static state => ((InFlightDelivery)state!).Cancel(CancellationCause.Caller), this);
        }

        if (Retry.Deadline is { } deadline)
        {
            _deadlineTimer ??= AttemptRunner.CreateTimer(_runner.Clock.Time, static state => ((InFlightDelivery)state!).OnDeadline(), this);
            lock (_deadlineLock)
            {
                _deadlineArmed = true;
                _deadlineTimer.Change(deadline, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <summary>
    /// Cancels the delivery, unless it is cancelled already. Callbacks that the sender has registered run on the thread pool: they
    /// may block or throw, and the thread that cancels is not theirs. An attempt that goes on for the cancellation timeout is
    /// abandoned.
    /// </summary>
    internal void Cancel(CancellationCause cause)
    {
        if (Interlocked.CompareExchange(ref _cause, (int)cause, (int)CancellationCause.None) != (int)CancellationCause.None)
        {
            return;
        }

        // The machine's clock: this bounds code that misbehaves, and a clock that a test holds still must not keep it waiting.
        _abandonmentTimer = AttemptRunner.CreateTimer(TimeProvider.System, static state => ((InFlightDelivery)state!).Abandon(), this);
        _abandonmentTimer.Change(_runner.CancellationTimeout, _runner.CancellationTimeout);
        _runner.Observe(_cancellation.CancelAsync());
    }

    /// <summary>Cancels the delivery if one is under way.</summary>
    internal void ShutDown()
    {
        if (Volatile.Read(ref _active))
        {
            Cancel(CancellationCause.Shutdown);
        }
    }

    /// <summary>
    /// Called every cancellation timeout until the delivery ends, since an attempt may only just begin when it is first called.
    /// </summary>
    private void Abandon()
    {
        if (Interlocked.CompareExchange(ref _answerState, Abandoned, AnswerDue) == AnswerDue)
        {
            _runner.SettleAbandoned(this);
            GoOn();
        }
        else if (!Volatile.Read(ref _active))
        {
            _abandonmentTimer?.Dispose();
        }
    }

    /// <summary>A timer may fire late, for a delivery that has ended. The deadline of the present one decides.</summary>
    private void OnDeadline()
    {
        lock (_deadlineLock)
        {
            if (!_deadlineArmed)
            {
                return;
            }

            TimeSpan left = Retry.Deadline!.Value - _runner.Clock.Time.GetElapsedTime(StartedAt);
            if (left > TimeSpan.Zero)
            {
                _deadlineTimer!.Change(left, Timeout.InfiniteTimeSpan);
            }
            else
            {
                Cancel(CancellationCause.Deadline);
            }
        }
    }
}
