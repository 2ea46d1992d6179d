using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>
/// Holds a worker's row and renews its lease on a connection of its own, so that a slow read never delays a renewal. A worker whose
/// lease has ended, or whose row was deleted, is another worker afterwards: with a new id and a new epoch, and without lanes.
/// </summary>
internal sealed partial class OutboxLease(
    OutboxStore store, OutboxLeaseTimes times, string name, Func<OutboxFigures> figures, TimeProvider time, ILogger logger)
    : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private CancellationTokenSource _lost = new();
    private Task _renewing = Task.CompletedTask;
    private Guid _worker;
    private long _epoch;
    private long _endsAt;
    private int _workers = 1;
    private volatile bool _isDraining;

    /// <summary>Raised after each renewal and after the lease was lost.</summary>
    internal event Action? Changed;

    /// <summary>Gets the worker's id and its epoch, which is another one after each loss; epoch 0 if there is no lease.</summary>
    internal (Guid Worker, long Epoch) Current
    {
        get
        {
            lock (_lock)
            {
                return (_worker, IsHeld ? _epoch : 0);
            }
        }
    }

    /// <summary>Gets a token that is cancelled when the lease of an epoch ends.</summary>
    internal CancellationToken Lost
    {
        get
        {
            lock (_lock)
            {
                return _lost.Token;
            }
        }
    }

    /// <summary>Gets how long a lease lasts.</summary>
    internal TimeSpan Duration => times.Lease;

    /// <summary>Gets the number of workers that share the lanes.</summary>
    internal int Workers => Volatile.Read(ref _workers);

    /// <summary>Gets whether an attempt may start: the lease has not ended, and has a margin left.</summary>
    internal bool AllowsAttempts
    {
        get
        {
            lock (_lock)
            {
                return IsHeld && time.GetElapsedTime(time.GetTimestamp(), _endsAt) > times.Margin;
            }
        }
    }

    /// <summary>Gets whether the lease is held and no renewal is overdue.</summary>
    internal bool IsFresh
    {
        get
        {
            lock (_lock)
            {
                return IsHeld && time.GetElapsedTime(time.GetTimestamp(), _endsAt) > times.Lease - (2 * times.Renewal);
            }
        }
    }

    private bool IsHeld => _endsAt != 0 && time.GetTimestamp() < _endsAt;

    /// <summary>Joins and begins to renew.</summary>
    internal async Task StartAsync(CancellationToken cancellationToken)
    {
        await JoinAsync(cancellationToken).ConfigureAwait(false);
        _renewing = RenewAsync();
    }

    /// <summary>Says to the other workers that this one takes no lane any more.</summary>
    internal void Drain() => _isDraining = true;

    /// <summary>Gets whether the worker's row was removed at the end. If not, it counts as alive until its lease ends.</summary>
    internal bool HasLeft { get; private set; }

    /// <summary>Ends the renewals and removes the worker.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _renewing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        (Guid worker, long epoch) = Current;
        if (epoch != 0)
        {
            try
            {
                await store.LeaveAsync(worker, CancellationToken.None).ConfigureAwait(false);
                HasLeft = true;
            }
            catch (Exception fault)
            {
                LeaveFailed(logger, fault.Message);
            }
        }

        await store.EndRenewalsAsync().ConfigureAwait(false);
        Lose();
        _stop.Dispose();
        _lost.Dispose();
    }

    private async Task RenewAsync()
    {
        using PeriodicTimer timer = new(Tick(), time);
        long asked = time.GetTimestamp();
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                if (!await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false))
                {
                    // The finalizer of the timer ends the wait if worker and clock can no longer be reached.
                    return;
                }

                if (time.GetElapsedTime(asked) + (timer.Period / 2) < times.Renewal && !store.SeesDeadWorker())
                {
                    continue;
                }

                asked = time.GetTimestamp();
                await RenewOnceAsync(_stop.Token).ConfigureAwait(false);
                if (Tick() is var tick && tick != timer.Period)
                {
                    timer.Period = tick;
                }
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                RenewalFailed(logger, fault.Message);
                LoseIfEnded();
            }
        }
    }

    /// <summary>Returns how often to wake up: for renewals, and for the death of other workers if the store sees it.</summary>
    private TimeSpan Tick() => store.DeathWatch is { } watch && watch < times.Renewal ? watch : times.Renewal;

    private async Task RenewOnceAsync(CancellationToken cancellationToken)
    {
        LoseIfEnded();
        Guid worker;
        long epoch;
        (worker, epoch) = Current;
        if (epoch == 0)
        {
            if (!_isDraining)
            {
                await JoinAsync(cancellationToken).ConfigureAwait(false);
            }

            return;
        }

        // Measured from before the call: the database's lease can only end later than ours.
        long asked = time.GetTimestamp();
        TimeSpan left = time.GetElapsedTime(asked, Volatile.Read(ref _endsAt));
        using CancellationTokenSource ends = new(left > TimeSpan.Zero ? left : TimeSpan.FromMilliseconds(1), time);
        using CancellationTokenSource both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, ends.Token);
        (bool isAlive, int workers) = await store.RenewAsync(worker, times.Lease, _isDraining, figures(), both.Token).ConfigureAwait(false);
        if (!isAlive)
        {
            DeclaredDead(logger, worker);
            Lose();
            return;
        }

        lock (_lock)
        {
            // A lease that ended here while the answer was on its way is lost: the worker has forgotten its rows by then.
            if (_epoch == epoch && IsHeld)
            {
                _endsAt = End(asked);
            }
        }

        LoseIfEnded();

        Volatile.Write(ref _workers, Math.Max(1, workers));
        Changed?.Invoke();
    }

    private async Task JoinAsync(CancellationToken cancellationToken)
    {
        if (_worker != Guid.Empty)
        {
            // Its lanes are free at once instead of when its lease ends.
            await store.LeaveAsync(_worker, cancellationToken).ConfigureAwait(false);
            _worker = Guid.Empty;
        }

        Guid worker = Guid.NewGuid();
        long asked = time.GetTimestamp();
        await store.JoinAsync(worker, name, times.Lease, cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            _worker = worker;
            _epoch++;
            _endsAt = End(asked);
        }

        (bool isAlive, int workers) = await store.RenewAsync(worker, times.Lease, _isDraining, figures(), cancellationToken)
            .ConfigureAwait(false);
        Volatile.Write(ref _workers, Math.Max(1, workers));
        if (!isAlive)
        {
            Lose();
        }

        Changed?.Invoke();
    }

    private void LoseIfEnded()
    {
        bool hasEnded;
        lock (_lock)
        {
            hasEnded = _endsAt != 0 && !IsHeld;
        }

        if (hasEnded)
        {
            LeaseEnded(logger, _worker, times.Lease);
            Lose();
        }
    }

    private void Lose()
    {
        CancellationTokenSource lost;
        lock (_lock)
        {
            if (_endsAt == 0)
            {
                return;
            }

            _endsAt = 0;
            lost = _lost;
            _lost = new CancellationTokenSource();
        }

        lost.Cancel();
        lost.Dispose();
        Changed?.Invoke();
    }

    private long End(long asked) => Math.Max(1, asked + (long)(times.Lease.TotalSeconds * time.TimestampFrequency));

    [LoggerMessage(
        StorageEventIds.OutboxRenewalFailed, LogLevel.Warning,
        "The outbox worker could not renew its lease: {Fault}. It tries again until the lease ends, then stops sending and joins again. "
            + "Check the outbox's database.")]
    private static partial void RenewalFailed(ILogger logger, string fault);

    [LoggerMessage(
        StorageEventIds.OutboxLeaseEnded, LogLevel.Error,
        "The lease of outbox worker {Worker} ended because no renewal succeeded for {Lease}. Its attempts under way are cancelled, and "
            + "another worker takes its lanes: these webhooks may be sent twice with the same idempotency key. Check the outbox's "
            + "database.")]
    private static partial void LeaseEnded(ILogger logger, Guid worker, TimeSpan lease);

    [LoggerMessage(
        StorageEventIds.OutboxDeclaredDead, LogLevel.Error,
        "Outbox worker {Worker} was declared dead by another worker because its lease had ended. Its attempts under way are cancelled and "
            + "may be sent twice with the same idempotency key. The process joins again. Check whether it was paused or starved of "
            + "processor time.")]
    private static partial void DeclaredDead(ILogger logger, Guid worker);

    [LoggerMessage(
        StorageEventIds.OutboxLeaveFailed, LogLevel.Warning,
        "The outbox worker could not say that it leaves: {Fault}. Other workers take over when its lease ends.")]
    private static partial void LeaveFailed(ILogger logger, string fault);
}

/// <summary>The times of an <see cref="OutboxLease"/>.</summary>
/// <param name="Lease">How long a worker without a renewal counts as alive.</param>
/// <param name="Renewal">The time between renewals.</param>
/// <param name="Margin">An attempt starts only if the lease lasts longer than this.</param>
internal sealed record OutboxLeaseTimes(TimeSpan Lease, TimeSpan Renewal, TimeSpan Margin);
