namespace Adcp.Aot.Delivery;

/// <content>The cancellation of a delivery.</content>
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
    /// Cancels the delivery, unless it is cancelled already. The sender's callbacks run on the thread pool, because
    /// they may block or throw, and the cancelling thread must not wait. If an attempt continues for the cancellation
    /// timeout, it is abandoned.
    /// </summary>
    internal void Cancel(CancellationCause cause)
    {
        if (Interlocked.CompareExchange(ref _cause, (int)cause, (int)CancellationCause.None) != (int)CancellationCause.None)
        {
            return;
        }

        // The machine's clock: this bounds misbehaving code, and it must not wait if a test holds its clock still.
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
    /// Called every cancellation timeout until the delivery ends, because an attempt may only just begin when it is
    /// first called.
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
