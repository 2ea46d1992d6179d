using System.Data;
using System.Data.Common;
using System.Globalization;

namespace Adcp.Aot.Storage;

/// <summary>
/// Brings a table to its version: the first n migrations lead to version n. One row of <c>adcp_schema_versions</c>
/// records the version. If the last migrations are backward compatible, another row records the version before them, whose programs may
/// still start. Processes that start at the same time wait for each other. Immutable and safe for concurrent use.
/// </summary>
public sealed class SqlSchema
{
    private const string VersionsTable = "adcp_schema_versions";

    /// <summary>The time for which SQLite waits for another writer.</summary>
    private const int LockTimeoutSeconds = 30;

    /// <summary>
    /// The least time that a statement of a migration may take, such as an index on many rows, and for which other processes wait for it.
    /// </summary>
    private const int MigrationTimeoutSeconds = 600;

    /// <summary>
    /// The time that a migration waits for the lock of a table. Every other statement on the table waits behind it, for as long as a
    /// transaction that began before keeps the table, such as that of a backup.
    /// </summary>
    private const int TableLockTimeoutSeconds = 1;

    /// <summary>Others use the tables while a migration pauses.</summary>
    private static readonly TimeSpan TableLockPause = TimeSpan.FromSeconds(2);

    /// <summary>The time after which a migration of tables in use is not tried again.</summary>
    private static readonly TimeSpan TableLockPatience = TimeSpan.FromMinutes(1);

    /// <summary>citext ignores case, char(n) blanks, and name keeps 63 bytes.</summary>
    private const string InexactPostgreSqlKey = """
        SELECT a.attname::text
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
        WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND a.attname::text = ANY (string_to_array($2, ','))
            AND (COALESCE(NULLIF(t.typbasetype, 0), t.oid) NOT IN ('pg_catalog.text'::regtype, 'pg_catalog.varchar'::regtype)
                OR NOT COALESCE(c.collisdeterministic, TRUE))
        LIMIT 1
        """;

    /// <summary>
    /// utf8mb4_bin ignores trailing blanks, CHAR and BINARY drop or add bytes, and an index on a prefix compares no more than that.
    /// </summary>
    private const string InexactMySqlKey = """
        SELECT c.column_name
        FROM information_schema.columns c
        WHERE c.table_schema = COALESCE(?, DATABASE()) AND c.table_name = ? AND FIND_IN_SET(LOWER(c.column_name), LOWER(?))
            AND (NOT (c.data_type IN ('varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob')
                    OR (c.data_type IN ('varchar', 'tinytext', 'text', 'mediumtext', 'longtext')
                        AND (c.collation_name = 'utf8mb4_0900_bin' OR c.collation_name LIKE 'utf8mb4%nopad_bin')))
                OR EXISTS (
                    SELECT 1 FROM information_schema.statistics i
                    WHERE i.table_schema = c.table_schema AND i.table_name = c.table_name AND i.column_name = c.column_name
                        AND i.non_unique = 0 AND i.sub_part IS NOT NULL))
        LIMIT 1
        """;

    /// <summary>A column whose type SQLite takes for a number, as it does "STRING", turns texts into numbers: "1e3" is "1000".</summary>
    private const string InexactSqliteKey = """
        SELECT c.name
        FROM pragma_table_info(@p1, COALESCE(@p2, 'main')) c
        WHERE instr(',' || lower(@p3) || ',', ',' || lower(c.name) || ',') > 0
            AND (instr(upper(c.type), 'INT') > 0
                OR (c.type <> '' AND instr(upper(c.type), 'CHAR') = 0 AND instr(upper(c.type), 'CLOB') = 0
                    AND instr(upper(c.type), 'TEXT') = 0 AND instr(upper(c.type), 'BLOB') = 0)
                OR EXISTS (
                    SELECT 1
                    FROM pragma_index_list(@p1, COALESCE(@p2, 'main')) i
                    JOIN pragma_index_xinfo(i.name, COALESCE(@p2, 'main')) k
                    WHERE i."unique" = 1 AND k.key = 1 AND k.coll <> 'BINARY' AND lower(k.name) = lower(c.name)))
        LIMIT 1
        """;

