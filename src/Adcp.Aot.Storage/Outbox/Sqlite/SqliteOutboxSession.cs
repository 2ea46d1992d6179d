using System.Data;
using System.Data.Common;
using System.Globalization;

namespace Adcp.Aot.Storage;

/// <summary>
/// A connection with the commands that were prepared on it. The driver of SQLite is synchronous, so that its calls are too: no reader
/// is open across an await. Not thread-safe.
/// </summary>
/// <param name="database">The database.</param>
/// <param name="connection">The connection. <see cref="Close"/> closes it, <see cref="Dispose"/> does not.</param>
/// <param name="transaction">The transaction of its caller; <see langword="null"/> if there is none.</param>
internal sealed class SqliteOutboxSession(StoreDatabase database, DbConnection connection, DbTransaction? transaction = null) : IDisposable
{
    /// <summary>Statements are fields or constants, so that their identity is enough.</summary>
    private readonly Dictionary<string, DbCommand> _commands = new(ReferenceEqualityComparer.Instance);

    private DbTransaction? _transaction = transaction;

    internal DbConnection Connection { get; } = connection;

    /// <summary>
    /// Begins a transaction that excludes other writers. A pool that gets the connection back without its end rolls it back.
    /// </summary>
    internal void Begin()
    {
        // At this level the driver begins with BEGIN IMMEDIATE.
        _transaction = Connection.BeginTransaction(IsolationLevel.Serializable);
    }

    internal void Commit()
    {
        _transaction!.Commit();
        RollBack();
    }

    /// <summary>
    /// Ends a transaction that was not committed. SQLite has rolled back by itself after some faults, such as a full disk.
    /// </summary>
    internal void RollBack()
    {
        DbTransaction? ended = _transaction;
        _transaction = null;
        ended?.Dispose();
    }

    /// <summary>Returns the time, in milliseconds since 1970.</summary>
    internal long Now() => database.Clock is null ? Number(SqliteOutboxStatements.Now) : NowOf(0);

    /// <summary>Returns the time, in milliseconds since 1970, when the database's clock shows a given one.</summary>
    internal long NowOf(long clock) => database.Clock?.GetUtcNow().ToUnixTimeMilliseconds() ?? clock;

    internal int Execute(string sql, params ReadOnlySpan<object?> values) => Bind(sql, values).ExecuteNonQuery();

    internal object? Scalar(string sql, params ReadOnlySpan<object?> values) =>
        Bind(sql, values).ExecuteScalar() is { } value and not DBNull ? value : null;

    internal long Number(string sql, params ReadOnlySpan<object?> values) =>
        Convert.ToInt64(Scalar(sql, values), CultureInfo.InvariantCulture);

    /// <summary>Runs a query. Dispose the reader before the session is used again.</summary>
    internal DbDataReader Read(string sql, params ReadOnlySpan<object?> values) => Bind(sql, values).ExecuteReader();

    /// <summary>Closes the connection, or returns it to its pool.</summary>
    internal void Close()
    {
        Dispose();
        try
        {
            Connection.Dispose();
        }
        catch (Exception fault) when (fault is DbException or InvalidOperationException or IOException)
        {
            // The connection is gone.
        }
    }

    public void Dispose()
    {
        foreach (DbCommand command in _commands.Values)
        {
            command.Dispose();
        }

        _commands.Clear();
    }

    private DbCommand Bind(string sql, ReadOnlySpan<object?> values)
    {
        if (!_commands.TryGetValue(sql, out DbCommand? command))
        {
            command = database.Command(Connection, sql);
            command.Transaction = _transaction;
            foreach (object? value in values)
            {
                command.Add(SqlDialect.Sqlite, TypeOf(value), value);
            }

            _commands.Add(sql, command);
            return command;
        }

        command.Transaction = _transaction;
        for (int i = 0; i < values.Length; i++)
        {
            command.Parameters[i].Value = values[i] ?? DBNull.Value;
        }

        return command;
    }

    private static DbType TypeOf(object? value) => value switch
    {
        string => DbType.String,
        byte[] => DbType.Binary,
        _ => DbType.Int64,
    };
}
