using System.Text.Json;
using System.Text.Json.Nodes;

namespace Adcp.Aot.Cli.Tests;

/// <summary>Both ends of the wire, each a process of its own.</summary>
public sealed class ListenTests
{
    private const string Secret = "0f4a8c1be2d95763a1b2c3d4e5f60718293a4b5c6d7e8f90";

    [Theory]
    [InlineData("ed25519")]
    [InlineData("es256")]
    public async Task What_is_sent_is_verified_and_retried_by_the_script(string algorithm)
    {
        using Folder folder = new();
        Assert.Equal(0, (await Cli.RunAsync("keygen", "--alg", algorithm, "--kid", "k1", "--out", folder["p.json"], "--jwks",
            folder["j.json"])).ExitCode);
        using Listener listener = await Listener.StartAsync("--jwks", folder["j.json"], "--script", "503,503,200", "--count",
            "3", "--json");
        Cli.Result sent = await SendAsync(listener, "--key", folder["p.json"], "--base-delay", "1ms", "--json");
        Assert.Equal(0, sent.ExitCode);
        Assert.Equal(3, sent.Json.GetProperty("attempts").GetInt32());

        (Cli.Result result, JsonElement[] lines) = await listener.EndAsync();
        Assert.Equal(0, result.ExitCode);
        Assert.Equal([503, 503, 200], lines.Select(line => line.GetProperty("status").GetInt32()));
        Assert.All(lines, line =>
        {
            Assert.True(line.GetProperty("verified").GetBoolean());
            Assert.Equal(JsonValueKind.Null, line.GetProperty("error_code").ValueKind);
            Assert.Equal(sent.Json.GetProperty("idempotency_keys")[0].GetString(), line.GetProperty("idempotency_key").GetString());
            Assert.Equal(("task_1", "op_1", "k1"),
                (line.GetProperty("task_id").GetString(), line.GetProperty("operation_id").GetString(), line.GetProperty("keyid")
                    .GetString()));
        });
    }

    [Fact]
    public async Task A_forged_delivery_is_refused_with_its_code_and_ends_in_exit_code_one()
    {
        using Folder folder = new();
        Assert.Equal(0, (await Cli.RunAsync("keygen", "--alg", "ed25519", "--kid", "k1", "--out", folder["p.json"], "--jwks",
            folder["j.json"])).ExitCode);
        Assert.Equal(0, (await Cli.RunAsync("keygen", "--alg", "ed25519", "--kid", "k1", "--out", folder["forged.json"], "--jwks",
            folder["other.json"])).ExitCode);
        using Listener listener = await Listener.StartAsync("--jwks", folder["j.json"], "--count", "1", "--json");
        Cli.Result sent = await SendAsync(listener, "--key", folder["forged.json"]);
        Assert.Equal(1, sent.ExitCode);
        Assert.Contains("webhook_signature_invalid", sent.Errors, StringComparison.Ordinal);
        (Cli.Result result, JsonElement[] lines) = await listener.EndAsync();
        Assert.Equal(1, result.ExitCode);
        Assert.Equal((false, "webhook_signature_invalid", 401),
            (lines[0].GetProperty("verified").GetBoolean(), lines[0].GetProperty("error_code").GetString(),
                lines[0].GetProperty("status").GetInt32()));
    }

