using System.Diagnostics;
using System.Text.RegularExpressions;
using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Storage.Tests.Samples;

/// <summary>samples/A2AStores as a process, with the public A2A client for JavaScript.</summary>
public sealed partial class A2AStoresSampleTests
{
    private const string Alice = "alice-token-0123456789";
    private const string Bob = "bob-token-0123456789";

    /// <summary>The client's results: numbers of refusals are JSON-RPC's and A2A's codes.</summary>
    private static readonly string Expected = string.Concat(
        """{"state":3,"sameTask":true,"answer":{"messages":1,"parts":1},"history":1,"serverPickedId":true,"secretShown":"""
        + """false,"configs":2,"canceled":5""",
        ""","pushes":[{"token":null,"key":true,"signed":true,"members":["task"],"state":"TASK_STATE_CANCELED"}""",
        """,{"token":"token-of-the-client","key":true,"signed":true,"members":["task"],"state":"TASK_STATE_CANCELED"}]""",
        ""","total":2,"pages":[1,1,""],"pageIds":true,"doneArtifacts":[1],"foreignTask":-32001,"foreignList":0,"foreignConfigs":-32001""",
        ""","cancelAgain":-32002,"badDestination":-32602,"badToken":-32602,"unauthenticated":"401"}""");

    [Fact]
    [Needs(Resource.NpmPeers)]
    public Task Public_client_uses_every_method_on_SQLite() => RunPublicClientAsync(SqlDialect.Sqlite);

    [Fact]
    [Needs(Resource.NpmPeers)]
    [Needs(Resource.PostgreSql)]
    public Task Public_client_uses_every_method_on_PostgreSQL() => RunPublicClientAsync(SqlDialect.PostgreSql);

    [Fact]
    [Needs(Resource.NpmPeers)]
    [Needs(Resource.MySql)]
    public Task Public_client_uses_every_method_on_MySQL() => RunPublicClientAsync(SqlDialect.MySql);

    [Theory]
    [InlineData("redis:somewhere")]
    [InlineData("sqlite:")]
    [InlineData("postgres")]
    public async Task Store_that_is_none_ends_with_a_usage_error(string store)
    {
        await using SampleFolder folder = new();
        string program = Path.Combine(AppContext.BaseDirectory, "A2AStores.dll");
        using Process agent = Start("dotnet", [program, "--store", store, "--key-file", folder.File("a2a.key")]);
        string error = await agent.StandardError.ReadToEndAsync();
        await agent.WaitForExitAsync();
        Assert.Equal(2, agent.ExitCode);
        Assert.Contains("sqlite:<file>", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Store_that_cannot_be_reached_ends_with_one_line_without_the_password()
    {
        await using SampleFolder folder = new();
        string program = Path.Combine(AppContext.BaseDirectory, "A2AStores.dll");
        const string Away = "postgres:Host=127.0.0.1;Port=1;Username=adcp;Password=not-shown";
        using Process agent = Start("dotnet", [program, "--store", Away, "--key-file", folder.File("a2a.key")]);
        string errors = await agent.StandardError.ReadToEndAsync();
        await agent.WaitForExitAsync();
        Assert.Equal(1, agent.ExitCode);
        string line = Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("The tables cannot be created: ", line, StringComparison.Ordinal);
        Assert.DoesNotContain("not-shown", line, StringComparison.Ordinal);
    }

    /// <summary>Sends, reads, lists and cancels tasks and manages push configurations with the public client.</summary>
    private static async Task RunPublicClientAsync(SqlDialect dialect)
    {
        await using SampleFolder folder = new();
        await using TestDatabase? server = dialect == SqlDialect.Sqlite ? null : await TestDatabase.CreateAsync(dialect);
        string store = dialect switch
        {
            SqlDialect.Sqlite => "sqlite:" + folder.File("a2a.db"),
            SqlDialect.PostgreSql => "postgres:" + server!.ConnectionString,
            _ => "mysql:" + server!.ConnectionString,
        };
        using Process agent = Start(
            "dotnet",
            [
                Path.Combine(AppContext.BaseDirectory, "A2AStores.dll"), "--store", store, "--port", "0", "--key-file",
                folder.File("a2a.key"), "--allow-private", "--work-ms", "1500",
                "--principal", "alice=" + Alice, "--principal", "bob=" + Bob,
            ]);
        try
        {
            string? line = await agent.StandardOutput.ReadLineAsync();
            Assert.True(line is not null, line is null ? await agent.StandardError.ReadToEndAsync() : null);
            string url = Address().Match(line!).Value;
            _ = agent.StandardOutput.ReadToEndAsync();

            using Process client = Start(
                "node", [Path.Combine(AppContext.BaseDirectory, "Samples", "Interop", "client.cjs"), url, Alice, Bob]);
            Task<string> faults = client.StandardError.ReadToEndAsync();
            string seen = await client.StandardOutput.ReadToEndAsync();
            await client.WaitForExitAsync();
            Assert.True(client.ExitCode == 0, await faults);
            Assert.Equal(Expected, seen.Trim());
            if (server is null && !OperatingSystem.IsWindows())
            {
                foreach (string file in Directory.EnumerateFiles(folder.Path))
                {
                    Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
                }
            }
        }
        finally
        {
            agent.Kill(entireProcessTree: true);
            await agent.WaitForExitAsync();
        }
    }

    private static Process Start(string program, IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new(program, arguments)
        { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        return Process.Start(start)!;
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+")]
    private static partial Regex Address();

    private sealed class SampleFolder : IAsyncDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("a2a").FullName;

        public string File(string name) => System.IO.Path.Combine(Path, name);

        public ValueTask DisposeAsync()
        {
            Directory.Delete(Path, recursive: true);
            return ValueTask.CompletedTask;
        }
    }
}
