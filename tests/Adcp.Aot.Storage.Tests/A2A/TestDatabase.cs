using System.Data.Common;
using Microsoft.Data.Sqlite;
using MySqlConnector;
using Npgsql;

namespace Adcp.Aot.Storage.Tests.A2A;

/// <summary>An empty database of its own for one test: a file, or a schema of the server that the environment names. Dropped with the test.</summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    private readonly Func<ValueTask> _drop;

    private TestDatabase(DbDataSource source, string connectionString, SqlDialect dialect, Func<ValueTask> drop)
    {
        Source = source;
        ConnectionString = connectionString;
        Dialect = dialect;
        _drop = drop;
    }

    public DbDataSource Source { get; }

    /// <summary>For another process. A source of Npgsql's does not tell its password.</summary>
    public string ConnectionString { get; }

    public SqlDialect Dialect { get; }

    public static async Task<TestDatabase> CreateAsync(SqlDialect dialect)
    {
        string name = "t" + Guid.NewGuid().ToString("N");
        switch (dialect)
        {
            case SqlDialect.Sqlite:
                string path = Path.Combine(Path.GetTempPath(), name + ".db");
                DbDataSource sqlite = SqliteFactory.Instance.CreateDataSource($"Data Source={path}");
                await using (DbCommand wal = sqlite.CreateCommand("PRAGMA journal_mode = WAL"))
                {
                    await wal.ExecuteNonQueryAsync();
                }

                return new TestDatabase(sqlite, $"Data Source={path}", dialect, () =>
                {
                    SqliteConnection.ClearAllPools();
                    foreach (string file in Directory.EnumerateFiles(Path.GetTempPath(), name + ".db*"))
                    {
                        File.Delete(file);
                    }

                    return ValueTask.CompletedTask;
                });

            case SqlDialect.PostgreSql:
                string postgres = Server("ADCP_TEST_POSTGRES");
                await using (NpgsqlDataSource admin = NpgsqlDataSource.Create(postgres))
                {
                    await using NpgsqlCommand create = admin.CreateCommand($"CREATE SCHEMA {name}");
                    await create.ExecuteNonQueryAsync();
                }

                string schema = new NpgsqlConnectionStringBuilder(postgres) { SearchPath = name, MaxPoolSize = 16 }.ConnectionString;
                NpgsqlDataSource inSchema = NpgsqlDataSource.Create(schema);
                return new TestDatabase(inSchema, schema, dialect, async () =>
                {
                    await using NpgsqlCommand drop = inSchema.CreateCommand($"DROP SCHEMA {name} CASCADE");
                    await drop.ExecuteNonQueryAsync();
                });

            default:
                string mysql = Server("ADCP_TEST_MYSQL");
                await using (MySqlDataSource admin = new(mysql))
                {
                    await using DbCommand create = admin.CreateCommand($"CREATE DATABASE {name}");
                    await create.ExecuteNonQueryAsync();
                }

                string database = new MySqlConnectionStringBuilder(mysql) { Database = name, MaximumPoolSize = 16 }.ConnectionString;
                MySqlDataSource inDatabase = new(database);
                return new TestDatabase(inDatabase, database, dialect, async () =>
                {
                    await using DbCommand drop = inDatabase.CreateCommand($"DROP DATABASE {name}");
                    await drop.ExecuteNonQueryAsync();
                });
        }
    }

    /// <summary>Runs a statement of the test's own.</summary>
    public async Task<object?> RunAsync(string sql)
    {
        await using DbCommand command = Source.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _drop();
        await Source.DisposeAsync();
    }

    private static string Server(string variable)
    {
        string? connection = Environment.GetEnvironmentVariable(variable);
        Assert.SkipWhen(string.IsNullOrEmpty(connection), $"{variable} names no server.");
        return connection!;
    }
}
