using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Adcp.Aot.AspNetCore.Tests.Operations;

namespace Adcp.Aot.Cli.Tests;

/// <summary>The commands of the operator page against a page on loopback.</summary>
public sealed class OperatorTests : IAsyncLifetime
{
    private const string Down = "https://down.example/hook";

    private OperatedSupervisor _operated = null!;

    private string Page => new Uri(_operated.Url, "adcp").ToString();

    public async ValueTask InitializeAsync()
    {
        _operated = await OperatedSupervisor.StartAsync();
        _operated.Statuses["down.example"] = 503;
    }

    public ValueTask DisposeAsync() => _operated.DisposeAsync();

    [Fact]
    public async Task Status_says_by_its_exit_code_whether_an_endpoint_is_in_trouble()
    {
        await _operated.DeliverAsync("https://up.example/hook");
        Cli.Result healthy = await RunAsync("status");
        await _operated.DeliverAsync(Down);
        await _operated.DeliverAsync(Down);
        Cli.Result troubled = await RunAsync("status", "--json");

        Assert.Equal((0, 1), (healthy.ExitCode, troubled.ExitCode));
        Assert.Matches("circuits open +0", healthy.Output);
        Assert.Equal(1, troubled.Json.GetProperty("open_endpoints").GetInt32());
    }

    [Fact]
    public async Task An_endpoint_is_found_isolated_and_reset()
    {
        await _operated.DeliverAsync(Down);
        Cli.Result listed = await RunAsync("endpoints", "--text", "DOWN", "--json");
        string id = listed.Json.GetProperty("id").GetString()!;

        Cli.Result isolated = await RunAsync("isolate", id, "--reason", "buyer asked");
        DeliveryOutcome refused = await _operated.DeliverAsync(Down);
        Cli.Result reset = await RunAsync("reset", id, "--json");
        Cli.Result actions = await RunAsync("actions");

        Assert.Equal((0, 0), (isolated.ExitCode, reset.ExitCode));
        Assert.Equal(DeliveryStatus.CircuitOpen, refused.Status);
        Assert.Equal("closed", reset.Json.GetProperty("state").GetString());
        Assert.Matches("alice +isolate +https://down.example/hook +buyer asked", actions.Output);
    }

    [Fact]
    public async Task Attempts_are_listed_over_several_pages()
    {
        for (int i = 0; i < 1500; i++)
        {
            await _operated.DeliverAsync("https://up.example/hook", $"task_{i}");
        }

        Cli.Result rows = await RunAsync("attempts", "--limit", "1200", "--json");
        Cli.Result one = await RunAsync("attempts", "--task-id", "task_7");

        string[] lines = rows.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(
            Enumerable.Range(300, 1200).Reverse().Select(static i => $"task_{i}"),
            lines.Select(static line => JsonDocument.Parse(line).RootElement.GetProperty("task_id").GetString()));
        Assert.Equal(2, one.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public async Task Attempts_are_filtered_by_type_and_time()
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        await _operated.DeliverAsync("https://up.example/hook", "task_final", "final");
        await _operated.DeliverAsync("https://up.example/hook", "task_other");

        Cli.Result typed = await RunAsync("attempts", "--notification-type", "final", "--json");
        Cli.Result since = await RunAsync(
            "attempts", "--since", now.AddMinutes(-1).ToString("O"), "--until", now.AddHours(1).ToString("O"));
        Cli.Result later = await RunAsync("attempts", "--since", now.AddHours(1).ToString("O"));
        Cli.Result before = await RunAsync("attempts", "--until", now.AddMinutes(-1).ToString("O"));
        Cli.Result wrong = await RunAsync("attempts", "--until", "yesterday");

        Assert.Equal("task_final", typed.Json.GetProperty("task_id").GetString());
        Assert.Equal([3, 1, 1], new[] { since, later, before }.Select(
            static result => result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length)); // with the heading
        Assert.Equal(2, wrong.ExitCode);
        Assert.Contains("--until is a time such as", wrong.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hostile_name_cannot_control_the_terminal()
    {
        _operated.Supervisor.Endpoints.Isolate("\u001b[31mred\u0007\u202e");

        Cli.Result rows = await RunAsync("endpoints");

        Assert.Equal(0, rows.ExitCode);
        Assert.DoesNotContain(rows.Output, static character => char.IsControl(character) && character != '\n' && character != '\r');
        Assert.Contains("\\u001b[31mred", rows.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\u001b]0;pwned\u0007\u001b[2J 200 OK")]
    [InlineData("HTTP/1.1 200 OK\r\n\u001b[31mFAKE\u0007")]
    [InlineData("HTTP/1.1 200 OK\r\nX: y\r\nb\u001b[2Jad: z")]
    public async Task An_answer_that_is_not_HTTP_cannot_control_the_terminal(string answer)
    {
        using TcpListener server = new(IPAddress.Loopback, 0);
        server.Start();
        Task answering = AnswerAsync();

        Cli.Result result = await Cli.RunAsync("status", "--url", $"http://{server.LocalEndpoint}/adcp");
        await answering;

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("does not answer", result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain(result.Errors, static character => char.IsControl(character) && character is not ('\n' or '\r'));

        async Task AnswerAsync()
        {
            using TcpClient client = await server.AcceptTcpClientAsync();
            await using NetworkStream stream = client.GetStream();
            _ = await stream.ReadAsync(new byte[4096]);
            await stream.WriteAsync(Encoding.Latin1.GetBytes(answer + "\r\n\r\n"));
        }
    }

    [Fact]
    public async Task Faults_are_said_in_one_line_with_their_exit_code()
    {
        Cli.Result noToken = await Cli.RunAsync("status", "--url", Page);
        Cli.Result noPage = await Cli.RunAsync("status", "--url", new Uri(_operated.Url, "elsewhere").ToString());
        Cli.Result nobody = await Cli.RunAsync("status", "--url", "http://127.0.0.1:1/adcp");
        Cli.Result notUrl = await Cli.RunAsync("status", "--url", "ftp://host/adcp");
        Cli.Result unknown = await RunAsync("isolate", "0123456789abcdef");
        Cli.Result badState = await RunAsync("endpoints", "--state", "OPEN");

        Assert.Equal(
            [3, 1, 1, 2, 1, 2],
            new[] { noToken, noPage, nobody, notUrl, unknown, badState }.Select(static result => result.ExitCode));
        Assert.Contains("--token-file", noToken.Errors, StringComparison.Ordinal);
        Assert.Contains("is no operator page", noPage.Errors, StringComparison.Ordinal);
        Assert.Contains("does not answer", nobody.Errors, StringComparison.Ordinal);
        Assert.Contains("--url takes", notUrl.Errors, StringComparison.Ordinal);
        Assert.Contains("no endpoint with the id", unknown.Errors, StringComparison.Ordinal);
        Assert.Contains("closed, open, half_open, isolated", badState.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_is_not_sent_over_plain_http_to_another_machine()
    {
        using Cli cli = Cli.StartWithInput("secret", "status", "--url", "http://203.0.113.1/adcp", "--token-file", "-");

        Cli.Result result = await cli.EndAsync();

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("https only", result.Errors, StringComparison.Ordinal);
    }

    private async Task<Cli.Result> RunAsync(params string[] arguments)
    {
        using Cli cli = Cli.StartWithInput("alice:operator", [.. arguments, "--url", Page, "--token-file", "-"]);
        return await cli.EndAsync();
    }
}
