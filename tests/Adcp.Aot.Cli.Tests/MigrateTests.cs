using System.Text.Json;
using Npgsql;

namespace Adcp.Aot.Cli.Tests;

public sealed class MigrateTests
{
    [Fact]
    public async Task Tables_of_sqlite_are_missing_then_created_then_current()
    {
        using Folder folder = new();
        string store = "sqlite:" + folder["outbox.db"];

        Cli.Result missing = await Cli.RunAsync("migrate", "--store", store, "--check", "--json");
        bool exists = File.Exists(folder["outbox.db"]);
        Cli.Result created = await Cli.RunAsync("migrate", "--store", store, "--json");
        Cli.Result current = await Cli.RunAsync("migrate", "--store", store, "--check");
        Cli.Result again = await Cli.RunAsync("migrate", "--store", store, "--json");

        Assert.Equal((1, 0, 0, 0), (missing.ExitCode, created.ExitCode, current.ExitCode, again.ExitCode));
        Assert.False(exists);
        Assert.Equal(
            ["missing", "created", "current"],
            new[] { missing, created, again }.Select(static result => result.Json.GetProperty("state").GetString()));
        Assert.Contains("tables current", current.Output, StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder["outbox.db"]));
        }
    }

    [Fact]
    public async Task Print_shows_the_missing_sql_and_changes_nothing()
    {
        using Folder folder = new();
        string store = "sqlite:" + folder["outbox.db"];

        Cli.Result all = await Cli.RunAsync("migrate", "--store", store, "--print", "--table-prefix", "mine_");
        Assert.False(File.Exists(folder["outbox.db"]));
        Assert.Equal(0, (await Cli.RunAsync("migrate", "--store", store, "--table-prefix", "mine_")).ExitCode);
        Cli.Result none = await Cli.RunAsync("migrate", "--store", store, "--print", "--table-prefix", "mine_");

        Assert.Contains("CREATE TABLE IF NOT EXISTS mine_log (", all.Output, StringComparison.Ordinal);
        Assert.Equal((0, 0, ""), (all.ExitCode, none.ExitCode, none.Output));
    }

    [Theory]
    [InlineData("postgres:Host=db;Password=hunter2", "can read a password")]
    [InlineData("postgres:Host=db;hunter2", "connection string")]
    [InlineData("mysql:Host=db;Password=hunter2", "sqlite:FILE or postgres:CONNECTION")]
    [InlineData("sqlite:", "sqlite:FILE or postgres:CONNECTION")]
    public async Task A_wrong_store_is_refused_and_its_text_not_shown(string store, string message)
    {
        Cli.Result result = await Cli.RunAsync("migrate", "--store", store);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", result.Output + result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_ends_in_exit_code_one_without_its_password()
    {
        using Cli cli = Cli.StartWithInput(
            "postgres:Host=127.0.0.1;Port=1;Database=adcp;Username=u;Password=hunter2\n", "migrate", "--store-file", "-");

        Cli.Result result = await cli.EndAsync();

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("postgres adcp at 127.0.0.1:1", result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", result.Output + result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    [Needs(Resource.PostgreSql)]
    public async Task Tables_of_postgresql_are_created_in_a_schema_and_a_newer_version_is_refused()
    {
        using Folder folder = new();
        string connection = Resources.Get(Resource.PostgreSql);
        string schema = "cli_" + Guid.NewGuid().ToString("N")[..12];
        string file = folder.Write("store", "postgres:" + connection + "\n");
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(connection);
        await ExecuteAsync(source, $"CREATE SCHEMA {schema}");
        try
        {
            string[] options = ["--store-file", file, "--table-prefix", schema + ".outbox_"];
            Cli.Result missing = await Cli.RunAsync(["migrate", "--check", .. options]);
            Cli.Result created = await Cli.RunAsync(["migrate", .. options]);
            Cli.Result healthy = await Cli.RunAsync(["doctor", "--json", .. options]);
            await ExecuteAsync(source, $"UPDATE {schema}.adcp_schema_versions SET version = 99");
            Cli.Result newer = await Cli.RunAsync(["migrate", "--check", .. options]);
            Cli.Result sick = await Cli.RunAsync(["doctor", .. options]);

            Assert.Equal((1, 0, 0, 3, 1),
                (missing.ExitCode, created.ExitCode, healthy.ExitCode, newer.ExitCode, sick.ExitCode));
            Assert.Equal(
                [("store", "ok"), ("clock", "ok")],
                healthy.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line =>
                {
                    JsonElement finding = JsonDocument.Parse(line).RootElement;
                    return (finding.GetProperty("check").GetString(), finding.GetProperty("status").GetString());
                }));
            Assert.Contains("version 99", newer.Errors, StringComparison.Ordinal);
            Assert.Matches("failed +store +.*version 99", sick.Output);
        }
        finally
        {
            await ExecuteAsync(source, $"DROP SCHEMA {schema} CASCADE");
        }
    }

    private static async Task ExecuteAsync(NpgsqlDataSource source, string sql)
    {
        await using NpgsqlCommand command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
