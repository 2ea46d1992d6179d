using System.Data.Common;
using System.Globalization;
using System.Transactions;

namespace Adcp.Aot.Storage;

/// <summary>Opens and closes connections for stores and sinks. Thread-safe.</summary>
public static class SqlConnections
{
    /// <summary>A pool may hold several dead connections. Each is handed out once.</summary>
    internal const int MaxReopened = 3;

    private const string Backslashes = "\\\\";

    private static readonly TimeSpan RetireTimeout = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Opens a connection that answers. If a pool hands out one whose server has restarted since, it is dropped and
    /// another is opened, up to three times. Costs a round trip, except on SQLite.
    /// </summary>
    /// <param name="source">The source of connections.</param>
    /// <param name="dialect">The SQL that they speak.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public static async ValueTask<DbConnection> OpenLiveAsync(
        this DbDataSource source, SqlDialect dialect, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        for (int opened = 0; ; opened++)
        {
            DbConnection connection = await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                if (dialect != SqlDialect.Sqlite)
                {
                    await ScalarAsync(connection, "SELECT 1", cancellationToken).ConfigureAwait(false);
                }

                return connection;
            }
            catch (Exception fault)
            {
                bool again = opened < MaxReopened && !cancellationToken.IsCancellationRequested && SqlFaults.IsLost(fault, connection);
                await DropAsync(connection).ConfigureAwait(false);
                if (!again)
                {
                    throw;
                }
            }
        }
    }

    /// <summary>
    /// Closes a connection. If a broken one throws again, that is ignored: the first fault is reported.
    /// </summary>
    internal static async ValueTask DropAsync(DbConnection connection)
    {
        try
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is DbException or InvalidOperationException or IOException)
        {
            // The connection is gone.
        }
    }

    /// <summary>
    /// Ends the server's side of a connection, so that the pool cannot hand it out again. Its server reads only, and a
    /// new connection may reach another server.
    /// </summary>
    internal static async ValueTask RetireAsync(DbConnection connection, SqlDialect dialect)
    {
        string? end = dialect switch
        {
            SqlDialect.PostgreSql => "SELECT pg_terminate_backend(pg_backend_pid())",
            SqlDialect.MySql => "KILL CONNECTION_ID()",
            _ => null,
        };
        if (end is not null)
        {
            using CancellationTokenSource timeout = new(RetireTimeout, TimeProvider.System);
            try
            {
                await ScalarAsync(connection, end, timeout.Token).ConfigureAwait(false);
            }
            catch (Exception fault) when (fault is DbException or InvalidOperationException or IOException or OperationCanceledException)
            {
                // The expected end: the server closes the connection instead of an answer.
            }
        }

        await DropAsync(connection).ConfigureAwait(false);
    }

    /// <summary>
    /// Checks that texts arrive as they are sent. A driver that escapes backslashes doubles them if the server runs in
    /// the mode NO_BACKSLASH_ESCAPES.
    /// </summary>
    /// <exception cref="InvalidOperationException">Texts would be stored wrong.</exception>
    internal static async ValueTask CheckTextsAsync(DbConnection connection, SqlDialect dialect, CancellationToken cancellationToken)
    {
        if (dialect != SqlDialect.MySql)
        {
            return;
        }

        object? length;
        DbException? refusal = null;
        DbCommand command = connection.CreateCommand();
        await using (command.ConfigureAwait(false))
        {
            command.CommandText = "SELECT CHAR_LENGTH(?)";
            command.Add(dialect, System.Data.DbType.String, Backslashes);
            try
            {
                length = await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (DbException fault) when (fault.SqlState == "42000")
            {
                length = null;
                refusal = fault;
            }
        }

        if (length is null || Convert.ToInt64(length, CultureInfo.InvariantCulture) != Backslashes.Length)
        {
            throw new InvalidOperationException(
                "MySQL would store backslashes wrong: the server's sql_mode and the driver disagree about NO_BACKSLASH_ESCAPES. "
                + "Put \"No Backslash Escapes=true\" into the connection string if the server runs in that mode, and remove it if not; "
                + "or remove NO_BACKSLASH_ESCAPES from sql_mode.",
                refusal);
        }
    }

    /// <summary>
    /// Throws if there is an ambient transaction that the connection would join. For calls that commit a transaction of
    /// their own.
    /// </summary>
    /// <param name="source">The source of connections.</param>
    /// <param name="dialect">The SQL that they speak.</param>
    /// <param name="caller">The beginning of the message, such as "A save with beforeCommit".</param>
    /// <param name="mayStayOutside">Whether a connection that does not join it is allowed.</param>
    /// <exception cref="InvalidOperationException">There is one.</exception>
    internal static void RefuseAmbientTransaction(DbDataSource source, SqlDialect dialect, string caller, bool mayStayOutside = true)
    {
        if (Transaction.Current is null || (mayStayOutside && StaysOutside(source.ConnectionString)))
        {
            return;
        }

        string setting = dialect switch
        {
            _ when !mayStayOutside => "",
            SqlDialect.PostgreSql => ", or put Enlist=false into the connection string",
            SqlDialect.MySql => ", or put AutoEnlist=false into the connection string",
            _ => "",
        };
        throw new InvalidOperationException(
            $"{caller} commits a transaction of its own and cannot be part of the ambient TransactionScope. Call it inside "
            + $"new TransactionScope(TransactionScopeOption.Suppress, TransactionScopeAsyncFlowOption.Enabled){setting}.");
    }

    /// <summary>Runs work outside the caller's ambient transaction, such as the opening of a connection that outlives it.</summary>
    internal static TransactionScope OutsideTransaction() => new(TransactionScopeOption.Suppress, TransactionScopeAsyncFlowOption.Enabled);

    private static bool StaysOutside(string connectionString)
    {
        DbConnectionStringBuilder settings;
        try
        {
            settings = new DbConnectionStringBuilder { ConnectionString = connectionString };
        }
        catch (ArgumentException)
        {
            return false;
        }

        foreach (string name in new[] { "Enlist", "AutoEnlist", "Auto Enlist" })
        {
            if (settings.TryGetValue(name, out object? value) && value is string text
                && (bool.TryParse(text, out bool enlists) ? !enlists : text is "0" or "no" or "No"))
            {
                return true;
            }
        }

        return false;
    }

    private static async Task<object?> ScalarAsync(DbConnection connection, string sql, CancellationToken cancellationToken)
    {
        DbCommand command = connection.CreateCommand();
        await using (command.ConfigureAwait(false))
        {
#pragma warning disable CA2100 // Constants of this file.
            command.CommandText = sql;
#pragma warning restore CA2100
            return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
