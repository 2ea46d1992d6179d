using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Text;

namespace Adcp.Aot.Storage;

/// <summary>
/// One connection and its prepared statements for inserting rows. Used by one call at a time; discarded after any fault
/// of the connection.
/// </summary>
/// <remarks>
/// SQLite inserts row by row in a transaction: a statement that violates a constraint undoes only itself. PostgreSQL
/// and MySQL insert all rows of a unit in one statement that commits by itself: all rows or none, in one round trip.
/// </remarks>
internal sealed class SqlSession<TRow> : IAsyncDisposable
    where TRow : class
{
    /// <summary>The most parameters of a statement. PostgreSQL and MySQL allow 65,535.</summary>
    private const int MaxParameters = 32_000;

    private const int MaxRowsOfStatement = 1_000;

    /// <summary>SQLite waits for a lock on the caller's thread, so the wait is short.</summary>
    private const int SqliteBlockingSeconds = 1;

    private readonly SqlTable<TRow> _table;
    private readonly SqlDialect _dialect;
    private readonly DbCommand _insert;
    private readonly DbCommand? _begin;
    private readonly DbCommand? _commit;
    private readonly DbCommand? _rollback;
    private readonly int _maxRowsOfStatement;
    private readonly int[] _times;
    private DbParameter[] _parameters = [];
    private string _insertText = "";
    private int[] _insertEnds = [];

    internal SqlSession(DbConnection connection, SqlTable<TRow> table, SqlDialect dialect)
    {
        Connection = connection;
        _table = table;
        _dialect = dialect;
        CanCopy = table.CanCopy(connection);
        _maxRowsOfStatement = Math.Clamp(MaxParameters / table.Columns.Count, 1, MaxRowsOfStatement);
        _times = dialect == SqlDialect.MySql
            ? [.. Enumerable.Range(0, table.Columns.Count).Where(column => table.Columns[column] == DbType.DateTime)]
            : [];
        _insert = connection.CreateCommand();
        if (dialect == SqlDialect.Sqlite)
        {
            _begin = Command("BEGIN IMMEDIATE");
            _commit = Command("COMMIT");
            _rollback = Command("ROLLBACK");
            EnsureRows(1);
            _insert.CommandText = _insertText;
            _insert.Parameters.AddRange(_parameters);
        }
    }

    internal DbConnection Connection { get; }

    internal bool CanCopy { get; }

    /// <summary>The most rows that <see cref="InsertAsync"/> takes at once.</summary>
    /// <param name="copy">Whether it may copy.</param>
    internal int MaxRows(bool copy) => _dialect == SqlDialect.Sqlite || (CanCopy && copy) ? int.MaxValue : _maxRowsOfStatement;

    /// <summary>Inserts rows, all or none, except those that it adds to <paramref name="rejected"/>.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="copy">Whether to use the driver's bulk protocol if there is one.</param>
    /// <param name="rejected">Receives the refused rows.</param>
    /// <param name="cancellationToken">Ends the statement.</param>
    internal Task InsertAsync(ReadOnlyMemory<TRow> rows, bool copy, List<(TRow Row, Exception Reason)> rejected,
        CancellationToken cancellationToken) =>
        _dialect == SqlDialect.Sqlite ? InsertRowByRowAsync(rows, rejected, cancellationToken)
        : CanCopy && copy ? _table.CopyAsync(Connection, rows, cancellationToken)
        : InsertAtOnceAsync(rows, cancellationToken);

    /// <summary>Returns whether a row of this identity is in the table.</summary>
    internal async Task<bool> ContainsAsync(object?[] identity, CancellationToken cancellationToken)
    {
        DbCommand command = Connection.CreateCommand();
        await using (command.ConfigureAwait(false))
        {
            command.CommandText = _table.CountSame;
            for (int i = 0; i < identity.Length; i++)
            {
                command.Add(_dialect, _table.IdentityTypes[i], identity[i]);
            }

            try
            {
                object? count = await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
                return Convert.ToInt64(count, CultureInfo.InvariantCulture) > 0;
            }
            catch (Exception fault) when (SqlFaults.IsValue(fault))
            {
                // If the database cannot even be asked for a value, the value is not in it.
                return false;
            }
        }
    }

    /// <summary>Returns whether the server of a kept connection still answers.</summary>
    internal async ValueTask<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        if (_dialect == SqlDialect.Sqlite)
        {
            return true;
        }

        DbCommand command = Connection.CreateCommand();
        await using (command.ConfigureAwait(false))
        {
            command.CommandText = "SELECT 1";
            try
            {
                await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
                return true;
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                return false;
            }
        }
    }

    /// <summary>Ends the session after a fault. A server that reads only must not get its connection back from the pool.</summary>
    internal async ValueTask EndAsync(bool isReadOnly)
    {
        if (isReadOnly)
        {
            await SqlConnections.RetireAsync(Connection, _dialect).ConfigureAwait(false);
        }

        await DisposeAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await _insert.DisposeAsync().ConfigureAwait(false);
            if (_begin is not null)
            {
                await _begin.DisposeAsync().ConfigureAwait(false);
                await _commit!.DisposeAsync().ConfigureAwait(false);
                await _rollback!.DisposeAsync().ConfigureAwait(false);
            }

            await Connection.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is DbException or InvalidOperationException or IOException)
        {
            // A broken connection may throw again; its rows are settled elsewhere.
        }
    }

    private async Task InsertRowByRowAsync(ReadOnlyMemory<TRow> rows, List<(TRow Row, Exception Reason)> rejected,
        CancellationToken cancellationToken)
    {
        await _begin!.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            for (int i = 0; i < rows.Length; i++)
            {
                TRow row = rows.Span[i];
                try
                {
                    Bind(row, _parameters);
                    await _insert.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                }
                catch (Exception fault) when (SqlFaults.Of(fault, Connection) == SqlFault.Row)
                {
                    rejected.Add((row, fault));
                }
            }

            await _commit!.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch
        {
            rejected.Clear();
            await RollBackAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task RollBackAsync()
    {
        try
        {
            await _rollback!.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (DbException)
        {
            // SQLite has rolled back by itself; the session is discarded either way.
        }
    }

    private async Task InsertAtOnceAsync(ReadOnlyMemory<TRow> rows, CancellationToken cancellationToken)
    {
        EnsureRows(rows.Length);
        int columns = _table.Columns.Count;
        for (int i = 0; i < rows.Length; i++)
        {
            Bind(rows.Span[i], _parameters.AsSpan(i * columns, columns));
        }

        if (_insert.Parameters.Count != rows.Length * columns)
        {
            _insert.Parameters.Clear();
            for (int i = 0; i < rows.Length * columns; i++)
            {
                _insert.Parameters.Add(_parameters[i]);
            }

            // The text for fewer rows is the beginning of the text for more.
            _insert.CommandText = _insertText[.._insertEnds[rows.Length - 1]];
        }

        await _insert.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private void Bind(TRow row, ReadOnlySpan<DbParameter> parameters)
    {
        _table.Bind(row, parameters);
        foreach (int column in _times)
        {
            parameters[column].Value = SqlTimes.ValueOf(_dialect, parameters[column].Value);
        }
    }

    /// <summary>Makes text and parameters for at least this number of rows.</summary>
    private void EnsureRows(int count)
    {
        int columns = _table.Columns.Count;
        int have = _insertEnds.Length;
        if (count <= have)
        {
            return;
        }

        count = Math.Min(Math.Max(count, have * 2), _maxRowsOfStatement);
        StringBuilder text = new(have == 0 ? _table.Insert : _insertText);
        Array.Resize(ref _insertEnds, count);
        Array.Resize(ref _parameters, count * columns);
        for (int row = have; row < count; row++)
        {
            text.Append(row == 0 ? "(" : ", (");
            for (int column = 0; column < columns; column++)
            {
                int at = (row * columns) + column;
                text.Append(column == 0 ? "" : ", ").Append(SqlDialects.Parameter(_dialect, at + 1));
                DbParameter parameter = _insert.CreateParameter();
                parameter.DbType = SqlTimes.TypeOf(_dialect, _table.Columns[column]);
                if (_dialect == SqlDialect.Sqlite)
                {
                    parameter.ParameterName = SqlDialects.Parameter(_dialect, at + 1);
                }

                _parameters[at] = parameter;
            }

            text.Append(')');
            _insertEnds[row] = text.Length;
        }

        _insertText = text.ToString();
    }

    private DbCommand Command(string text)
    {
        DbCommand command = Connection.CreateCommand();
        command.CommandText = text;
        command.CommandTimeout = SqliteBlockingSeconds;
        return command;
    }
}
