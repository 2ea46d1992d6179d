using System.Data;
using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>
/// Writes batches of rows to a table such that every row is accounted for. A row that the table refuses fails alone. While the database is away, a call waits for it until its token is
/// cancelled. A row is never written twice: where a connection broke during a commit, the database is asked before anything is tried again.
/// </summary>
/// <remarks>
/// <para>
/// A batch goes out in units that commit as a whole. A unit that fails because of a row is halved until the row stands alone; one that is known not to be committed is tried again; one
/// in doubt is first looked for by the identity of its first row. What is still in doubt when a call ends is remembered and settled by the next call that has a connection.
/// </para>
/// <para>
/// Safe for concurrent calls. One connection is kept open between calls; calls at the same time open others, except on SQLite, where they take turns: its writers would only
/// block each other.
/// </para>
/// <para>
/// Settling assumes that a server whose connection broke is no longer working on the statement when it is asked. A table whose engine cannot roll back (MyISAM) breaks the promise that a unit is
/// there as a whole or not at all.
/// </para>
/// </remarks>
/// <typeparam name="TRow">What a row is made of.</typeparam>
public sealed class SqlBatchWriter<TRow> : IAsyncDisposable
    where TRow : class
{
    private const int MaxDoubts = 1024;

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(1);

    /// <summary>How long a call waits for the database whose token cannot be cancelled.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly DbDataSource _source;
    private readonly SqlDialect _dialect;
    private readonly SqlTable<TRow> _table;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim? _turn;
    private readonly Lock _doubtsLock = new();
    private readonly List<Doubt> _doubts = [];
    private SqlSession<TRow>? _idle;
    private bool _disposed;
    private long _recorded;
    private long _rejected;
    private long _failed;
    private long _inDoubt;

    /// <summary>Creates a writer. Nothing is opened before the first batch.</summary>
    /// <param name="source">Where connections come from; it stays the caller's.</param>
    /// <param name="dialect">What they speak.</param>
    /// <param name="table">The table.</param>
    /// <param name="time">The clock of waiting; null for the system's.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="dialect"/> is not one that a connection speaks.</exception>
    public SqlBatchWriter(DbDataSource source, SqlDialect dialect, SqlTable<TRow> table, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(table);
        _source = source;
        _dialect = SqlDialects.Concrete(dialect, nameof(dialect));
        _table = table;
        _time = time ?? TimeProvider.System;
        _turn = dialect == SqlDialect.Sqlite ? new SemaphoreSlim(1, 1) : null;
    }

    /// <summary>What became of the rows so far.</summary>
    public SqlBatchCounts Counts =>
        new(Volatile.Read(ref _recorded), Volatile.Read(ref _rejected), Volatile.Read(ref _failed), Volatile.Read(ref _inDoubt));

    /// <summary>Writes rows. They are the writer's until the task ends.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="cancellationToken">Ends the waiting for a database that is away.</param>
    /// <exception cref="OperationCanceledException">Cancelled before every row was settled; what the database said last is inside.</exception>
    /// <exception cref="DbException">The table is unusable.</exception>
    /// <exception cref="ObjectDisposedException">The writer is disposed.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<TRow> rows, CancellationToken cancellationToken)
    {
        if (rows.IsEmpty)
        {
            return;
        }

        Progress progress = new(rows);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_turn is null)
            {
                await WriteAsync(progress, cancellationToken).ConfigureAwait(false);
                return;
            }

            await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                await WriteAsync(progress, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                _turn.Release();
            }
        }
        finally
        {
            Settle(progress);
        }
    }

    /// <summary>Closes the connection that was kept. Calls still running end by themselves.</summary>
    public async ValueTask DisposeAsync()
    {
        _disposed = true;
        if (Interlocked.Exchange(ref _idle, null) is { } session)
        {
            await session.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task WriteAsync(Progress progress, CancellationToken cancellationToken)
    {
        TimeSpan delay = FirstDelay;
        long started = _time.GetTimestamp();
        while (true)
        {
            SqlSession<TRow>? session = null;
            Exception fault;
            try
            {
                session = await RentAsync(cancellationToken).ConfigureAwait(false);
                await SettleDoubtsAsync(session, progress, cancellationToken).ConfigureAwait(false);
                while (progress.Units.TryPeek(out (int Start, int Count) unit))
                {
                    int most = session.MaxRows(copy: !progress.Isolating);
                    if (unit.Count > most)
                    {
                        progress.Split(most);
                        continue;
                    }

                    await InsertAsync(session, progress, unit, cancellationToken).ConfigureAwait(false);
                    delay = FirstDelay;
                }

                await ReturnAsync(session).ConfigureAwait(false);
                return;
            }
            catch (Exception caught)
            {
                fault = caught;
            }

            bool permanent = session is null
                ? fault is not DbException and not IOException and not TimeoutException || IsRefusal(fault)
                : SqlFaults.Of(fault, session.Connection) == SqlFault.Permanent;
            bool rowsOnly = session is not null && SqlFaults.Of(fault, session.Connection) == SqlFault.Row;
            if (session is not null)
            {
                await session.DisposeAsync().ConfigureAwait(false);
            }

            if (rowsOnly)
            {
                // Dealt with; only the connection is worn out.
                continue;
            }

            if (cancellationToken.IsCancellationRequested)
            {
                throw fault as OperationCanceledException ?? new OperationCanceledException("Cancelled while the database was away.", fault, cancellationToken);
            }

            if (permanent || (!cancellationToken.CanBeCanceled && _time.GetElapsedTime(started) > Patience))
            {
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(fault);
            }

            await Task.Delay(delay, _time, cancellationToken).ConfigureAwait(false);
            delay = delay * 2 > MaxDelay ? MaxDelay : delay * 2;
        }
    }

    /// <summary>Inserts the unit on top, and takes it off where its rows are settled.</summary>
    private async Task InsertAsync(SqlSession<TRow> session, Progress progress, (int Start, int Count) unit, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<TRow> rows = progress.Rows.Slice(unit.Start, unit.Count);
        progress.Rejected.Clear();
        try
        {
            await session.InsertAsync(rows, copy: !progress.Isolating, progress.Rejected, cancellationToken).ConfigureAwait(false);
            progress.Units.Pop();
            Interlocked.Add(ref _recorded, unit.Count - progress.Rejected.Count);
            Interlocked.Add(ref _rejected, progress.Rejected.Count);
            progress.Rejected.ForEach(Tell);
        }
        catch (Exception fault)
        {
            switch (SqlFaults.Of(fault, session.Connection))
            {
                case SqlFault.Row when unit.Count == 1:
                    progress.Units.Pop();
                    Interlocked.Increment(ref _rejected);
                    Tell((rows.Span[0], fault));
                    break;
                case SqlFault.Row:
                    progress.Split(unit.Count / 2);
                    break;
                case SqlFault.InDoubt when _dialect != SqlDialect.Sqlite:
                    progress.Units.Pop();
                    progress.Doubts.Add((unit.Start, unit.Count));
                    throw;
                default:
                    throw;
            }

            // The row is dealt with, or will be: single statements find it. A connection that broke over it, or was in the middle of a bulk copy, is not fit for the next.
            bool copied = session.CanCopy && !progress.Isolating;
            progress.Isolating = true;
            if (copied || session.Connection.State != ConnectionState.Open)
            {
                throw;
            }
        }
    }

    private void Tell((TRow Row, Exception Reason) rejected)
    {
        try
        {
            _table.Rejected(rejected.Row, rejected.Reason is SqlRowException { InnerException: { } inner } ? inner : rejected.Reason);
        }
        catch (Exception)
        {
            // The row is counted; what its owner made of the news must not take the rest of the batch down.
        }
    }

    /// <summary>Asks for the units whose commit was lost sight of: this call's, then those of calls that have ended.</summary>
    private async Task SettleDoubtsAsync(SqlSession<TRow> session, Progress progress, CancellationToken cancellationToken)
    {
        if (_table.CountSame is null)
        {
            return;
        }

        while (progress.Doubts is [.., (int start, int count)])
        {
            bool committed = IdentityOf(progress.Rows.Span[start]) is { } identity
                && await session.ContainsAsync(identity, cancellationToken).ConfigureAwait(false);
            progress.Doubts.RemoveAt(progress.Doubts.Count - 1);
            if (committed)
            {
                Interlocked.Add(ref _recorded, count);
            }
            else
            {
                progress.Units.Push((start, count));
            }
        }

        while (Volatile.Read(ref _inDoubt) > 0 && TakeDoubt() is { } doubt)
        {
            bool committed;
            try
            {
                committed = await session.ContainsAsync(doubt.Identity, cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                Remember(doubt);
                throw;
            }

            Interlocked.Add(ref committed ? ref _recorded : ref _failed, doubt.Count);
            Interlocked.Add(ref _inDoubt, -doubt.Count);
        }
    }

    private Doubt? TakeDoubt()
    {
        lock (_doubtsLock)
        {
            if (_doubts is [.., Doubt last])
            {
                _doubts.RemoveAt(_doubts.Count - 1);
                return last;
            }

            return null;
        }
    }

    /// <summary>Counts what a call that ends leaves behind.</summary>
    private void Settle(Progress progress)
    {
        foreach ((int _, int count) in progress.Units)
        {
            Interlocked.Add(ref _failed, count);
        }

        foreach ((int start, int count) in progress.Doubts)
        {
            if (_table.CountSame is null)
            {
                Interlocked.Add(ref _inDoubt, count);
            }
            else if (IdentityOf(progress.Rows.Span[start]) is { } identity)
            {
                Interlocked.Add(ref _inDoubt, count);
                Remember(new Doubt(identity, count));
            }
            else
            {
                Interlocked.Add(ref _failed, count);
            }
        }
    }

    private void Remember(Doubt doubt)
    {
        lock (_doubtsLock)
        {
            // Bounded: beyond it rows stay in doubt, and are counted as that.
            if (_doubts.Count < MaxDoubts)
            {
                _doubts.Add(doubt);
            }
        }
    }

    /// <summary>Null where a value of the row cannot be computed: its unit cannot have been committed.</summary>
    private object?[]? IdentityOf(TRow row)
    {
        try
        {
            return _table.Identity(row);
        }
        catch (SqlRowException)
        {
            return null;
        }
    }

    private async ValueTask<SqlSession<TRow>> RentAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _idle, null) is { } idle)
        {
            return idle;
        }

        DbConnection connection = await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        return new SqlSession<TRow>(connection, _table, _dialect);
    }

    private async ValueTask ReturnAsync(SqlSession<TRow> session)
    {
        if (_disposed || Interlocked.CompareExchange(ref _idle, session, null) is not null)
        {
            await session.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>True where a server answered and wants no connection of this kind: wrong password, no such database.</summary>
    private static bool IsRefusal(Exception fault) => fault is DbException { SqlState: ['2', '8', ..] or ['3', 'D', ..] or ['4', '2', ..] };

    /// <summary>What a call has still to do. Units are a stack: the next is the one that starts first.</summary>
    private sealed class Progress
    {
        internal Progress(ReadOnlyMemory<TRow> rows)
        {
            Rows = rows;
            Units.Push((0, rows.Length));
        }

        internal ReadOnlyMemory<TRow> Rows { get; }

        internal Stack<(int Start, int Count)> Units { get; } = new();

        internal List<(int Start, int Count)> Doubts { get; } = [];

        internal List<(TRow Row, Exception Reason)> Rejected { get; } = [];

        /// <summary>True once a row was at fault: from then on statements, whose failures leave a connection as it was.</summary>
        internal bool Isolating { get; set; }

        /// <summary>The top unit becomes two, the first of so many rows.</summary>
        internal void Split(int count)
        {
            (int start, int total) = Units.Pop();
            Units.Push((start + count, total - count));
            Units.Push((start, count));
        }
    }

    private sealed record Doubt(object?[] Identity, int Count);
}
