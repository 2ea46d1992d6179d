using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>
/// Writes for all callers of a process in one transaction at a time: work that waits while a commit is under way goes into the next one.
/// A thread of its own, because SQLite blocks. Started with the first work; <see cref="DisposeAsync"/> lets it finish. Thread-safe.
/// </summary>
/// <remarks>
/// A transaction takes work until it holds enough rows or bytes, or 2 ms have passed, so that other processes get their turn. If it fails,
/// each piece of work runs again in a transaction of its own, and only those that fail alone get an exception.
/// </remarks>
internal sealed class SqliteOutboxWriter(StoreDatabase database, Func<SqliteOutboxSession> open) : IAsyncDisposable
{
    private const int MaxRows = 2000;
    private const long MaxBytes = 1 << 20;
    private const int CheckpointBytes = 4 << 20;

    /// <summary>An estimate of the pages of table and index that a commit writes beside its rows.</summary>
    private const int CommitBytes = 16 << 10;
    private const int RowBytes = 128;

    private static readonly TimeSpan BatchTime = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan TurnPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan IdleBeforeCheckpoint = TimeSpan.FromMilliseconds(50);

    private readonly object _gate = new();
    private readonly Queue<SqliteOutboxWork> _queue = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly List<SqliteOutboxWork> _taken = [];
    private SqliteOutboxSession? _session;
    private long _toCheckpoint;
    private bool _isStarted;
    private bool _isStopping;

    /// <summary>Gets how long a transaction is tried for if another process or connection holds SQLite's lock.</summary>
    internal static TimeSpan BusyPatience { get; } = TimeSpan.FromSeconds(30);

    /// <summary>Gets the number of transactions that were committed.</summary>
    internal long Commits { get; private set; }

    /// <summary>Runs work in the next transaction and returns its result after the commit.</summary>
    /// <exception cref="ObjectDisposedException">The store was disposed.</exception>
    /// <exception cref="DbException">The database refused the work or is gone.</exception>
    internal ValueTask<T> RunAsync<T>(Func<SqliteOutboxSession, T> run, int rows, long bytes, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<T>(cancellationToken);
        }

