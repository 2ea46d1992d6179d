using System.Data.Common;
using Microsoft.Data.Sqlite;
using MySqlConnector;
using Npgsql;

namespace Adcp.Aot.Storage.Tests.Databases;

/// <summary>
/// A fresh database for one test: a file of SQLite always, a database of its own on PostgreSQL and MySQL where <c>ADCP_TEST_POSTGRES</c> and <c>ADCP_TEST_MYSQL</c> hold a connection
/// string whose user may create one.
/// </summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    public const string PostgresVariable = "ADCP_TEST_POSTGRES";
    public const string MySqlVariable = "ADCP_TEST_MYSQL";

    private readonly string _connectionString;
    private readonly Func<Task> _drop;

    private TestDatabase(SqlDialect dialect, string connectionString, Func<Task> drop)
    {
        Dialect = dialect;
        Source = dialect switch
        {
            SqlDialect.Sqlite => SqliteFactory.Instance.CreateDataSource(connectionString),
            SqlDialect.PostgreSql => NpgsqlDataSource.Create(connectionString),
            _ => new MySqlDataSource(connectionString),
        };
        _connectionString = connectionString;
        _drop = drop;
    }

    public SqlDialect Dialect { get; }

    public DbDataSource Source { get; }

    public static async Task<TestDatabase> CreateAsync(SqlDialect dialect)
    {
        string name = "t_" + Guid.NewGuid().ToString("N");
        switch (dialect)
        {
            case SqlDialect.Sqlite:
                return await SqliteAsync(Path.Combine(Path.GetTempPath(), name + ".db"));
            case SqlDialect.PostgreSql:
                string postgres = Variable(PostgresVariable);
                await AdministerAsync(NpgsqlDataSource.Create(postgres), $"CREATE DATABASE {name}");
                return new TestDatabase(
                    dialect,
                    new NpgsqlConnectionStringBuilder(postgres) { Database = name }.ConnectionString,
                    () => AdministerAsync(NpgsqlDataSource.Create(postgres), $"DROP DATABASE {name} WITH (FORCE)"));
            default:
                string mysql = Variable(MySqlVariable);
                await AdministerAsync(new MySqlDataSource(mysql), $"CREATE DATABASE {name} CHARACTER SET utf8mb4");
                return new TestDatabase(
                    dialect,
                    new MySqlConnectionStringBuilder(mysql) { Database = name }.ConnectionString,
                    () => AdministerAsync(new MySqlDataSource(mysql), $"DROP DATABASE {name}"));
        }
    }

    /// <summary>The same database over a road that can be cut; SQLite is embedded and has none.</summary>
    public (DbDataSource Source, CuttableRoad Road) Cuttable()
    {
        // Short timeouts, so that a connection attempt does not outlive the outage.
        if (Dialect == SqlDialect.PostgreSql)
        {
            NpgsqlConnectionStringBuilder postgres = new(_connectionString) { Timeout = 2 };
            CuttableRoad road = new(postgres.Port);
            postgres.Port = road.Port;
            return (NpgsqlDataSource.Create(postgres.ConnectionString), road);
        }

        MySqlConnectionStringBuilder mysql = new(_connectionString) { ConnectionTimeout = 2 };
        CuttableRoad mysqlRoad = new((int)mysql.Port);
        mysql.Port = (uint)mysqlRoad.Port;
        return (new MySqlDataSource(mysql.ConnectionString), mysqlRoad);
    }

    public async Task ExecuteAsync(string sql)
    {
        await using DbConnection connection = await Source.OpenConnectionAsync();
        await using DbCommand command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }

    public async Task<long> CountAsync(string sql)
    {
        await using DbConnection connection = await Source.OpenConnectionAsync();
        await using DbCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToInt64(await command.ExecuteScalarAsync(), null);
    }

    public async Task<List<object?[]>> RowsAsync(string sql)
    {
        await using DbConnection connection = await Source.OpenConnectionAsync();
        await using DbCommand command = connection.CreateCommand();
        command.CommandText = sql;
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

    private static async Task<TestDatabase> SqliteAsync(string path)
    {
        string connectionString = new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 5 }.ConnectionString;
        TestDatabase database = new(SqlDialect.Sqlite, connectionString, () =>
        {
            SqliteConnection.ClearPool(new SqliteConnection(connectionString));
            foreach (string file in new[] { path, path + "-wal", path + "-shm" })
            {
                File.Delete(file);
            }

            return Task.CompletedTask;
        });
        await database.ExecuteAsync("PRAGMA journal_mode = WAL");
        return database;
    }

    private static string Variable(string name)
    {
        string? value = Environment.GetEnvironmentVariable(name);
        Assert.SkipWhen(string.IsNullOrEmpty(value), $"{name} is not set; .ci/run starts the server and sets it.");
        return value!;
    }

    private static async Task AdministerAsync(DbDataSource source, string sql)
    {
        await using (source)
        {
            await using DbConnection connection = await source.OpenConnectionAsync();
            await using DbCommand command = connection.CreateCommand();
            command.CommandText = sql;
            await command.ExecuteNonQueryAsync();
        }
    }
}
