using System.Data.Common;
using System.Globalization;
using System.Text;
using System.Transactions;

namespace Adcp.Aot.Storage;

/// <summary>
/// A statement of a generated store on its own connection, with parameters in the form that its database keeps. Not
/// safe for concurrent use; dispose it to return the connection.
/// </summary>
/// <remarks>
/// <para>
/// A statement runs again if the database reports that it left no change (a deadlock, SQLite's lock). It also runs
/// again if its connection was lost: on a new connection, at most three times. The server of a lost connection may have
/// committed. Running the statement again settles that: it waits for a commit under way, and after one it touches no
/// row, so that <see cref="ExplainAsync"/> finds the caller's own row. Every statement of a store tolerates being run
/// again.
/// </para>
/// <para>
/// If there is an ambient <c>TransactionScope</c>, a plain statement joins it, as the driver does, and never runs
/// again. SQLite cannot join one: a statement that writes is refused. A save with <c>beforeCommit</c> commits its own
/// transaction and is refused on every database.
/// </para>
/// </remarks>
public sealed partial class StoreCommand : IAsyncDisposable
{
    private const int MaxDeadlocks = 10;

    private static readonly TimeSpan BusyPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromMilliseconds(250);

    private readonly StoreDatabase _database;
    private readonly bool _keepsReferences;
    private DbConnection _connection;
    private DbCommand _command;

    // The statement under way: its tries, and how far its transaction has come.
    private int _deadlocks;
    private int _reopened;
    private long _started;
    private TimeSpan _delay;
    private Recovery _recovery;
    private bool _inCallback;
    private bool _mayCommit;
    private bool _inCommit;
    private bool _answerLost;
    private bool _retired;

    internal StoreCommand(StoreDatabase database, DbConnection connection, DbCommand command, bool keepsReferences)
    {
        _database = database;
        _connection = connection;
        _command = command;
        _keepsReferences = keepsReferences;
    }

    private enum Recovery
    {
        None,
        Now,
        Later,
        OnNewConnection,
    }

    /// <summary>Prepares another statement on the same connection, without the parameters of the last.</summary>
    /// <param name="sql">The statement.</param>
    public void Next(string sql)
    {
        _command.Parameters.Clear();
#pragma warning disable CA2100 // As in StoreDatabase.Command.
        _command.CommandText = sql;
#pragma warning restore CA2100
    }