        SqliteOutboxWork<T> work = new(run) { Rows = rows, Bytes = bytes, Since = database.Time.GetTimestamp() };
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isStopping, typeof(SqliteOutboxStore));
            _queue.Enqueue(work);
            if (_queue.Count == 1)
            {
                Monitor.Pulse(_gate);
            }

            if (!_isStarted)
            {
                _isStarted = true;
                new Thread(Run) { IsBackground = true, Name = "Adcp outbox writer" }.UnsafeStart();
            }
        }

        return work.WaitAsync(cancellationToken);
    }

    /// <summary>
    /// Waits until no transaction of this process is under way that the writer knows. Transactions that ask for their turn alternate
    /// with the writer's, and need not poll for SQLite's lock.
    /// </summary>
    /// <returns>Ends the turn.</returns>
    internal async ValueTask<Action> TurnAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        return () => _turn.Release();
    }

    /// <summary>Finishes the work that waits.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _isStopping = true;
            Monitor.Pulse(_gate);
            if (!_isStarted)
            {
                _isStarted = true;
                _ended.SetResult();
            }
        }

        await _ended.Task.ConfigureAwait(false);
    }

    private void Run()
    {
        try
        {
            while (WaitForWork())
            {
                // A holder of the turn that waits for this writer would wait for ever: after a while SQLite's lock decides.
                bool hasTurn = _turn.Wait(TurnPatience);
                try
                {
                    Write();
                }
                finally
                {
                    if (hasTurn)
                    {
                        _turn.Release();
                    }
                }
            }

            Checkpoint();
        }
        finally
        {
            Drop();
            _ended.TrySetResult();
        }
    }

    /// <summary>Waits for work, and moves the log into the file when nothing has been written for a while.</summary>
    /// <returns>False at the end.</returns>
    private bool WaitForWork()
    {
        while (true)
        {
            lock (_gate)
            {
                bool isIdle = false;
                while (_queue.Count == 0 && !isIdle)
                {
                    if (_isStopping)
                    {
                        return false;
                    }

                    isIdle = !Monitor.Wait(_gate, _toCheckpoint == 0 ? Timeout.InfiniteTimeSpan : IdleBeforeCheckpoint);
                }

                if (_queue.Count > 0 && _toCheckpoint < CheckpointBytes)
                {
                    return true;
                }
            }

            Checkpoint();
        }
    }

    private void Write()
    {
        long begun = database.Time.GetTimestamp();
        try
        {
            Begin(begun);
        }
        catch (Exception fault)
        {
            Drop();
            FailWaiting(begun, fault);
            return;
        }

        Exception? refusal = null;
        bool isCommitting = false;
        try
        {
            begun = database.Time.GetTimestamp();
            for (int rows = 0, bytes = 0; Take(begun, ref rows, ref bytes) is { } work;)
            {
                _taken.Add(work);
                work.Run(_session!);
            }

            isCommitting = true;
            Commit();
        }
        catch (Exception fault)
        {
            refusal = fault;
            RollBack(fault);
        }

        // SQLite says whether it has committed. A driver that fails otherwise does not: nothing is done twice.
        Answer(refusal, mayRepeat: !isCommitting || refusal is DbException);
        _taken.Clear();
    }

    private void Answer(Exception? refusal, bool mayRepeat)
    {
        foreach (SqliteOutboxWork work in _taken)
        {
            if (refusal is null)
            {
                work.Complete();
            }
            else if (_taken.Count == 1 || !mayRepeat)
            {
                work.Fail(refusal);
            }
            else
            {
                WriteAlone(work);
            }
        }
    }

    private void WriteAlone(SqliteOutboxWork work)
    {
        try
        {
            Begin(database.Time.GetTimestamp());
            work.Run(_session!);
            Commit();
        }
        catch (Exception fault)
        {
            RollBack(fault);
            work.Fail(fault);
            return;
        }

        work.Complete();
    }

    /// <summary>Begins a transaction. SQLite waits for its lock on this thread; after a while the fault is thrown.</summary>
    private void Begin(long since)
    {
        while (true)
        {
            _session ??= open();
            try
            {
                _session.Begin();
                return;
            }
            catch (DbException fault) when (SqlFaults.IsBusy(fault) && database.Time.GetElapsedTime(since) < BusyPatience)
            {
                Thread.Yield();
            }
        }
    }

    private SqliteOutboxWork? Take(long begun, ref int rows, ref int bytes)
    {
        if (rows > 0 && database.Time.GetElapsedTime(begun) >= BatchTime)
        {
            return null;
        }

        lock (_gate)
        {
            while (_queue.TryPeek(out SqliteOutboxWork? work)
                && (rows == 0 || (rows + work.Rows <= MaxRows && bytes + work.Bytes <= MaxBytes)))
            {
                _queue.Dequeue();
                if (work.TryTake())
                {
                    rows += Math.Max(1, work.Rows);
                    bytes = (int)Math.Min(int.MaxValue, bytes + work.Bytes);
                    return work;
                }
            }
        }

        return null;
    }

    private void Commit()
    {
        _session!.Commit();
        Commits++;
        _toCheckpoint += CommitBytes;
        foreach (SqliteOutboxWork work in _taken)
        {
            _toCheckpoint += work.Bytes + (work.Rows * RowBytes);
        }
    }

    private void RollBack(Exception fault)
    {
        try
        {
            _session?.RollBack();
        }
        catch (Exception again) when (again is DbException or InvalidOperationException)
        {
            // The connection is gone, and the transaction with it.
        }

        if (_session is not null && SqlFaults.Of(fault, _session.Connection) != SqlFault.Row)
        {
            Drop();
        }
    }

    private void FailWaiting(long since, Exception fault)
    {
        while (true)
        {
            SqliteOutboxWork? work;
            lock (_gate)
            {
                if (!_queue.TryPeek(out work) || work.Since > since)
                {
                    return;
                }

                _queue.Dequeue();
            }

            if (work.TryTake())
            {
                work.Fail(fault);
            }
        }
    }

    /// <summary>
    /// Moves pages that no reader needs from the log into the file, so that the commits of callers need not. Readers and writers
    /// continue.
    /// </summary>
    private void Checkpoint()
    {
        if (_toCheckpoint == 0)
        {
            return;
        }

        _toCheckpoint = 0;
        try
        {
            _session?.Execute(SqliteOutboxStatements.Checkpoint);
        }
        catch (Exception fault) when (fault is DbException or InvalidOperationException or IOException)
        {
            // Nothing depends on it: the next transaction begins on a new connection and says what is wrong.
            Drop();
        }
    }

    private void Drop()
    {
        if (_session is not null)
        {
            SqliteOutboxDatabase.CloseWriter(_session);
            _session = null;
        }
    }
}
