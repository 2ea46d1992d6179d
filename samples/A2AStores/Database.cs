using System.Data.Common;
using Adcp.Aot.Storage;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace A2AStores;

/// <summary>What <c>--store</c> names.</summary>
internal sealed record Database(DbDataSource Source, SqlDialect Dialect, string Name) : IAsyncDisposable
{
    public const string Forms = "sqlite:<file>, postgres:<connection string> or mysql:<connection string>";

    /// <exception cref="ArgumentException">None of the forms; the message does not repeat the connection string.</exception>
    public static async Task<Database> OpenAsync(string store)
    {
        int colon = store.IndexOf(':');
        string where = store[(colon + 1)..];
        return (colon < 0 ? "" : store[..colon], where.Length) switch
        {
            ("sqlite", > 0) => await SqliteAsync(where),
            ("postgres", > 0) => new Database(Postgres(where), SqlDialect.PostgreSql, "PostgreSQL"),
#if MYSQL
            ("mysql", > 0) => new Database(new MySqlConnector.MySqlDataSource(where), SqlDialect.MySql, "MySQL"),
#else
            ("mysql", _) => throw new ArgumentException("This build has no MySQL driver; build with -p:WithMySql=true."),
#endif
            _ => throw new ArgumentException($"A store is {Forms}."),
        };
    }

    public ValueTask DisposeAsync() => Source.DisposeAsync();

    private static async Task<Database> SqliteAsync(string path)
    {
        // SQLite would create the file with the umask's mode; tasks are their owners' business. Its -wal and -shm files take the mode of this one.
        if (!File.Exists(path))
        {
            FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            await using FileStream created = new(path, options);
        }

        DbDataSource source = SqliteFactory.Instance.CreateDataSource(new SqliteConnectionStringBuilder { DataSource = path }.ConnectionString);
        await using DbCommand wal = source.CreateCommand("PRAGMA journal_mode = WAL");
        await wal.ExecuteNonQueryAsync();
        return new Database(source, SqlDialect.Sqlite, $"SQLite file {path}");
    }

    private static NpgsqlDataSource Postgres(string connectionString)
    {
        NpgsqlSlimDataSourceBuilder builder = new(connectionString);
        builder.EnableTransportSecurity();
        return builder.Build();
    }
}
