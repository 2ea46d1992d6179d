using System.Data.Common;
using Adcp.Aot.Storage;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Adcp.Aot.Cli;

/// <summary>An open database.</summary>
internal sealed class Store : IAsyncDisposable
{
    private readonly DbDataSource _source;

    private Store(DbDataSource source, SqlDialect dialect, string name)
    {
        _source = source;
        Database = new StoreDatabase(source, dialect);
        Name = name;
    }

    internal StoreDatabase Database { get; }

    /// <summary>Gets the database in words, without user and password.</summary>
    internal string Name { get; }

    /// <summary>Opens a database. Connections are made when they are needed.</summary>
    /// <param name="address">The database.</param>
    /// <param name="changes">Whether it is written to. Otherwise a file of SQLite is opened for reading only, and never created.</param>
    /// <exception cref="CommandException">The file of SQLite cannot be created.</exception>
    internal static Store Open(StoreAddress address, bool changes)
    {
        if (address.PostgreSql is { } connection)
        {
            NpgsqlSlimDataSourceBuilder builder = new(connection.ConnectionString);
            builder.EnableTransportSecurity();
            builder.EnableIntegratedSecurity();
            return new Store(builder.Build(), SqlDialect.PostgreSql, address.Name);
        }

        if (!changes)
        {
            SqliteConnectionStringBuilder file = new() { DataSource = address.File, Mode = SqliteOpenMode.ReadOnly };
            return new Store(SqliteFactory.Instance.CreateDataSource(file.ConnectionString), SqlDialect.Sqlite, address.Name);
        }

        try
        {
            return new Store(SqliteDataSource.Create(SqliteFactory.Instance, address.File!), SqlDialect.Sqlite, address.Name);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException or DbException)
        {
            throw new CommandException(ExitCode.Usage, $"'{address.File}' cannot be opened: {fault.Message}");
        }
    }

    /// <summary>Reads the database's clock.</summary>
    internal async Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellationToken)
    {
        DbConnection connection = await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            DbCommand command = connection.CreateCommand();
            await using (command.ConfigureAwait(false))
            {
#pragma warning disable CA2100 // A constant of the library.
                command.CommandText = $"SELECT {Database.NowSql}";
#pragma warning restore CA2100
                object? now = await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
                return DateTimeOffset.FromUnixTimeMilliseconds((long)now!);
            }
        }
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();
}