    /// <summary>Compares the session's time zone with UTC in winter and in summer.</summary>
    private const string IsUtcSql = """
        SELECT timestamp '2026-01-01 00:00' = timestamptz '2026-01-01 00:00+00'
            AND timestamp '2026-07-01 00:00' = timestamptz '2026-07-01 00:00+00'
        """;

    private readonly SqlDialect _dialect;
    private readonly string _table;
    private readonly SqlMigration[] _migrations;
    private readonly string _versions = VersionsTable;

    /// <summary>Describes a table and its migrations.</summary>
    /// <param name="dialect">The database.</param>
    /// <param name="table">The table, which also names the schema's row: <c>table</c> or <c>schema.table</c>.</param>
    /// <param name="migrations">At least one; the first makes the table.</param>
    /// <exception cref="ArgumentException">A value breaks its rule.</exception>
    public SqlSchema(SqlDialect dialect, string table, params SqlMigration[] migrations)
    {
        ArgumentException.ThrowIfNullOrEmpty(table);
        ArgumentNullException.ThrowIfNull(migrations);
        if (migrations.Length == 0)
        {
            throw new ArgumentException("Must contain at least the migration that creates the table.", nameof(migrations));
        }

        _dialect = SqlDialects.Concrete(dialect, nameof(dialect));
        _table = table;
        _migrations = [.. migrations];
    }

    /// <summary>Describes a table whose version is kept in the schema <paramref name="versionsIn"/> instead of the default one.</summary>
    internal SqlSchema(SqlDialect dialect, string table, string? versionsIn, params SqlMigration[] migrations)
        : this(dialect, table, migrations) => _versions = versionsIn is null ? VersionsTable : $"{versionsIn}.{VersionsTable}";

    /// <summary>Gets the version that this program knows.</summary>
    public int Version => _migrations.Length;

    /// <summary>Gets the clock of pauses. Default the system's.</summary>
    internal TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Gets the name of the row that records the oldest version whose programs work on the table.</summary>
    private string OldestRow => _table + " oldest";

    /// <summary>Gets the oldest version whose programs work on the table; <see langword="null"/> if it is the table's own.</summary>
    private int? Oldest
    {
        get
        {
            int oldest = Version;
            while (oldest > 1 && _migrations[oldest - 1].IsBackwardCompatible)
            {
                oldest--;
            }

            return oldest < Version ? oldest : null;
        }
    }

    private string CreateVersions
    {
        get
        {
            string text = _dialect == SqlDialect.MySql ? "VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" : "TEXT";
            return $"CREATE TABLE IF NOT EXISTS {_versions} (table_name {text} NOT NULL PRIMARY KEY, version INTEGER NOT NULL)";
        }
    }

    /// <summary>
    /// Creates the table if it is absent, and runs the migrations that are missing. A table without a version row
    /// belongs to the user: it is recorded as version 1 and not changed.
    /// </summary>
    /// <param name="source">Opens the connection.</param>
    /// <param name="cancellationToken">Ends the work. The next call continues from there.</param>
    /// <returns>The version before the call, 0 if there was none.</returns>
    /// <exception cref="InvalidOperationException">
    /// The database has a newer version than this program knows, and a migration to it is not backward compatible; or there is an
    /// ambient transaction; or MySQL's server and driver disagree about backslashes in texts.
    /// </exception>
    /// <exception cref="TimeoutException">
    /// Transactions have used a table for a minute. A migration waits for one second at a time and pauses for two, so that other statements
    /// on the table do not wait for longer. Or, on MySQL, another process has been changing tables for 10 minutes.
    /// </exception>
    /// <exception cref="DbException">
    /// A statement failed. On PostgreSQL also: another process has been changing tables for 10 minutes; on SQLite: it has been writing for
    /// 30 s.
    /// </exception>
    public Task<int> ApplyAsync(DbDataSource source, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        SqlConnections.RefuseAmbientTransaction(source, _dialect, $"The creation of table '{_table}'");
        return RunAsync(source, ApplyLockedAsync, cancellationToken);
    }

