using System.Data.Common;
using System.Runtime.Versioning;
using Microsoft.Data.Sqlite;

namespace Adcp.Aot.Storage.Tests.Sql;

[UnsupportedOSPlatform("windows")]
public sealed class SqliteDataSourceTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("adcp-sqlite-").FullName;

    [Fact]
    public async Task File_is_created_with_a_write_ahead_log_that_only_its_owner_reads()
    {
        string path = Path.Combine(_folder, "store.db");
        await using SqliteDataSource source = SqliteDataSource.Create(SqliteFactory.Instance, path);
        await using DbConnection connection = await source.OpenConnectionAsync();
        await RunAsync(connection, "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1)");

        string[] files = Directory.GetFiles(_folder);

        Assert.Equal(["store.db", "store.db-shm", "store.db-wal"], files.Select(Path.GetFileName).Order());
        Assert.All(files, static file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
        Assert.Equal("wal", await RunAsync(connection, "PRAGMA journal_mode"));
        Assert.Equal(2L, await RunAsync(connection, "PRAGMA synchronous"));
    }

    [Fact]
    public async Task File_that_exists_keeps_its_rows_and_its_mode()
    {
        string path = Path.Combine(_folder, "store.db");
        await using (SqliteDataSource first = SqliteDataSource.Create(SqliteFactory.Instance, path))
        {
            await using DbCommand create = first.CreateCommand("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (7)");
            await create.ExecuteNonQueryAsync();
        }

        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);

        await using SqliteDataSource again = SqliteDataSource.Create(SqliteFactory.Instance, path);

        await using DbConnection connection = await again.OpenConnectionAsync();
        Assert.Equal(7L, await RunAsync(connection, "SELECT a FROM t"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead, File.GetUnixFileMode(path));
    }

    [Theory]
    [InlineData("")]
    [InlineData(":memory:")]
    [InlineData("file:store.db?mode=memory")]
    public void Path_that_is_no_file_is_refused(string path) =>
        Assert.Equal("path", Assert.Throws<ArgumentException>(() => SqliteDataSource.Create(SqliteFactory.Instance, path)).ParamName);

    [Fact]
    public void File_that_is_no_database_is_refused_at_start()
    {
        string path = Path.Combine(_folder, "text.txt");
        File.WriteAllText(path, new string('x', 5000));

        Assert.Throws<SqliteException>(() => SqliteDataSource.Create(SqliteFactory.Instance, path));
        string absent = Path.Combine(_folder, "absent", "store.db");
        Assert.Throws<DirectoryNotFoundException>(() => SqliteDataSource.Create(SqliteFactory.Instance, absent));
    }

    [Fact]
    public async Task Writers_of_two_sources_wait_for_each_other()
    {
        string path = Path.Combine(_folder, "store.db");
        await using SqliteDataSource one = SqliteDataSource.Create(SqliteFactory.Instance, path);
        await using SqliteDataSource two = SqliteDataSource.Create(SqliteFactory.Instance, path);
        await using DbConnection holder = await one.OpenConnectionAsync();
        await RunAsync(holder, "CREATE TABLE t (a INTEGER)");
        await RunAsync(holder, "BEGIN IMMEDIATE");

        Task<object?> waiting = Task.Run(async () =>
        {
            await using DbConnection waiter = await two.OpenConnectionAsync();
            return await RunAsync(waiter, "INSERT INTO t VALUES (1); SELECT COUNT(*) FROM t");
        });
        await RunAsync(holder, "COMMIT");

        Assert.Equal(1L, await waiting);
    }

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<object?> RunAsync(DbConnection connection, string sql)
    {
        await using DbCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteScalarAsync();
    }
}
