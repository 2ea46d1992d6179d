using System.Data;
using System.Data.Common;
using System.Transactions;

namespace Adcp.Aot.Storage;

/// <summary>
/// Writes batches of rows to a table and accounts for every row. A row that the table refuses fails alone. If the
/// database is away, a call waits for it until its token is cancelled. A row is never written twice: if a connection
/// broke during a commit, the writer asks the database before it tries again.
/// </summary>
/// <remarks>
/// <para>
/// A batch is written in units that commit as a whole. If the database refuses a unit for a reason that is not known to
/// be the table's or the server's, the unit is halved until a row stands alone, and that row is rejected. A unit that
/// was stopped or is too large is halved too. If a unit was not committed because the server cannot serve, it is tried
/// again on another connection. A unit in doubt is first looked for by the identity of its first row. If doubts are
/// left when a call ends, the next call that has a connection settles them.
/// </para>
/// <para>
/// Safe for concurrent calls. Rows never join an ambient transaction of the caller. One connection is kept open between
/// calls. Calls at the same time open others, except on SQLite, whose writers would only block each other: there they
/// take turns.
/// </para>
/// <para>
/// Settling assumes that a server whose connection broke is no longer working on the statement when it is asked. If a
/// table's engine cannot roll back (MyISAM), a unit may be committed in part.
/// </para>
/// </remarks>
/// <typeparam name="TRow">The type of a row.</typeparam>
public sealed class SqlBatchWriter<TRow> : IAsyncDisposable
    where TRow : class
{
    /// <summary>The number of failures of a single row, each on a new connection, after which it is rejected.</summary>
    private const int MaxFailuresAlone = 3;

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(1);

    /// <summary>The time that a call waits for the database if its token cannot be cancelled.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly DbDataSource _source;
    private readonly SqlDialect _dialect;
    private readonly SqlTable<TRow> _table;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim? _turn;
    private readonly SqlDoubts _doubts = new();
    private SqlSession<TRow>? _idle;
    private volatile bool _disposed;
    private volatile bool _textsChecked;
    private long _recorded;
    private long _rejected;
    private long _failed;
    private long _inDoubt;

    /// <summary>Creates a writer. Nothing is opened before the first batch.</summary>
    /// <param name="source">Opens connections. The caller disposes it.</param>
    /// <param name="dialect">The SQL that they speak.</param>
    /// <param name="table">The table.</param>
    /// <param name="time">The clock of waiting; null for the system's.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="dialect"/> is not one of the three.</exception>
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

    /// <summary>Counts the rows so far by result.</summary>
    public SqlBatchCounts Counts =>
        new(Volatile.Read(ref _recorded), Volatile.Read(ref _rejected), Volatile.Read(ref _failed), Volatile.Read(ref _inDoubt));

    /// <summary>Writes rows. Do not change them until the task ends.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="cancellationToken">Ends the waiting for a database that is away.</param>
    /// <exception cref="OperationCanceledException">
    /// Cancelled before every row was settled. The inner exception is the database's last one.
    /// </exception>
    /// <exception cref="DbException">The table is unusable.</exception>
    /// <exception cref="ObjectDisposedException">The writer is disposed.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<TRow> rows, CancellationToken cancellationToken)
    {
        if (rows.IsEmpty)
        {
            return;
        }

        SqlBatchProgress<TRow> progress = new(rows);
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

    /// <summary>Closes the connection that was kept. Calls under way end by themselves.</summary>
    public async ValueTask DisposeAsync()
    {
        _disposed = true;
        if (Interlocked.Exchange(ref _idle, null) is { } session)
        {
            await session.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task WriteAsync(SqlBatchProgress<TRow> progress, CancellationToken cancellationToken)
    {
        TimeSpan delay = FirstDelay;
        long started = _time.GetTimestamp();
        while (true)
        {
            SqlSession<TRow>? session = null;
            Exception fault;
            progress.IsDealtWith = false;
            try
            {
                session = await RentAsync(cancellationToken).ConfigureAwait(false);
                await SettleDoubtsAsync(session, progress, cancellationToken).ConfigureAwait(false);
                while (progress.TryPeek(out SqlBatchUnit unit))
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

            SqlFault kind = session is null ? SqlFaults.OfOpening(fault) : SqlFaults.Of(fault, session.Connection);
            if (session is not null)
            {
                await session.EndAsync(isReadOnly: SqlFaults.IsReadOnly(fault)).ConfigureAwait(false);
            }

            if (progress.IsDealtWith)
            {
                continue;
            }

            if (cancellationToken.IsCancellationRequested)
            {
                throw fault as OperationCanceledException ?? Cancelled(fault, cancellationToken);
            }

            if (kind == SqlFault.Permanent || (!cancellationToken.CanBeCanceled && _time.GetElapsedTime(started) > Patience))
            {
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(fault);
            }

            try
            {
                await Task.Delay(delay, _time, cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                throw Cancelled(fault, cancellationToken);
            }

            delay = delay * 2 > MaxDelay ? MaxDelay : delay * 2;
        }
    }

    private static OperationCanceledException Cancelled(Exception fault, CancellationToken cancellationToken) =>
        new("Cancelled while the database was away.", fault, cancellationToken);

    /// <summary>Inserts the next unit, and takes it off if its rows are settled.</summary>
    private async Task InsertAsync(
        SqlSession<TRow> session, SqlBatchProgress<TRow> progress, SqlBatchUnit unit, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<TRow> rows = progress.Rows.Slice(unit.Start, unit.Count);
        progress.Rejected.Clear();
        try
        {
            await session.InsertAsync(rows, copy: !progress.Isolating, progress.Rejected, cancellationToken).ConfigureAwait(false);
            progress.Pop();
            Interlocked.Add(ref _recorded, unit.Count - progress.Rejected.Count);
            Interlocked.Add(ref _rejected, progress.Rejected.Count);
            progress.Rejected.ForEach(Tell);
        }
        catch (Exception fault)
        {
            SqlFault kind = SqlFaults.Of(fault, session.Connection);

            // SQLite has rolled back. A log that cannot identify a row cannot ask for it.
            kind = kind == SqlFault.Unknown && (_dialect == SqlDialect.Sqlite || _table.CountSame is null) ? SqlFault.Row : kind;
            bool copied = session.CanCopy && !progress.Isolating;
            switch (kind)
            {
                case SqlFault.Row or SqlFault.Slow when unit.Count > 1:
                    progress.Split(unit.Count / 2);
                    break;
                case SqlFault.Row when copied:
                    // A row alone that the bulk protocol refuses: a statement may still take it.
                    break;
                case SqlFault.Row:
                    progress.Pop();
                    Reject(rows.Span[0], fault);
                    break;
                case SqlFault.Slow:
                    progress.Pop();
                    PutBack(progress, unit with { Failures = unit.Failures + 1 }, fault, byRow: false);
                    throw;
                case SqlFault.InDoubt or SqlFault.Unknown when _dialect != SqlDialect.Sqlite:
                    progress.Pop();
                    progress.Doubts.Add((unit with { Failures = unit.Failures + 1 }, fault, ByRow: kind == SqlFault.Unknown));

                    // The connection was lost a second time, although it was opened after the first loss. So the
                    // database is there, and the rows are suspect.
                    progress.IsDealtWith = kind == SqlFault.Unknown || unit.Failures > 0;
                    throw;
                default:
                    throw;
            }

            // Single statements have dealt with the row or will do so. A connection that broke, or that was in a bulk
            // copy, is not used again.
            progress.Isolating = true;
            if (copied || session.Connection.State != ConnectionState.Open)
            {
                progress.IsDealtWith = true;
                throw;
            }
        }
    }

    /// <summary>
    /// Puts back a unit that is not committed. A single row is rejected if it is at fault: at once, or if it lost its
    /// connection or was stopped several times while the database accepted connections.
    /// </summary>
    private void PutBack(SqlBatchProgress<TRow> progress, SqlBatchUnit unit, Exception fault, bool byRow)
    {
        if (unit.Count == 1 && (byRow || unit.Failures >= MaxFailuresAlone))
        {
            Reject(progress.Rows.Span[unit.Start], fault);
            return;
        }

        progress.PutBack(byRow ? unit with { Failures = 2 } : unit);
    }

    private void Reject(TRow row, Exception reason)
    {
        Interlocked.Increment(ref _rejected);
        Tell((row, reason));
    }

    private void Tell((TRow Row, Exception Reason) rejected)
    {
        try
        {
            _table.Rejected(rejected.Row, rejected.Reason is SqlRowException { InnerException: { } inner } ? inner : rejected.Reason);
        }
        catch (Exception)
        {
            // The row is counted. If its owner's callback throws, the rest of the batch must still be written.
        }
    }

    /// <summary>
    /// Asks for the units whose commit is in doubt: first this call's, then those of calls that have ended.
    /// </summary>
    private async Task SettleDoubtsAsync(SqlSession<TRow> session, SqlBatchProgress<TRow> progress, CancellationToken cancellationToken)
    {
        if (_table.CountSame is null)
        {
            return;
        }

        while (progress.Doubts is [.., (SqlBatchUnit unit, Exception fault, bool byRow)])
        {
            bool committed = IdentityOf(progress.Rows.Span[unit.Start]) is { } identity
                && await session.ContainsAsync(identity, cancellationToken).ConfigureAwait(false);
            progress.Doubts.RemoveAt(progress.Doubts.Count - 1);
            if (committed)
            {
                Interlocked.Add(ref _recorded, unit.Count);
            }
            else
            {
                PutBack(progress, unit, fault, byRow);
            }
        }

        while (Volatile.Read(ref _inDoubt) > 0 && _doubts.Take() is { } doubt)
        {
            bool committed;
            try
            {
                committed = await session.ContainsAsync(doubt.Identity, cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                _doubts.Remember(doubt);
                throw;
            }

            Interlocked.Add(ref committed ? ref _recorded : ref _failed, doubt.Count);
            Interlocked.Add(ref _inDoubt, -doubt.Count);
        }
    }

    /// <summary>Counts the rows that a call leaves unsettled.</summary>
    private void Settle(SqlBatchProgress<TRow> progress)
    {
        foreach (SqlBatchUnit unit in progress.Units)
        {
            Interlocked.Add(ref _failed, unit.Count);
        }

        foreach ((SqlBatchUnit unit, _, _) in progress.Doubts)
        {
            if (_table.CountSame is null)
            {
                Interlocked.Add(ref _inDoubt, unit.Count);
            }
            else if (IdentityOf(progress.Rows.Span[unit.Start]) is { } identity)
            {
                Interlocked.Add(ref _inDoubt, unit.Count);
                _doubts.Remember(new SqlDoubt(identity, unit.Count));
            }
            else
            {
                Interlocked.Add(ref _failed, unit.Count);
            }
        }
    }

    /// <summary>
    /// Returns <c>null</c> if a value of the row cannot be computed. Its unit cannot have been committed.
    /// </summary>
    private object?[]? IdentityOf(TRow row)
    {
        try
        {
            return _table.Identity(row);
        }
        catch (Exception)
        {
            return null;
        }
    }

    private async ValueTask<SqlSession<TRow>> RentAsync(CancellationToken cancellationToken)
    {
        // A unit in doubt is looked for. If the table keeps too little for that, the connection must be known to answer
        // before it carries rows.
        bool mustAnswer = _table.CountSame is null;
        if (Interlocked.Exchange(ref _idle, null) is { } idle)
        {
            if (!mustAnswer || await idle.AnswersAsync(cancellationToken).ConfigureAwait(false))
            {
                return idle;
            }

            await idle.DisposeAsync().ConfigureAwait(false);
        }

        DbConnection connection = await OpenAsync(mustAnswer, cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_textsChecked)
            {
                await SqlConnections.CheckTextsAsync(connection, _dialect, cancellationToken).ConfigureAwait(false);
                _textsChecked = true;
            }

            return new SqlSession<TRow>(connection, _table, _dialect);
        }
        catch
        {
            await SqlConnections.DropAsync(connection).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The rows are the log's own and outlive the caller's transaction.</summary>
    private async ValueTask<DbConnection> OpenAsync(bool mustAnswer, CancellationToken cancellationToken)
    {
        using TransactionScope? outside = Transaction.Current is null ? null : SqlConnections.OutsideTransaction();
        return mustAnswer
            ? await _source.OpenLiveAsync(_dialect, cancellationToken).ConfigureAwait(false)
            : await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask ReturnAsync(SqlSession<TRow> session)
    {
        if (Interlocked.CompareExchange(ref _idle, session, null) is not null)
        {
            await session.DisposeAsync().ConfigureAwait(false);
            return;
        }

        // Disposed meanwhile: the first caller that sees it takes the connection out.
        if (_disposed && Interlocked.Exchange(ref _idle, null) is { } late)
        {
            await late.DisposeAsync().ConfigureAwait(false);
        }
    }
}