    /// <summary>
    /// Runs a query that names every column a program needs, so that a missing one is found at start and not by the
    /// first row.
    /// </summary>
    /// <param name="source">Opens the connection.</param>
    /// <param name="columns">A query such as <c>SELECT a, b FROM t WHERE 1 = 0</c>.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    /// <exception cref="InvalidOperationException">
    /// The database refuses the query; the inner exception has its reason. Or a column of PostgreSQL holds times
    /// without a zone, and the session's zone is not UTC: times would be shifted.
    /// </exception>
    public Task RequireAsync(DbDataSource source, string columns, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentException.ThrowIfNullOrEmpty(columns);
        return RunAsync(
            source,
            async (connection, token) =>
            {
                try
                {
                    await RequireAsync(connection, columns, token).ConfigureAwait(false);
                    return true;
                }
                catch (DbException fault) when (SqlFaults.Of(fault, connection) == SqlFault.Permanent)
                {
                    throw new InvalidOperationException(
                        $"Table '{_table}' has not every column that is mapped to it: {fault.Message}", fault);
                }
            },
            cancellationToken);
    }

    /// <summary>Reads the version of the table. Changes nothing.</summary>
    /// <param name="source">Opens the connection.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The version; 0 if none is recorded. It may be higher than <see cref="Version"/>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    /// <exception cref="DbException">The database cannot be reached, or refuses to show the version.</exception>
    public Task<int> GetVersionAsync(DbDataSource source, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        return RunAsync(
            source,
            async (connection, token) => await TableExistsAsync(connection, _versions, token).ConfigureAwait(false)
                ? await VersionOfAsync(connection, _table, token).ConfigureAwait(false)
                : 0,
            cancellationToken);
    }

    /// <summary>
    /// Refuses tables that a newer program made, unless this one still works on them. Tables that have no version yet pass.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// The database has a newer version than this program knows, and a migration to it is not backward compatible.
    /// </exception>
    internal Task RequireKnownVersionAsync(DbDataSource source, CancellationToken cancellationToken) => RunAsync(
        source,
        async (connection, token) =>
        {
            if (await TableExistsAsync(connection, _versions, token).ConfigureAwait(false))
            {
                await RequireKnownAsync(connection, await VersionOfAsync(connection, _table, token).ConfigureAwait(false), token)
                    .ConfigureAwait(false);
            }

            return true;
        },
        cancellationToken);

