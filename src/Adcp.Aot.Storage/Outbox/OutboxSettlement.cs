using System.Data.Common;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>
/// Commits changes of rows: one loop on one connection. A commit takes every change that was added while the one before it was under
/// way, so that commits are rare under load and immediate without it.
/// </summary>
internal sealed partial class OutboxSettlement : IAsyncDisposable
{
    /// <summary>
    /// The refusals of a single row by the database after which it is given up. A SQLSTATE that is not known may be of a fault that ends.
    /// </summary>
    private const int MaxRefused = 5;

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan IdleSleep = TimeSpan.FromHours(1);

    private readonly OutboxChangeQueue _changes = new();
    private readonly OutboxSettler _settler;
    private readonly OutboxLease _lease;
    private readonly OutboxSchedule _schedule;
    private readonly Action _settled;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly AsyncWake _wake;
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;
    private TaskCompletionSource? _drained;
    private int _unsettled;
    private int _unsettledAttempts;
    private long _fencedOff;

    internal OutboxSettlement(
        OutboxStore store, OutboxLease lease, OutboxSchedule schedule, Action settled, TimeProvider time, ILogger logger)
    {
        _settler = store.OpenSettler();
        _lease = lease;
        _schedule = schedule;
        _settled = settled;
        _time = time;
        _logger = logger;
        _wake = new AsyncWake(time);
    }

    /// <summary>Gets the number of changes that are not committed.</summary>
    internal int Unsettled => Volatile.Read(ref _unsettled);

    /// <summary>Gets the number of changes that end an attempt and are not committed. A crash would repeat these attempts.</summary>
    internal int UnsettledAttempts => Volatile.Read(ref _unsettledAttempts);

    /// <inheritdoc cref="OutboxChangeQueue.HasRoomForMoves"/>
    internal bool HasRoomForMoves => _changes.HasRoomForMoves;

    /// <summary>Gets the number of results of attempts that were not committed because the lane was lost.</summary>
    internal long FencedOff => Volatile.Read(ref _fencedOff);

    /// <summary>Begins the loop.</summary>
    internal void Start() => _running = RunAsync();

    /// <summary>Counts a change that ends an attempt. <see cref="Add"/> follows.</summary>
    internal void EndAttempt(OutboxChange change)
    {
        change.EndsAttempt = true;
        Interlocked.Increment(ref _unsettledAttempts);
    }

    /// <summary>Adds a change of a row that is held.</summary>
    internal void Add(OutboxChange change)
    {
        Interlocked.Increment(ref _unsettled);
        _changes.Add(change);
        _wake.Set();
    }

