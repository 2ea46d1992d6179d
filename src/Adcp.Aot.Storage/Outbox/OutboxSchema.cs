using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>
/// The tables of an outbox, for tools that create, update or inspect them apart from the application. It needs neither the keys of
/// the rows nor a sender. Thread-safe.
/// </summary>
public sealed class OutboxSchema : IStoreTables
{
    private readonly StoreDatabase _database;
    private readonly SqlSchema _schema;
    private readonly SqliteOutboxDatabase? _sqlite;
    private readonly PostgreSqlOutboxSchema? _postgreSql;

    /// <summary>Describes the tables of an outbox.</summary>
    /// <param name="database">The database, SQLite or PostgreSQL.</param>
    /// <param name="tablePrefix">See <see cref="SqlWebhookOutboxOptions.TablePrefix"/>.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="tablePrefix"/> breaks its rule.</exception>
    /// <exception cref="NotSupportedException">The database is MySQL or MariaDB.</exception>
    public OutboxSchema(StoreDatabase database, string tablePrefix = OutboxTables.DefaultPrefix)
    {
        ArgumentNullException.ThrowIfNull(database);
        OutboxTables tables = new(tablePrefix);
        OutboxStores.RequireSupported(database.Dialect);
        _database = database;
        if (database.Dialect == SqlDialect.Sqlite)
        {
            _sqlite = new SqliteOutboxDatabase(database, tables, warn: null, SqliteOutboxDatabase.Minimum);
            _schema = _sqlite.Schema;
        }
        else
        {
            _postgreSql = new PostgreSqlOutboxSchema(tables);
            _schema = _postgreSql.Schema;
        }
    }

    /// <summary>Gets the version of the tables that this program knows.</summary>
    public int Version => _schema.Version;

    /// <summary>Reads the version of the tables in the database. Changes nothing.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The version; 0 if there are no tables. It may be higher than <see cref="Version"/>.</returns>
    /// <exception cref="DbException">The database cannot be reached, or refuses to show the version.</exception>
    public async ValueTask<int> GetVersionAsync(CancellationToken cancellationToken = default) =>
        await _schema.GetVersionAsync(_database.Source, cancellationToken).ConfigureAwait(false);

    /// <summary>Returns the statements that lead from a version to <see cref="Version"/>. Run them in order, in one transaction.</summary>
    /// <param name="fromVersion">The version that the database has, 0 for none. 0 to <see cref="Version"/>.</param>
    /// <returns>The statements; none if there is nothing to do.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fromVersion"/> is outside 0 to <see cref="Version"/>.</exception>
    public IReadOnlyList<string> GetStatements(int fromVersion = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(fromVersion);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(fromVersion, Version);
        return [.. _schema.StatementsFrom(fromVersion)];
    }

    /// <summary>
    /// Creates the tables if they are absent, and brings them to <see cref="Version"/>. Processes that start at the same time wait for
    /// each other. Tables of the next version are left as they are if this program works on them.
    /// </summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="InvalidOperationException">
    /// The tables are newer than this program, which does not work on them; or there is an ambient transaction; or the server or SQLite's
    /// library is too old.
    /// </exception>
    /// <exception cref="TimeoutException">
    /// Transactions have used a table that is to be changed for a minute, such as that of a backup (PostgreSQL).
    /// </exception>
    /// <exception cref="DbException">A statement failed.</exception>
    public async ValueTask CreateIfAbsentAsync(CancellationToken cancellationToken = default)
    {
        if (_postgreSql is not null)
        {
            await _postgreSql.CreateIfAbsentAsync(_database.Source, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            _sqlite!.CheckLibrary();
            await _schema.ApplyAsync(_database.Source, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Checks that the tables are there and have every column that this program uses. Changes nothing.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="InvalidOperationException">
    /// A table is missing or lacks a column, or is newer than this program, which does not work on it; or the server or SQLite's library is
    /// too old.
    /// </exception>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public async ValueTask CheckAsync(CancellationToken cancellationToken = default)
    {
        if (_postgreSql is not null)
        {
            await _postgreSql.CheckAsync(_database.Source, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            _sqlite!.CheckLibrary();
            await _sqlite.RequireColumnsAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
