using System.Data.Common;
using Adcp.Aot;
using Adcp.Aot.Storage;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace A2AStores;

/// <summary>The database that <c>--store</c> names.</summary>
internal sealed record Database(DbDataSource Source, SqlDialect Dialect, string Name) : IAsyncDisposable
{
    public const string Forms = "sqlite:<file>, postgres:<connection string> or mysql:<connection string>";

    /// <exception cref="ArgumentException">The value has none of the forms; the message does not repeat the connection
    /// string.</exception>
    public static Database Open(string store)
    {
        int colon = store.IndexOf(':');
        string where = store[(colon + 1)..];
        return (colon < 0 ? "" : store[..colon], where.Length) switch
        {
            ("sqlite", > 0) =>
                new Database(SqliteDataSource.Create(SqliteFactory.Instance, where), SqlDialect.Sqlite, $"SQLite file {where}"),
            ("postgres", > 0) => new Database(Postgres(where), SqlDialect.PostgreSql, "PostgreSQL"),
#if MYSQL
            ("mysql", > 0) => new Database(new MySqlConnector.MySqlDataSource(where), SqlDialect.MySql, "MySQL"),
#else
            ("mysql", _) => throw new ArgumentException("This build has no MySQL driver; build with -p:WithMySql=true."),
#endif
            _ => throw new ArgumentException($"A store is {Forms}."),
        };
    }

    /// <summary>Returns the outbox of the notifications; <see langword="null"/> on MySQL and MariaDB, on which it does not run.</summary>
    public SqlWebhookOutbox? CreateOutbox(IWebhookSender sender, EncryptionKey secrets, ILogger logger) => Dialect == SqlDialect.MySql
        ? null
        : new SqlWebhookOutbox(
            new StoreDatabase(Source, Dialect), sender, SecretsAtRest.EncryptedWith(secrets),
            new SqlWebhookOutboxOptions { TablePrefix = "a2a_outbox_", Logger = logger });

    public ValueTask DisposeAsync() => Source.DisposeAsync();

    private static NpgsqlDataSource Postgres(string connectionString)
    {
        NpgsqlSlimDataSourceBuilder builder = new(connectionString);
        builder.EnableTransportSecurity();
        return builder.Build();
    }
}