    /// <summary>Completes when no change is left.</summary>
    internal async Task DrainAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref _drained, drained);
        Interlocked.MemoryBarrier();
        if (Unsettled == 0)
        {
            return;
        }

        await drained.Task.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _settler.DisposeAsync().ConfigureAwait(false);
        await _wake.DisposeAsync().ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        List<OutboxChange> batch = [];
        while (!_stop.IsCancellationRequested)
        {
            _changes.Take(batch);
            if (batch.Count == 0)
            {
                await _wake.WaitAsync(IdleSleep, _stop.Token).ConfigureAwait(false);
                continue;
            }

            try
            {
                await SettleAsync(batch, _stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                // A fault of this class must not end the loop, on which all deliveries depend.
                SettleFailed(_logger, batch.Count, fault.Message);
            }

            batch.Clear();
        }
    }

    /// <summary>
    /// Commits a batch, and tries until it is committed or the lease is lost. A single row that takes too long is committed later.
    /// </summary>
    private async ValueTask SettleAsync(IReadOnlyList<OutboxChange> batch, CancellationToken cancellationToken)
    {
        TimeSpan delay = FirstDelay;
        int refused = 0;
        while (true)
        {
            (Guid worker, long epoch) = _lease.Current;
            OutboxChange[] mine = [.. batch.Where(change => change.Row.Epoch == epoch)];
            if (mine.Length < batch.Count)
            {
                GiveUp(batch.Where(change => change.Row.Epoch != epoch));
            }

            if (mine.Length == 0)
            {
                return;
            }

            foreach (OutboxChange change in mine)
            {
                change.SinceAttempt = change.AttemptedAt is { } begun ? _time.GetElapsedTime(begun) : TimeSpan.Zero;
            }

            Exception fault;
            try
            {
                await _settler.SettleAsync(worker, mine, cancellationToken).ConfigureAwait(false);
                Settled(mine);
                return;
            }
            catch (Exception caught) when (caught is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
            {
                fault = caught;
            }

            SqlFault cause = CauseOf(fault);
            if (cause == SqlFault.Row && mine.Length == 1 && ++refused == MaxRefused)
            {
                RowUnsettled(_logger, mine[0].Row.Id, fault.Message);
                Forget(mine[0]);
                _settled();
                return;
            }

            if (cause != SqlFault.Row)
            {
                // Only of a row that was refused is it known that nothing was committed.
                Array.ForEach(mine, static change => change.MayBeApplied = true);
            }

            if (cause is SqlFault.Row or SqlFault.Slow && mine.Length > 1)
            {
                // One row that the database refuses, or that is locked, must not keep the others from being settled.
                await SettleAsync(mine[..(mine.Length / 2)], cancellationToken).ConfigureAwait(false);
                await SettleAsync(mine[(mine.Length / 2)..], cancellationToken).ConfigureAwait(false);
                return;
            }

            batch = mine;
            SettleFailed(_logger, mine.Length, fault.Message);
            await Task.Delay(delay, _time, cancellationToken).ConfigureAwait(false);
            if (cause == SqlFault.Slow)
            {
                _changes.Add(mine[0]);
                return;
            }

            delay = delay * 2 < MaxDelay ? delay * 2 : MaxDelay;
        }
    }

    /// <summary>
    /// Returns the cause of a fault. A pooler may report the loss of its server as a violation of the protocol (class 08), a demoted server
    /// refuses every transaction, and a time-out of the driver is one of opening: the server ends the statements of a settlement before.
    /// </summary>
    private static SqlFault CauseOf(Exception fault) =>
        fault is DbException { InnerException: not TimeoutException, SqlState: not ['0', '8', ..] } && !SqlFaults.IsDemoted(fault)
            ? SqlFaults.Of(fault, isOpen: true)
            : SqlFault.Unavailable;

    private void Settled(OutboxChange[] changes)
    {
        int lost = 0;
        foreach (OutboxChange change in changes)
        {
            if (change.IsApplied || change.MayBeApplied)
            {
                change.IsApplied = true;
                if (change.Marked is null)
                {
                    OutboxTelemetry.Settled(change);
                    _schedule.Settled(change);
                }

                Finish(change);
            }
            else
            {
                lost += Lose(change);
            }
        }

        CountLost(lost);
        _settled();
    }

    private void GiveUp(IEnumerable<OutboxChange> changes)
    {
        CountLost(changes.Sum(Lose));
        _settled();
    }

    /// <summary>
    /// Forgets a change of a lost lane. Returns the number of results that are lost with it: 0 if no attempt led to the change.
    /// </summary>
    private int Lose(OutboxChange change)
    {
        Forget(change);
        return change.EndsAttempt ? 1 : 0;
    }

    private void CountLost(int lost)
    {
        if (lost > 0)
        {
            Interlocked.Add(ref _fencedOff, lost);
            ResultsFencedOff(_logger, lost);
        }
    }

    private void Forget(OutboxChange change)
    {
        // A row on trial stays held by its attempt, which then is not made.
        change.IsApplied = false;
        if (change.Marked is null)
        {
            _schedule.Forget(change.Row);
        }

        Finish(change);
    }

    private void Finish(OutboxChange change)
    {
        if (change.EndsAttempt)
        {
            Interlocked.Decrement(ref _unsettledAttempts);
        }

        change.Marked?.TrySetResult(change.IsApplied);
        if (Interlocked.Decrement(ref _unsettled) == 0)
        {
            Volatile.Read(ref _drained)?.TrySetResult();
        }
    }

    [LoggerMessage(
        StorageEventIds.OutboxSettleFailed, LogLevel.Warning,
        "{Count} results of the outbox could not be committed: {Fault}. They are committed again; nothing is sent twice unless the process "
            + "ends. Check the outbox's database.")]
    private static partial void SettleFailed(ILogger logger, int count, string fault);

    [LoggerMessage(
        StorageEventIds.OutboxRowUnsettled, LogLevel.Error,
        "Row {Id} of the outbox cannot be settled: {Fault}. It is left as it is, and is delivered again after a restart.")]
    private static partial void RowUnsettled(ILogger logger, long id, string fault);

    [LoggerMessage(
        StorageEventIds.OutboxFencedOff, LogLevel.Warning,
        "{Count} results of the outbox were fenced off: the worker does not own their lanes any more, so that these webhooks may be sent "
            + "twice with the same idempotency key. See the line before that says why the lease ended.")]
    private static partial void ResultsFencedOff(ILogger logger, int count);
}