    /// <summary>Runs a statement that writes.</summary>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <returns>The number of rows that it touched.</returns>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    /// <exception cref="InvalidOperationException">There is an ambient transaction, which SQLite cannot join.</exception>
    public async Task<int> ExecuteAsync(CancellationToken cancellationToken)
    {
        if (_database.Dialect == SqlDialect.Sqlite)
        {
            SqlConnections.RefuseAmbientTransaction(_database.Source, _database.Dialect, "A statement on SQLite");
        }

        Begin();
        _answerLost = false;
        _mayCommit = true;
        while (true)
        {
            Exception fault;
            try
            {
                return await _command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception caught) when (CanRecover(caught))
            {
                fault = caught;
            }

            await RecoverAsync(fault, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Runs a statement that deletes one row.</summary>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <returns><c>true</c> if there was one. Also <c>true</c> if the answer was lost and the row is gone by the time
    /// of the second answer.</returns>
    /// <inheritdoc cref="ExecuteAsync"/>
    public async Task<bool> DeleteAsync(CancellationToken cancellationToken) =>
        await ExecuteAsync(cancellationToken).ConfigureAwait(false) > 0 || _answerLost;

    /// <summary>
    /// Runs an insert that may be refused because of another caller's row, or because the row that it refers to was
    /// deleted.
    /// </summary>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <returns>
    /// The number of rows that it touched, and the exception if a constraint refused it (SQLSTATE class 23). Find the
    /// reason, and throw the exception if there is none.
    /// </returns>
    /// <exception cref="DbException">The database refused the statement for another reason or cannot be
    /// reached.</exception>
    public async Task<(int Rows, DbException? Refusal)> TryExecuteAsync(CancellationToken cancellationToken)
    {
        try
        {
            return (await ExecuteAsync(cancellationToken).ConfigureAwait(false), null);
        }
        catch (DbException fault) when (IsConstraint(fault))
        {
            return (0, fault);
        }
    }

    /// <summary>
    /// Runs an insert in a transaction. If it touched a row, <paramref name="beforeCommit"/> writes in the same
    /// transaction.
    /// </summary>
    /// <param name="beforeCommit">
    /// Runs between statement and commit; <c>null</c> for no transaction. If it throws, both are rolled back and the
    /// exception is rethrown. It runs again, on a new transaction, if the first is known not to be committed.
    /// </param>
    /// <param name="cancellationToken">Cancels the call before the commit.</param>
    /// <exception cref="InvalidOperationException">
    /// There is an ambient transaction beside the one that <paramref name="beforeCommit"/> needs.
    /// </exception>
    /// <inheritdoc cref="TryExecuteAsync(CancellationToken)"/>
    public async Task<(int Rows, DbException? Refusal)> TryExecuteAsync(Func<DbTransaction, CancellationToken, ValueTask>? beforeCommit,
        CancellationToken cancellationToken)
    {
        if (beforeCommit is null)
        {
            return await TryExecuteAsync(cancellationToken).ConfigureAwait(false);
        }

        SqlConnections.RefuseAmbientTransaction(_database.Source, _database.Dialect, "A save with beforeCommit");
        Begin();
        _answerLost = false;
        while (true)
        {
            Exception fault;
            try
            {
                return await InTransactionAsync(beforeCommit, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception caught) when (CanRecover(caught))
            {
                fault = caught;
            }

            // If the answer to a commit was lost, it must be settled, even if the caller no longer waits.
            cancellationToken = _inCommit && _recovery == Recovery.OnNewConnection ? CancellationToken.None : cancellationToken;
            await RecoverAsync(fault, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Finds out why a save touched no row.</summary>
    /// <param name="sql">
    /// A query for the row's version, whether it has ended, and its task, with the parameters <c>@scope</c> and
    /// <c>@task_id</c>.
    /// </param>
    /// <param name="scope">The task's scope.</param>
    /// <param name="taskId">The task.</param>
    /// <param name="expectedVersion">The version that the save stated; 0 for a new task.</param>
    /// <param name="task">The task as the save wrote it, JSON in UTF-8.</param>
    /// <param name="refusal">The constraint's refusal, if there was one.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    /// <returns>
    /// <see cref="TaskSaveStatus.Saved"/> if the answer to the save was lost and the row holds the saved task under the
    /// version it would have reached; otherwise the status of the row that is there.
    /// </returns>
    /// <exception cref="DbException">The row does not explain <paramref name="refusal"/>, or the database cannot be
    /// reached.</exception>
    public async ValueTask<TaskSave> ExplainAsync(
        string sql, StoreScope scope, string taskId, long expectedVersion, byte[] task, DbException? refusal,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(scope);
        cancellationToken = _answerLost ? CancellationToken.None : cancellationToken;
        Next(sql);
        Bind("@scope", scope.Key);
        Bind("@task_id", taskId);
        DbDataReader reader = await ReadAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                long version = reader.GetInt64(0);
                return _answerLost && version == expectedVersion + 1
                    && StoredText.IsSameJson(reader.GetString(2), Encoding.UTF8.GetString(task))
                    ? new TaskSave(TaskSaveStatus.Saved, version)
                    : new TaskSave(reader.GetBoolean(1) ? TaskSaveStatus.Ended : TaskSaveStatus.Conflict, version);
            }
        }

        // If no row explains a refusal, it was another constraint's. A new task that was not stored met one that is
        // deleted by now.
        return refusal is null ? new TaskSave(expectedVersion == 0 ? TaskSaveStatus.Conflict : TaskSaveStatus.Missing, 0) : throw refusal;
    }

    /// <summary>Runs a query.</summary>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <exception cref="DbException">The database refused the query or cannot be reached.</exception>
    public async Task<DbDataReader> ReadAsync(CancellationToken cancellationToken)
    {
        Begin();
        while (true)
        {
            Exception fault;
            try
            {
                return await _command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception caught) when (CanRecover(caught))
            {
                fault = caught;
            }

            await RecoverAsync(fault, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Runs a query for one number.</summary>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <exception cref="DbException">The database refused the query or cannot be reached.</exception>
    public async Task<int> CountAsync(CancellationToken cancellationToken)
    {
        DbDataReader reader = await ReadAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            return await reader.ReadAsync(cancellationToken).ConfigureAwait(false)
                ? Convert.ToInt32(reader.GetValue(0), CultureInfo.InvariantCulture)
                : 0;
        }
    }

    /// <summary>Returns the connection.</summary>
    public async ValueTask DisposeAsync()
    {
        await _command.DisposeAsync().ConfigureAwait(false);
        await CloseAsync().ConfigureAwait(false);
    }

    /// <summary>Returns whether another transaction came first, also in MariaDB's words: changed since it was read.</summary>
    private static bool IsDeadlock(Exception fault) =>
        fault is DbException { SqlState: "40001" or "40P01" } || SqlFaults.IsChangedSinceRead(fault);

    private static bool IsTimeout(Exception fault) => fault is TimeoutException || fault.InnerException is TimeoutException;

    private static bool IsConstraint(DbException fault) =>
        fault.SqlState is { Length: 5 } state && state.StartsWith("23", StringComparison.Ordinal);

    private async Task<(int Rows, DbException? Refusal)> InTransactionAsync(
        Func<DbTransaction, CancellationToken, ValueTask> beforeCommit, CancellationToken cancellationToken)
    {
        _mayCommit = false;
        _inCommit = false;
        _inCallback = false;
        DbTransaction transaction = await _connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            _command.Transaction = transaction;
            try
            {
                int rows = 0;
                DbException? refusal = null;
                try
                {
                    rows = await _command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                }
                catch (DbException fault) when (IsConstraint(fault))
                {
                    refusal = fault;
                }

                if (rows == 0)
                {
                    // The next query must not run in a transaction that PostgreSQL has aborted.
                    await transaction.RollbackAsync(CancellationToken.None).ConfigureAwait(false);
                    return (0, refusal);
                }

                _inCallback = true;
                await beforeCommit(transaction, cancellationToken).ConfigureAwait(false);
                _inCallback = false;

                // Not cancellable: a commit that was cancelled midway is in doubt.
                _mayCommit = true;
                _inCommit = true;
                await transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
                return (rows, null);
            }
            finally
            {
                _command.Transaction = null;
            }
        }
    }

    private void Begin()
    {
        _deadlocks = 0;
        _reopened = 0;
        _started = _database.Time.GetTimestamp();
        _delay = FirstDelay;
        _inCallback = false;
        _mayCommit = false;
        _inCommit = false;
    }

    /// <summary>Returns whether another try is possible, and prepares it.</summary>
    private bool CanRecover(Exception fault)
    {
        _recovery = RecoveryOf(fault);
        return _recovery != Recovery.None;
    }

    private Recovery RecoveryOf(Exception fault)
    {
        if (_inCallback || fault is OperationCanceledException || Transaction.Current is not null)
        {
            return Recovery.None;
        }

        if (IsDeadlock(fault))
        {
            return ++_deadlocks < MaxDeadlocks ? Recovery.Now : Recovery.None;
        }

        if (SqlFaults.IsBusy(fault))
        {
            return _database.Time.GetElapsedTime(_started) < BusyPatience ? Recovery.Later : Recovery.None;
        }

        // A server that reads only has changed no row. Another connection may reach another server, and this one must
        // not serve again.
        _retired = SqlFaults.IsReadOnly(fault);
        SqlFault kind = SqlFaults.Of(fault, _connection);
        bool stopped = kind == SqlFault.Slow;
        if (!_retired && (kind == SqlFault.Row || !(SqlFaults.IsLost(fault, _connection) || (stopped && _inCommit))))
        {
            return Recovery.None;
        }

        // If a statement ran into its time-out, it is tried once more, not three times.
        _reopened += _retired || stopped || IsTimeout(fault) ? SqlConnections.MaxReopened : 1;
        return _reopened <= SqlConnections.MaxReopened ? Recovery.OnNewConnection : Recovery.None;
    }

    private async ValueTask RecoverAsync(Exception fault, CancellationToken cancellationToken)
    {
        switch (_recovery)
        {
            case Recovery.Later:
                await Task.Delay(_delay, _database.Time, cancellationToken).ConfigureAwait(false);
                _delay = _delay * 2 > MaxDelay ? MaxDelay : _delay * 2;
                break;
            case Recovery.OnNewConnection:
                _answerLost |= _mayCommit && !_retired;
                try
                {
                    await ReopenAsync(cancellationToken).ConfigureAwait(false);
                }
                catch (Exception again) when (again is DbException or IOException or TimeoutException)
                {
                    // The database is away. The first fault describes the statement's end.
                    System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(fault);
                }

                break;
            default:
                break;
        }
    }

    private async ValueTask ReopenAsync(CancellationToken cancellationToken)
    {
        DbCommand old = _command;
        string sql = old.CommandText;
        DbParameter[] parameters = [.. old.Parameters.Cast<DbParameter>()];
        old.Parameters.Clear();
        await CloseAsync().ConfigureAwait(false);
        _connection = await _database.ConnectAsync(_keepsReferences, cancellationToken).ConfigureAwait(false);
        _command = _database.Command(_connection, sql);
        _command.Parameters.AddRange(parameters);
        await old.DisposeAsync().ConfigureAwait(false);
    }

    private async ValueTask CloseAsync()
    {
        if (_retired)
        {
            _retired = false;
            await SqlConnections.RetireAsync(_connection, _database.Dialect).ConfigureAwait(false);
            return;
        }

        await SqlConnections.DropAsync(_connection).ConfigureAwait(false);
    }
}
