using System.Data.Common;
using System.Text;

namespace Adcp.Aot.Storage;

/// <summary>The database of a generated store. Safe for concurrent use; the caller disposes the source.</summary>
public sealed class StoreDatabase
{
    /// <summary>
    /// SQLite waits for a lock on the caller's thread. After this time the wait continues without a thread.
    /// </summary>
    private const int SqliteBlockingSeconds = 1;

    private volatile bool _textsChecked;
    private volatile bool _takesUtf8;

    /// <summary>Creates the description of a database.</summary>
    /// <param name="source">Opens connections.</param>
    /// <param name="dialect">The SQL that they speak.</param>
    /// <param name="time">The clock of waiting for SQLite's lock; <c>null</c> for the system's.</param>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="dialect"/> is not one of the three.</exception>
    public StoreDatabase(DbDataSource source, SqlDialect dialect, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (dialect == SqlDialect.Any || !Enum.IsDefined(dialect))
        {
            throw new ArgumentOutOfRangeException(nameof(dialect), dialect, "Must be Sqlite, PostgreSql or MySql.");
        }

        Source = source;
        Dialect = dialect;
        Time = time ?? TimeProvider.System;
    }

    /// <summary>The SQL that the database speaks.</summary>
    public SqlDialect Dialect { get; }

    /// <summary>
    /// Gets an SQL expression for the database's time at the start of a statement, in milliseconds since 1970 UTC. Processes on several
    /// machines agree on the time only if they read the database's.
    /// </summary>
    public string NowSql => SqlClock.Now(Dialect);

    internal DbDataSource Source { get; }

    internal TimeProvider Time { get; }

    /// <summary>Gets the clock that an outbox reads instead of the database's; <see langword="null"/> except in tests.</summary>
    internal TimeProvider? Clock { get; init; }

    /// <summary>
    /// Gets whether the bytes of a text are UTF-8 in the database, so that they need no string on their way: on SQLite, unless an
    /// application created its file in UTF-16. Known after the first connection.
    /// </summary>
    internal bool TakesUtf8 => _takesUtf8;

    /// <summary>Opens a connection for one or a few statements.</summary>
    /// <param name="sql">The first statement.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    /// <exception cref="InvalidOperationException">MySQL's server and driver disagree about backslashes in texts.</exception>
    public ValueTask<StoreCommand> OpenAsync(string sql, CancellationToken cancellationToken) =>
        OpenAsync(sql, keepsReferences: false, cancellationToken);

    /// <summary>
    /// Opens a connection for a statement that deletes referenced rows, or that refers to other rows. SQLite checks
    /// references, and so deletes a task's configurations with their task, only if the connection enables it; a pooled
    /// one may have disabled it.
    /// </summary>
    /// <inheritdoc cref="OpenAsync(string, CancellationToken)"/>
    public ValueTask<StoreCommand> OpenReferencingAsync(string sql, CancellationToken cancellationToken) =>
        OpenAsync(sql, keepsReferences: Dialect == SqlDialect.Sqlite, cancellationToken);

    /// <summary>Creates a table with its indexes if it is absent, by <see cref="SqlSchema"/>.</summary>
    /// <param name="table">The table.</param>
    /// <param name="statements">The statements that create it.</param>
    /// <param name="key">The texts of its unique key.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="InvalidOperationException">
    /// The database has a newer version of the table than this program knows, or a column of the key takes unequal texts
    /// for equal ones, or there is an ambient transaction.
    /// </exception>
    /// <exception cref="DbException">A statement failed.</exception>
    public async ValueTask CreateIfAbsentAsync(string table, string[] statements, string[] key, CancellationToken cancellationToken)
    {
        SqlSchema schema = new(Dialect, table, new SqlMigration(statements));
        await schema.ApplyAsync(Source, cancellationToken).ConfigureAwait(false);
        await schema.RequireExactKeyAsync(Source, key, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads JSON as UTF-8. From SQLite it is read without a string of twice its size.</summary>
    /// <param name="reader">A reader of this database, on a row.</param>
    /// <param name="ordinal">The column of the JSON.</param>
    /// <exception cref="ArgumentNullException"><paramref name="reader"/> is null.</exception>
    public ReadOnlySpan<byte> ReadJson(DbDataReader reader, int ordinal)
    {
        ArgumentNullException.ThrowIfNull(reader);
        return TakesUtf8
            ? reader.GetFieldValue<byte[]>(ordinal)
            : Encoding.UTF8.GetBytes(reader.GetString(ordinal));
    }

    internal async ValueTask<DbConnection> ConnectAsync(bool keepsReferences, CancellationToken cancellationToken)
    {
        bool check = Dialect == SqlDialect.MySql && !_textsChecked;
        bool checkEncoding = Dialect == SqlDialect.Sqlite && !_textsChecked;
        DbConnection connection = check
            ? await Source.OpenLiveAsync(Dialect, cancellationToken).ConfigureAwait(false)
            : await Source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (check)
            {
                await SqlConnections.CheckTextsAsync(connection, Dialect, cancellationToken).ConfigureAwait(false);
                _textsChecked = true;
            }

            if (checkEncoding)
            {
                DbCommand command = connection.CreateCommand();
                await using (command.ConfigureAwait(false))
                {
                    command.CommandText = "PRAGMA encoding";
                    _takesUtf8 = await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is "UTF-8";
                    _textsChecked = true;
                }
            }

            if (keepsReferences)
            {
                // Run alone: together with a statement it would be counted among the rows that the statement touched.
                DbCommand command = connection.CreateCommand();
                await using (command.ConfigureAwait(false))
                {
                    command.CommandText = "PRAGMA foreign_keys = ON";
                    await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                }
            }

            return connection;
        }
        catch
        {
            await SqlConnections.DropAsync(connection).ConfigureAwait(false);
            throw;
        }
    }

    internal DbCommand Command(DbConnection connection, string sql)
    {
        DbCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Statements of generated code: names in them passed the generator's rule, values are parameters.
        command.CommandText = sql;
#pragma warning restore CA2100
        if (Dialect == SqlDialect.Sqlite)
        {
            command.CommandTimeout = SqliteBlockingSeconds;
        }

        return command;
    }

    private async ValueTask<StoreCommand> OpenAsync(string sql, bool keepsReferences, CancellationToken cancellationToken)
    {
        DbConnection connection = await ConnectAsync(keepsReferences, cancellationToken).ConfigureAwait(false);
        return new StoreCommand(this, connection, Command(connection, sql), keepsReferences);
    }
}
