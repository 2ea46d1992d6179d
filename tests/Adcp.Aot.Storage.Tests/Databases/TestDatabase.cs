using System.Data.Common;
using Microsoft.Data.Sqlite;
using MySqlConnector;
using Npgsql;

namespace Adcp.Aot.Storage.Tests.Databases;

/// <summary>
/// A fresh database for one test: a file of SQLite, a schema on PostgreSQL or a database on MySQL. Dropped with the test.
/// Tests on a server are marked with <c>[Needs(Resource.PostgreSql)]</c> or <c>[Needs(Resource.MySql)]</c>.
/// </summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    /// <summary>Tests run side by side: together they stay below the limit of a server.</summary>
    private const int MaxConnections = 16;

    private readonly Func<Task> _drop;

    private TestDatabase(SqlDialect dialect, string connectionString, Func<Task> drop)
    {
        Dialect = dialect;
        Source = dialect switch
        {
            SqlDialect.Sqlite =>
                SqliteDataSource.Create(SqliteFactory.Instance, new SqliteConnectionStringBuilder(connectionString).DataSource),
            SqlDialect.PostgreSql => NpgsqlDataSource.Create(connectionString),
            _ => new MySqlDataSource(connectionString),
        };
        ConnectionString = dialect == SqlDialect.Sqlite ? Source.ConnectionString : connectionString;
        _drop = drop;
    }

    public SqlDialect Dialect { get; }

    public DbDataSource Source { get; }

    /// <summary>For another process. Npgsql's source does not return its password.</summary>
    public string ConnectionString { get; }

    public static async Task<TestDatabase> CreateAsync(SqlDialect dialect)
    {
        string name = "t_" + Guid.NewGuid().ToString("N");
        switch (dialect)
        {
            case SqlDialect.Sqlite:
                return Sqlite(Path.Combine(Path.GetTempPath(), name + ".db"));
            case SqlDialect.PostgreSql:
                string postgres = Resources.Get(Resource.PostgreSql);
                await AdministerAsync(NpgsqlDataSource.Create(postgres), $"CREATE SCHEMA {name}");
                return new TestDatabase(
                    dialect,
                    new NpgsqlConnectionStringBuilder(postgres)
                    {
                        SearchPath = name,
                        ApplicationName = name,
                        MaxPoolSize = MaxConnections,
                    }.ConnectionString,
                    () => AdministerAsync(NpgsqlDataSource.Create(postgres), $"DROP SCHEMA {name} CASCADE"));
            default:
                string mysql = Resources.Get(Resource.MySql);
                await AdministerAsync(new MySqlDataSource(mysql), $"CREATE DATABASE {name} CHARACTER SET utf8mb4");
                return new TestDatabase(
                    dialect,
                    new MySqlConnectionStringBuilder(mysql) { Database = name, MaximumPoolSize = MaxConnections }.ConnectionString,
                    () => AdministerAsync(new MySqlDataSource(mysql), $"DROP DATABASE {name}"));
        }
    }

    /// <summary>
    /// Creates a database of PostgreSQL behind PgBouncer in transaction mode, which passes no setting of a session on: it has no schema of
    /// its own.
    /// </summary>
    public static async Task<TestDatabase> CreatePooledAsync()
    {
        string name = "t_" + Guid.NewGuid().ToString("N");
        string postgres = Resources.Get(Resource.PostgreSql);
        await AdministerAsync(NpgsqlDataSource.Create(postgres), $"CREATE DATABASE {name} TEMPLATE template0");
        return new TestDatabase(
            SqlDialect.PostgreSql,
            new NpgsqlConnectionStringBuilder(Resources.Get(Resource.PgBouncer))
            {
                Database = name,
                ApplicationName = name,
                MaxPoolSize = MaxConnections,
                NoResetOnClose = true,
            }.ConnectionString,
            () => AdministerAsync(NpgsqlDataSource.Create(postgres), $"DROP DATABASE {name} WITH (FORCE)"));
    }

    /// <summary>Returns the same database over a path that can be cut; SQLite is embedded and has none.</summary>
    public (DbDataSource Source, CuttableRoad Road) Cuttable()
    {
        // Short timeouts, so that a connection attempt does not outlive the outage.
        if (Dialect == SqlDialect.PostgreSql)
        {
            NpgsqlConnectionStringBuilder postgres = new(ConnectionString) { Timeout = 2 };
            CuttableRoad road = new(postgres.Port);
            postgres.Port = road.Port;
            return (NpgsqlDataSource.Create(postgres.ConnectionString), road);
        }

        MySqlConnectionStringBuilder mysql = new(ConnectionString) { ConnectionTimeout = 2 };
        CuttableRoad mysqlRoad = new((int)mysql.Port);
        mysql.Port = (uint)mysqlRoad.Port;
        return (new MySqlDataSource(mysql.ConnectionString), mysqlRoad);
    }

    /// <summary>Runs a statement of the test's own.</summary>
    /// <returns>Its first value.</returns>
    public async Task<object?> ExecuteAsync(string sql)
    {
        await using DbCommand command = Source.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }

    public async Task<long> CountAsync(string sql) => Convert.ToInt64(await ExecuteAsync(sql), null);

    public async Task<List<object?[]>> RowsAsync(string sql)
    {
        await using DbCommand command = Source.CreateCommand(sql);
        await using DbDataReader reader = await command.ExecuteReaderAsync();
        List<object?[]> rows = [];
        while (await reader.ReadAsync())
        {
            object?[] row = new object?[reader.FieldCount];
            for (int i = 0; i < row.Length; i++)
            {
                row[i] = reader.IsDBNull(i) ? null : reader.GetValue(i);
            }

            rows.Add(row);
        }

        return rows;
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        await _drop();
    }

    private static TestDatabase Sqlite(string path)
    {
        string connectionString = new SqliteConnectionStringBuilder { DataSource = path }.ConnectionString;
        TestDatabase? database = null;
        database = new(SqlDialect.Sqlite, connectionString, () =>
        {
            SqliteConnection.ClearPool(new SqliteConnection(database!.ConnectionString));
            foreach (string file in new[] { path, path + "-wal", path + "-shm" })
            {
                File.Delete(file);
            }

            return Task.CompletedTask;
        });
        return database;
    }

    private static async Task AdministerAsync(DbDataSource source, string sql)
    {
        await using (source)
        {
            await using DbCommand command = source.CreateCommand(sql);
            await command.ExecuteNonQueryAsync();
        }
    }
}
