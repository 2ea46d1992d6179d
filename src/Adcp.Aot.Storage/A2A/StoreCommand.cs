using System.Data;
using System.Data.Common;
using System.Globalization;

namespace Adcp.Aot.Storage.A2A;

/// <summary>
/// A statement of a generated store on a connection of its own, with parameters in the form its database keeps. Not safe for concurrent use; dispose it to give the connection back.
/// </summary>
public sealed class StoreCommand : IAsyncDisposable
{
    private const int MaxDeadlocks = 10;

    private readonly DbConnection _connection;
    private readonly DbCommand _command;
    private readonly SqlDialect _dialect;

    internal StoreCommand(DbConnection connection, DbCommand command, SqlDialect dialect)
    {
        _connection = connection;
        _command = command;
        _dialect = dialect;
    }

    /// <summary>Goes on with another statement on the same connection, without the parameters of the last.</summary>
    /// <param name="sql">The statement.</param>
    public void Next(string sql)
    {
        _command.Parameters.Clear();
        _command.CommandText = sql;
    }

    /// <summary>Gives a parameter its value.</summary>
    /// <param name="name">With its <c>@</c>.</param>
    /// <param name="value">The value; null for SQL's NULL.</param>
    public void Bind(string name, string? value) => Add(name, DbType.String, value);

    /// <inheritdoc cref="Bind(string, string?)"/>
    public void Bind(string name, short? value) => Add(name, DbType.Int16, value);

    /// <inheritdoc cref="Bind(string, string?)"/>
    public void Bind(string name, int? value) => Add(name, DbType.Int32, value);

    /// <inheritdoc cref="Bind(string, string?)"/>
    public void Bind(string name, long? value) => Add(name, DbType.Int64, value);

    /// <inheritdoc cref="Bind(string, string?)"/>
    public void Bind(string name, double? value) => Add(name, DbType.Double, value);

    /// <inheritdoc cref="Bind(string, string?)"/>
    public void Bind(string name, decimal? value)
    {
        if (_dialect == SqlDialect.Sqlite)
        {
            Bind(name, (double?)value);
            return;
        }

        Add(name, DbType.Decimal, value);
    }

    /// <inheritdoc cref="Bind(string, string?)"/>
    public void Bind(string name, bool? value) => Add(name, DbType.Boolean, value);

    /// <inheritdoc cref="Bind(string, string?)"/>
    public void Bind(string name, Guid? value)
    {
        if (_dialect == SqlDialect.PostgreSql)
        {
            Add(name, DbType.Guid, value);
            return;
        }

        Bind(name, value?.ToString());
    }

    /// <inheritdoc cref="Bind(string, string?)"/>
    public void Bind(string name, DateTimeOffset? value) => Bind(name, value?.UtcDateTime);

    /// <summary>Gives a parameter its value: a point in time, UTC.</summary>
    /// <param name="name">With its <c>@</c>.</param>
    /// <param name="value">The value; null for SQL's NULL.</param>
    public void Bind(string name, DateTime? value)
    {
        DateTime? utc = value is { } time ? DateTime.SpecifyKind(time.Kind == DateTimeKind.Local ? time.ToUniversalTime() : time, DateTimeKind.Utc) : null;
        if (_dialect == SqlDialect.Sqlite)
        {
            Bind(name, utc?.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture));
            return;
        }

        Add(name, DbType.DateTime, utc);
    }

    /// <summary>Runs the statement.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>How many rows it touched.</returns>
    /// <exception cref="DbException">The database refused it or is gone.</exception>
    public async Task<int> ExecuteAsync(CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await _command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (DbException fault) when (attempt < MaxDeadlocks && IsDeadlock(fault))
            {
                // The victim of a deadlock. A statement that commits by itself has left nothing behind and may be run again.
            }
        }
    }

    /// <summary>Runs an insert that another's row, or another's delete of the row referred to, may refuse.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>How many rows it touched, and what refused it where a constraint did (SQLSTATE class 23): look why, and throw it where looking explains nothing.</returns>
    /// <exception cref="DbException">The database refused it for another reason or is gone.</exception>
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

    /// <summary>Runs the same in a transaction with what <paramref name="beforeCommit"/> writes under it, where the statement touched a row.</summary>
    /// <param name="beforeCommit">Runs between statement and commit; null for no transaction. What it throws rolls both back and is thrown on.</param>
    /// <param name="cancellationToken">Ends it, up to the commit.</param>
    /// <inheritdoc cref="TryExecuteAsync(CancellationToken)"/>
    public async Task<(int Rows, DbException? Refusal)> TryExecuteAsync(Func<DbTransaction, CancellationToken, ValueTask>? beforeCommit, CancellationToken cancellationToken)
    {
        if (beforeCommit is null)
        {
            return await TryExecuteAsync(cancellationToken).ConfigureAwait(false);
        }

        for (int attempt = 1; ; attempt++)
        {
            DbTransaction transaction = await _connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                _command.Transaction = transaction;
                try
                {
                    (int rows, bool again, DbException? refusal) = await StatementAsync(attempt, cancellationToken).ConfigureAwait(false);
                    if (rows == 0)
                    {
                        // What is asked next must not be asked in a transaction that PostgreSQL calls aborted.
                        await transaction.RollbackAsync(CancellationToken.None).ConfigureAwait(false);
                        if (again)
                        {
                            continue;
                        }

                        return (0, refusal);
                    }

                    await beforeCommit(transaction, cancellationToken).ConfigureAwait(false);

                    // Not to be cancelled: half a commit is in doubt.
                    await transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
                    return (rows, null);
                }
                finally
                {
                    _command.Transaction = null;
                }
            }
        }
    }

    /// <summary>Runs a query.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="DbException">The database refused it or is gone.</exception>
    public Task<DbDataReader> ReadAsync(CancellationToken cancellationToken) => _command.ExecuteReaderAsync(cancellationToken);

    /// <summary>Runs a query for one number.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="DbException">The database refused it or is gone.</exception>
    public async Task<int> CountAsync(CancellationToken cancellationToken) =>
        Convert.ToInt32(await _command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false), CultureInfo.InvariantCulture);

    /// <summary>Gives the connection back.</summary>
    public async ValueTask DisposeAsync()
    {
        await _command.DisposeAsync().ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    private static bool IsDeadlock(DbException fault) => fault.SqlState is "40001" or "40P01";

    private static bool IsConstraint(DbException fault) => fault.SqlState is { Length: 5 } state && state.StartsWith("23", StringComparison.Ordinal);

    private async Task<(int Rows, bool Again, DbException? Refusal)> StatementAsync(int attempt, CancellationToken cancellationToken)
    {
        try
        {
            return (await _command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false), false, null);
        }
        catch (DbException fault) when (attempt < MaxDeadlocks && IsDeadlock(fault))
        {
            return (0, true, null);
        }
        catch (DbException fault) when (IsConstraint(fault))
        {
            return (0, false, fault);
        }
    }

    private void Add(string name, DbType type, object? value)
    {
        DbParameter parameter = _command.CreateParameter();
        parameter.ParameterName = name;
        parameter.DbType = type;
        parameter.Value = value ?? DBNull.Value;
        _command.Parameters.Add(parameter);
    }
}