    /// <summary>Returns the statements of <see cref="ApplyAsync(DbDataSource, CancellationToken)"/> as a script.</summary>
    /// <param name="from">The version that the database has, 0 for none.</param>
    internal IEnumerable<string> StatementsFrom(int from)
    {
        if (from == 0)
        {
            yield return CreateVersions;
        }

        if (from < Version)
        {
            yield return $"DELETE FROM {_versions} WHERE table_name = '{OldestRow}'";
            if (Oldest is { } oldest)
            {
                yield return string.Create(
                    CultureInfo.InvariantCulture, $"INSERT INTO {_versions} (table_name, version) VALUES ('{OldestRow}', {oldest})");
            }
        }

        for (int version = from; version < Version; version++)
        {
            foreach (string statement in _migrations[version].Statements)
            {
                yield return statement;
            }
        }

        if (from == 0)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture, $"INSERT INTO {_versions} (table_name, version) VALUES ('{_table}', {Version})");
        }
        else if (from < Version)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture, $"UPDATE {_versions} SET version = {Version} WHERE table_name = '{_table}'");
        }
    }

    /// <summary>
    /// Refuses a table whose key takes one scope or id for another: columns that ignore case or blanks, that keep a
    /// part of a text, or that turn it into a number. An insert that meets such a row would overwrite it, and its
    /// reader would get another tenant's.
    /// </summary>
    /// <exception cref="InvalidOperationException">The key has such a column.</exception>
    internal Task RequireExactKeyAsync(DbDataSource source, string[] key, CancellationToken cancellationToken) => RunAsync(
        source,
        async (connection, token) =>
        {
            (string? schema, string name) = NameParts(_table);
            (DbType, object?) columns = (DbType.String, string.Join(',', key));
            (string sql, (DbType, object?)[] values) = _dialect switch
            {
                SqlDialect.Sqlite =>
                    (InexactSqliteKey, new (DbType, object?)[] { (DbType.String, name), (DbType.String, schema), columns }),
                SqlDialect.PostgreSql => (InexactPostgreSqlKey, [(DbType.String, QuotedName(_table)), columns]),
                _ => (InexactMySqlKey, [(DbType.String, schema), (DbType.String, name), columns]),
            };
            object? column = await ScalarAsync(connection, sql, token, values).ConfigureAwait(false);
            return column is null or DBNull
                ? true
                : throw new InvalidOperationException(
                    $"Column '{column}' is in the key of table '{_table}', and its type, collation or index takes one tenant's key for "
                    + "another's. Make it compare bytes: TEXT with the collation BINARY (SQLite), text with the collation \"C\" "
                    + "(PostgreSQL), VARBINARY with an index on all of it (MySQL).");
        },
        cancellationToken);

    /// <summary>
    /// Runs work on a connection, and again on another if the connection was lost. All of a schema's statements
    /// tolerate being run again.
    /// </summary>
    private static async Task<T> RunAsync<T>(
        DbDataSource source, Func<DbConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        for (int lost = 0; ; lost++)
        {
            DbConnection connection = await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await work(connection, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception fault) when (
                lost < SqlConnections.MaxReopened && fault is not OperationCanceledException && SqlFaults.IsLost(fault, connection))
            {
                // A pool may hand out connections that are older than a restart, each once.
            }
            finally
            {
                await SqlConnections.DropAsync(connection).ConfigureAwait(false);
            }
        }
    }

    private async Task<int> ApplyLockedAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        await SqlConnections.CheckTextsAsync(connection, _dialect, cancellationToken).ConfigureAwait(false);
        bool done = false;
        try
        {
            // Inside the try block: if taking the lock was cancelled, it may be held all the same.
            await LockAsync(connection, cancellationToken).ConfigureAwait(false);
            int before = await ApplyPatientlyAsync(connection, cancellationToken).ConfigureAwait(false);
            done = true;
            return before;
        }
        finally
        {
            await UnlockAsync(connection, done).ConfigureAwait(false);
        }
    }

    /// <summary>Applies the migrations, and again if a table is in use. Other processes that want to migrate wait meanwhile.</summary>
    private async Task<int> ApplyPatientlyAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        long started = Time.GetTimestamp();
        bool isPostgreSql = _dialect == SqlDialect.PostgreSql;
        if (isPostgreSql)
        {
            await ExecuteAsync(connection, "SAVEPOINT adcp_migration", cancellationToken).ConfigureAwait(false);
        }

        while (true)
        {
            try
            {
                return await ApplyAsync(connection, cancellationToken).ConfigureAwait(false);
            }
            catch (DbException fault) when (SqlFaults.IsTableLocked(fault))
            {
                if (Time.GetElapsedTime(started) >= TableLockPatience)
                {
                    throw new TimeoutException(
                        $"The tables of '{_table}' could not be changed to version {Version}, because transactions have used one of them "
                        + "for a minute. End these transactions, such as that of a backup, and start again. "
                        + fault.Message,
                        fault);
                }
            }

            if (isPostgreSql)
            {
                // Gives the locks of tables back, and keeps the one that other processes wait for.
                await ExecuteAsync(connection, "ROLLBACK TO SAVEPOINT adcp_migration", cancellationToken).ConfigureAwait(false);
            }

            await Task.Delay(TableLockPause, Time, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task RequireAsync(DbConnection connection, string columns, CancellationToken cancellationToken)
    {
        string? zoneless = null;
        DbCommand command = Command(connection, columns, []);
        await using (command.ConfigureAwait(false))
        {
            DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                for (int i = 0; _dialect == SqlDialect.PostgreSql && zoneless is null && i < reader.FieldCount; i++)
                {
                    zoneless = reader.GetDataTypeName(i) == "timestamp without time zone" ? reader.GetName(i) : null;
                }
            }
        }

        if (zoneless is not null && await ScalarAsync(connection, IsUtcSql, cancellationToken).ConfigureAwait(false) is not true)
        {
            throw new InvalidOperationException(
                $"Column '{zoneless}' of table '{_table}' has the type timestamp without time zone, and the session's zone is not UTC: "
                + "times would be shifted. "
                + "Use timestamptz, or put \"Timezone=UTC\" into the connection string.");
        }
    }

    private async Task<int> ApplyAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        await ExecuteAsync(connection, CreateVersions, cancellationToken).ConfigureAwait(false);
        int before = await VersionOfAsync(connection, _table, cancellationToken).ConfigureAwait(false);
        await RequireKnownAsync(connection, before, cancellationToken).ConfigureAwait(false);
        if (before < Version)
        {
            await LimitTableLocksAsync(connection, cancellationToken).ConfigureAwait(false);

            // Before the first migration: MySQL commits each statement, and the process may end between two of them. A program reads this
            // row only if the version is greater than its own.
            await RecordOldestAsync(connection, cancellationToken).ConfigureAwait(false);
        }

        if (before == 0)
        {
            if (!await TableExistsAsync(connection, _table, cancellationToken).ConfigureAwait(false))
            {
                await RunAsync(connection, _migrations[0], cancellationToken).ConfigureAwait(false);
            }

            await RecordAsync(connection, _table, 1, cancellationToken).ConfigureAwait(false);
        }

        for (int version = Math.Max(before, 1); version < Version; version++)
        {
            await RunAsync(connection, _migrations[version], cancellationToken).ConfigureAwait(false);
            await ExecuteAsync(
                connection,
                $"UPDATE {_versions} SET version = {P(1)} WHERE table_name = {P(2)}",
                cancellationToken,
                (DbType.Int32, version + 1),
                (DbType.String, _table)).ConfigureAwait(false);
        }

        return before;
    }

    private async Task RecordOldestAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        await ExecuteAsync(
            connection, $"DELETE FROM {_versions} WHERE table_name = {P(1)}", cancellationToken, (DbType.String, OldestRow))
            .ConfigureAwait(false);
        if (Oldest is { } oldest)
        {
            await RecordAsync(connection, OldestRow, oldest, cancellationToken).ConfigureAwait(false);
        }
    }

    private Task RecordAsync(DbConnection connection, string row, int version, CancellationToken cancellationToken) => ExecuteAsync(
        connection, $"INSERT INTO {_versions} (table_name, version) VALUES ({P(1)}, {P(2)})", cancellationToken,
        (DbType.String, row), (DbType.Int32, version));

    private async Task RunAsync(DbConnection connection, SqlMigration migration, CancellationToken cancellationToken)
    {
        foreach (string statement in migration.Statements)
        {
            DbCommand command = LongCommand(connection, statement);
            await using (command.ConfigureAwait(false))
            {
                await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Limits the waiting for locks of tables until the end of the savepoint, or on MySQL until the unlocking.</summary>
    private Task LimitTableLocksAsync(DbConnection connection, CancellationToken cancellationToken) => _dialect switch
    {
        SqlDialect.PostgreSql => ExecuteAsync(connection, $"SET LOCAL lock_timeout = '{TableLockTimeoutSeconds}s'", cancellationToken),
        SqlDialect.MySql => ExecuteAsync(connection, $"SET SESSION lock_wait_timeout = {TableLockTimeoutSeconds}", cancellationToken),
        _ => Task.CompletedTask,
    };

    private async Task RequireKnownAsync(DbConnection connection, int version, CancellationToken cancellationToken)
    {
        if (version > Version
            && await VersionOfAsync(connection, OldestRow, cancellationToken).ConfigureAwait(false) is var oldest
            && (oldest == 0 || oldest > Version))
        {
            throw new InvalidOperationException(
                $"Table '{_table}' has schema version {version}; this program knows {Version}. "
                + "Run the newer program, or point this one at another table.");
        }
    }

    /// <summary>Returns the version that a row records; 0 if there is none.</summary>
    private async Task<int> VersionOfAsync(DbConnection connection, string row, CancellationToken cancellationToken)
    {
        object? version = await ScalarAsync(
            connection, $"SELECT version FROM {_versions} WHERE table_name = {P(1)}", cancellationToken, (DbType.String, row))
            .ConfigureAwait(false);
        return version is null or DBNull ? 0 : Convert.ToInt32(version, CultureInfo.InvariantCulture);
    }

    private static (string? Schema, string Name) NameParts(string table) =>
        table.Split('.') is [string schema, string name] ? (schema, name) : (null, table);

    private static string QuotedName(string table) => string.Join('.', table.Split('.').Select(static part => $"\"{part}\""));

    private async Task<bool> TableExistsAsync(DbConnection connection, string table, CancellationToken cancellationToken)
    {
        (string? schema, string name) = NameParts(table);
        object? count = _dialect switch
        {
            SqlDialect.Sqlite => await ScalarAsync(
                connection,
                $"SELECT COUNT(*) FROM {(schema is null ? "" : $"\"{schema}\".")}sqlite_master WHERE type IN ('table', 'view') AND "
                + $"name = {P(1)} COLLATE NOCASE",
                cancellationToken,
                (DbType.String, name)).ConfigureAwait(false),
            SqlDialect.PostgreSql => await ScalarAsync(
                connection,
                "SELECT COUNT(*) FROM pg_catalog.pg_class WHERE oid = to_regclass($1)",
                cancellationToken,
                (DbType.String, QuotedName(table))).ConfigureAwait(false),
            _ => await ScalarAsync(
                connection,
                "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?",
                cancellationToken,
                (DbType.String, schema),
                (DbType.String, name)).ConfigureAwait(false),
        };
        return Convert.ToInt64(count, CultureInfo.InvariantCulture) > 0;
    }

    /// <summary>SQLite and PostgreSQL change schemas in a transaction; MySQL cannot, and takes a named lock.</summary>
    private async Task LockAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        switch (_dialect)
        {
            case SqlDialect.Sqlite:
                DbCommand begin = Command(connection, "BEGIN IMMEDIATE", []);
                await using (begin.ConfigureAwait(false))
                {
                    begin.CommandTimeout = LockTimeoutSeconds;
                    await begin.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                }

                break;
            case SqlDialect.PostgreSql:
                await ExecuteAsync(connection, "BEGIN", cancellationToken).ConfigureAwait(false);
                DbCommand advisory = LongCommand(connection, $"SELECT pg_advisory_xact_lock(hashtext('{VersionsTable}'))");
                await using (advisory.ConfigureAwait(false))
                {
                    await advisory.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                }

                break;
            default:
                DbCommand named = LongCommand(connection, $"SELECT GET_LOCK('{VersionsTable}', {MigrationTimeoutSeconds - 1})");
                await using (named.ConfigureAwait(false))
                {
                    object? taken = await named.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
                    if (taken is null or DBNull || Convert.ToInt32(taken, CultureInfo.InvariantCulture) != 1)
                    {
                        throw new TimeoutException($"Another process has been changing tables for {MigrationTimeoutSeconds} s.");
                    }
                }

                break;
        }
    }

    private async Task UnlockAsync(DbConnection connection, bool done)
    {
        string statement = _dialect == SqlDialect.MySql ? $"DO RELEASE_LOCK('{VersionsTable}')" : done ? "COMMIT" : "ROLLBACK";
        try
        {
            await ExecuteAsync(connection, statement, CancellationToken.None).ConfigureAwait(false);
            if (_dialect == SqlDialect.MySql)
            {
                await ExecuteAsync(connection, "SET SESSION lock_wait_timeout = DEFAULT", CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (Exception fault) when (!done && fault is DbException or InvalidOperationException)
        {
            // The connection is lost, and the lock with it. The first fault says why.
        }
    }

    private async Task ExecuteAsync(DbConnection connection, string sql, CancellationToken cancellationToken,
        params (DbType Type, object? Value)[] values)
    {
        DbCommand command = Command(connection, sql, values);
        await using (command.ConfigureAwait(false))
        {
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<object?> ScalarAsync(DbConnection connection, string sql, CancellationToken cancellationToken,
        params (DbType Type, object? Value)[] values)
    {
        DbCommand command = Command(connection, sql, values);
        await using (command.ConfigureAwait(false))
        {
            return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Returns a command that has ten minutes, or more if the connection string says so.</summary>
    private DbCommand LongCommand(DbConnection connection, string sql)
    {
        DbCommand command = Command(connection, sql, []);
        if (command.CommandTimeout is > 0 and < MigrationTimeoutSeconds)
        {
            command.CommandTimeout = MigrationTimeoutSeconds;
        }

        return command;
    }

    private DbCommand Command(DbConnection connection, string sql, (DbType Type, object? Value)[] values)
    {
        DbCommand command = connection.CreateCommand();
        // The statements are constants of this file and of generated code. Names in them passed the generator's rule, and values
        // are parameters.
#pragma warning disable CA2100
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach ((DbType type, object? value) in values)
        {
            command.Add(_dialect, type, value);
        }

        return command;
    }

    private string P(int position) => SqlDialects.Parameter(_dialect, position);
}
