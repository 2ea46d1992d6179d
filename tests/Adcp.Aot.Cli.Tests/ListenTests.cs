using System.Text.Json;

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
        Assert.Equal(0, (await Cli.RunAsync("keygen", "--alg", algorithm, "--kid", "k1", "--out", folder["p.json"], "--jwks", folder["j.json"])).ExitCode);
        using Listener listener = await Listener.StartAsync("--jwks", folder["j.json"], "--script", "503,503,200", "--count", "3", "--json");
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
            Assert.Equal(("task_1", "op_1", "k1"), (line.GetProperty("task_id").GetString(), line.GetProperty("operation_id").GetString(), line.GetProperty("keyid").GetString()));
        });
    }

    [Fact]
    public async Task A_forged_delivery_is_refused_with_its_code_and_ends_in_exit_code_one()
    {
        using Folder folder = new();
        Assert.Equal(0, (await Cli.RunAsync("keygen", "--alg", "ed25519", "--kid", "k1", "--out", folder["p.json"], "--jwks", folder["j.json"])).ExitCode);
        Assert.Equal(0, (await Cli.RunAsync("keygen", "--alg", "ed25519", "--kid", "k1", "--out", folder["forged.json"], "--jwks", folder["other.json"])).ExitCode);
        using Listener listener = await Listener.StartAsync("--jwks", folder["j.json"], "--count", "1", "--json");
        Cli.Result sent = await SendAsync(listener, "--key", folder["forged.json"]);
        Assert.Equal(1, sent.ExitCode);
        Assert.Contains("webhook_signature_invalid", sent.Errors, StringComparison.Ordinal);
        (Cli.Result result, JsonElement[] lines) = await listener.EndAsync();
        Assert.Equal(1, result.ExitCode);
        Assert.Equal((false, "webhook_signature_invalid", 401), (lines[0].GetProperty("verified").GetBoolean(), lines[0].GetProperty("error_code").GetString(), lines[0].GetProperty("status").GetInt32()));
    }

    [Theory]
    [InlineData("hmac")]
    [InlineData("standard")]
    [InlineData("bearer")]
    public async Task The_other_modes_are_verified_by_their_secret_and_never_in_another_mode(string auth)
    {
        using Folder folder = new();
        string secret = folder.Write("secret", auth == "standard" ? "whsec_" + Convert.ToBase64String(Convert.FromHexString(Secret)) : Secret);
        Assert.Equal(0, (await Cli.RunAsync("keygen", "--alg", "ed25519", "--kid", "k1", "--out", folder["p.json"], "--jwks", folder["j.json"])).ExitCode);
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
    public async Task Its_options_are_checked()
    {
        Assert.Equal(2, (await Cli.RunAsync("listen", "--port", "70000")).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync("listen", "--port", "0", "--script", "200,what")).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync("listen", "--port", "0", "--auth", "hmac")).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync("listen", "--port", "0", "--jwks", "/absent.json")).ExitCode);
    }

    private static Task<Cli.Result> SendAsync(Listener listener, params string[] more) => Cli.RunAsync(
        ["send", "--url", listener.Url + "hook?x=1", "--task-id", "task_1", "--task-type", "create_media_buy", "--status", "completed", "--operation-id", "op_1", "--allow-http", "--allow-private", .. more]);

    private sealed class Listener : IDisposable
    {
        private readonly Cli _cli;

        private Listener(Cli cli, string url)
        {
            _cli = cli;
            Url = url;
        }

        public string Url { get; }

        public static async Task<Listener> StartAsync(params string[] arguments)
        {
            Cli cli = Cli.Start(["listen", "--port", "0", .. arguments]);
            const string Announcement = "Listening on ";
            while (await cli.Errors.ReadLineAsync() is { } line)
            {
                if (line.StartsWith(Announcement, StringComparison.Ordinal))
                {
                    return new Listener(cli, line[Announcement.Length..].TrimEnd('/') + "/");
                }
            }

            throw new InvalidOperationException("The listener did not start.");
        }

        public async Task<(Cli.Result Result, JsonElement[] Lines)> EndAsync()
        {
            Cli.Result result = await _cli.EndAsync();
            return (result, [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)]);
        }

        public void Dispose() => _cli.Dispose();
    }
}
