using System.Data.Common;

namespace Adcp.Aot.Storage.A2A;

/// <summary>The database of a generated store. Safe for concurrent use; the source stays its creator's to dispose.</summary>
public sealed class StoreDatabase
{
    private readonly DbDataSource _source;

    /// <summary>Names the database and its SQL.</summary>
    /// <param name="source">Opens connections.</param>
    /// <param name="dialect">The SQL that they speak.</param>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="dialect"/> is none of the three.</exception>
    public StoreDatabase(DbDataSource source, SqlDialect dialect)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (dialect == SqlDialect.Any || !Enum.IsDefined(dialect))
        {
            throw new ArgumentOutOfRangeException(nameof(dialect), dialect, "Say Sqlite, PostgreSql or MySql.");
        }

        _source = source;
        Dialect = dialect;
    }

    /// <summary>The SQL that the database speaks.</summary>
    public SqlDialect Dialect { get; }

    /// <summary>Opens a connection for one or a few statements.</summary>
    /// <param name="sql">The first statement.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public async ValueTask<StoreCommand> OpenAsync(string sql, CancellationToken cancellationToken)
    {
        DbConnection connection = await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        DbCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return new StoreCommand(connection, command, Dialect);
    }

    /// <summary>
    /// Opens a connection for a statement that deletes what others refer to, or refers to others. SQLite keeps references, and so a task's configurations with their
    /// task, only where the connection says so, and a pooled one may have been told otherwise.
    /// </summary>
    /// <inheritdoc cref="OpenAsync"/>
    public async ValueTask<StoreCommand> OpenReferencingAsync(string sql, CancellationToken cancellationToken)
    {
        StoreCommand command = await OpenAsync(Dialect == SqlDialect.Sqlite ? "PRAGMA foreign_keys = ON" : sql, cancellationToken).ConfigureAwait(false);
        if (Dialect == SqlDialect.Sqlite)
        {
            // By itself: run together with a statement it would be counted among the rows that the statement touched.
            await command.ExecuteAsync(cancellationToken).ConfigureAwait(false);
            command.Next(sql);
        }

        return command;
    }

    /// <summary>Creates a table with its indexes where it is absent, by <see cref="SqlSchema"/>.</summary>
    /// <param name="table">The table.</param>
    /// <param name="statements">What creates it.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="InvalidOperationException">The database has a newer version of the table than this program knows.</exception>
    /// <exception cref="DbException">A statement failed.</exception>
    public async ValueTask CreateIfAbsentAsync(string table, string[] statements, CancellationToken cancellationToken) =>
        await new SqlSchema(Dialect, table, new SqlMigration(statements)).ApplyAsync(_source, cancellationToken).ConfigureAwait(false);
}