    [Theory]
    [InlineData("hmac")]
    [InlineData("standard")]
    [InlineData("bearer")]
    public async Task The_other_modes_are_verified_by_their_secret_and_never_in_another_mode(string auth)
    {
        using Folder folder = new();
        string secret = folder.Write("secret", auth == "standard"
            ? "whsec_" + Convert.ToBase64String(Convert.FromHexString(Secret))
            : Secret);
        Assert.Equal(0, (await Cli.RunAsync("keygen", "--alg", "ed25519", "--kid", "k1", "--out", folder["p.json"], "--jwks",
            folder["j.json"])).ExitCode);
        using Listener listener = await Listener.StartAsync("--auth", auth, "--secret-file", secret, "--count", "2", "--json");
        Assert.Equal(0, (await SendAsync(listener, "--auth", auth, "--secret-file", secret)).ExitCode);
        Assert.Equal(1, (await SendAsync(listener, "--key", folder["p.json"])).ExitCode);
        (Cli.Result result, JsonElement[] lines) = await listener.EndAsync();
        Assert.Equal(1, result.ExitCode);
        Assert.True(lines[0].GetProperty("verified").GetBoolean());
        Assert.Equal("webhook_mode_mismatch", lines[1].GetProperty("error_code").GetString());
        Assert.DoesNotContain(Secret, result.Output + result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Words_of_strangers_are_not_printed_and_those_of_senders_are_escaped_and_cut()
    {
        using Folder folder = new();
        Assert.Equal(0,
            (await Cli.RunAsync("keygen", "--alg", "ed25519", "--kid", "k1", "--out", folder["p.json"], "--jwks",
            folder["j.json"])).ExitCode);
        const string Evil = "\u001b]0;pwned\u0007\u001b[2J\nyes       200     forged-line \u202e\u009b31m";
        using Listener listener = await Listener.StartAsync("--jwks", folder["j.json"], "--count", "2");
        using HttpClient web = new();
        JsonObject envelope = new()
        {
            ["idempotency_key"] = "whk_0123456789abcdef",
            ["operation_id"] = "o",
            ["task_id"] = Evil,
            ["task_type"] = "create_media_buy",
            ["status"] = "completed",
            ["timestamp"] = "2026-04-18T14:00:00Z",
        };
        using StringContent content = new(envelope.ToJsonString(), System.Text.Encoding.UTF8, "text/plain");
        using HttpRequestMessage simple = new(HttpMethod.Post, listener.Url + "hook") { Content = content };
        simple.Headers.Add("Origin", "http://evil.example");
        using HttpResponseMessage refused = await web.SendAsync(simple);
        Assert.Equal(0,
            (await SendAsync(listener, "--key", folder["p.json"], "--task-id", "t  \u202e\u05d0\u2066" + new string('x', 100))).ExitCode);

        (string output, string errors) = await listener.EndTextAsync();

        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.Equal(["NO", "415", "-", "-", "-", "-", "unsupported_content_type"],
            lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(["yes", "200"], lines[2].Split(' ', StringSplitOptions.RemoveEmptyEntries)[..2]);
        Assert.Contains(@"  t\u0020\u0020\u202e\u05d0\u2066" + new string('x', 30) + "...  op_1  k1", lines[2], StringComparison.Ordinal);
        Assert.All(output + errors, character => Assert.True(character is '\n' or '\r' or (>= ' ' and <= '~'), $"U+{(int)character:X4}"));
    }

    [Fact]
    public async Task A_webhook_that_was_signed_for_another_host_is_not_verified()
    {
        using Folder folder = new();
        Assert.Equal(0,
            (await Cli.RunAsync("keygen", "--alg", "ed25519", "--kid", "k1", "--out", folder["p.json"], "--jwks",
            folder["j.json"])).ExitCode);
        using Listener listener = await Listener.StartAsync("--jwks", folder["j.json"], "--count", "3", "--json", "--origin",
            "http://tunnel.example");

        // A signature for the loopback address is not one for the tunnel, even if the Host names the tunnel.
        Assert.Equal(1, (await SendAsync(listener, "--key", folder["p.json"], "--max-attempts", "1")).ExitCode);

        using Listener local = await Listener.StartAsync("--jwks", folder["j.json"], "--count", "1", "--json");
        Assert.Equal(0, (await SendAsync(local, "--key", folder["p.json"])).ExitCode);
    }

    [Fact]
    public async Task Its_options_are_checked()
    {
        Assert.Equal(2, (await Cli.RunAsync("listen", "--port", "0", "--origin", "tunnel.example")).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync("listen", "--port", "0", "--origin", "https://tunnel.example/path")).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync("listen", "--port", "70000")).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync("listen", "--port", "0", "--script", "200,what")).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync("listen", "--port", "0", "--auth", "hmac")).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync("listen", "--port", "0", "--jwks", "/absent.json")).ExitCode);
    }

    private static Task<Cli.Result> SendAsync(Listener listener, params string[] more) => Cli.RunAsync(
        ["send", "--url", listener.Url + "hook?x=1", .. more.Contains("--task-id") ? Array.Empty<string>() : ["--task-id", "task_1"],
            "--task-type", "create_media_buy", "--status", "completed", "--operation-id", "op_1", "--allow-http",
            "--allow-private", .. more]);
}
