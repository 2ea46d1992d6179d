using System.Net;
using System.Text.Json;
using Adcp.Aot.Signing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Cli.Tests;

public sealed class DoctorTests : IAsyncLifetime
{
    private readonly Folder _folder = new();
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k1");
    private readonly Dictionary<string, string> _documents = [];
    private WebApplication _server = null!;
    private TimeSpan _ahead;

    private string Url => _server.Urls.First();

    public async ValueTask InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _server = builder.Build();
        _server.Run(http =>
        {
            http.Response.Headers.Date = (DateTimeOffset.UtcNow + _ahead).ToString("R");
            if (_documents.TryGetValue(http.Request.Path, out string? document))
            {
                return http.Response.WriteAsync(document);
            }

            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        });
        await _server.StartAsync();
        _folder.Write("key.json", _key.ExportPrivateJwk());
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _key.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_healthy_destination_passes_every_check()
    {
        Assert.Equal(
            [("dns", "ok"), ("guard", "ok"), ("reachable", "ok"), ("clock", "ok")],
            await FindingsAsync(0, "--url", Url, "--allow-http", "--allow-private"));
    }

    [Theory]
    [InlineData(30, "warning", 0)]
    [InlineData(-30, "warning", 0)]
    [InlineData(300, "failed", 1)]
    public async Task A_clock_that_differs_is_a_warning_and_then_a_fault(int ahead, string status, int exitCode)
    {
        _ahead = TimeSpan.FromSeconds(ahead);

        (string, string)[] findings = await FindingsAsync(exitCode, "--url", Url, "--allow-http", "--allow-private");

        Assert.Contains(("clock", status), findings);
    }

    [Fact]
    public async Task A_private_address_fails_the_guard_with_advice()
    {
        Cli.Result result = await Cli.RunAsync("doctor", "--url", "https://127.0.0.1:1/");

        Assert.Equal(1, result.ExitCode);
        Assert.Matches("failed +guard +the host is .*--allow-private", result.Output);
    }

    [Theory]
    [InlineData("request-signing")]
    [InlineData("webhook-signing")]
    public async Task A_published_key_fits_the_private_one(string purpose)
    {
        _documents["/jwks.json"] = SigningKey.ExportJwks(
            [_key], purpose == "webhook-signing" ? KeyPurpose.WebhookSigning : KeyPurpose.RequestSigning);
        _folder.Write("jwks.json", _documents["/jwks.json"]);

        Cli.Result file = await Cli.RunAsync("doctor", "--key", _folder["key.json"], "--jwks", _folder["jwks.json"]);
        Cli.Result url = await Cli.RunAsync(
            "doctor", "--key", _folder["key.json"], "--jwks", Url + "/jwks.json", "--allow-http", "--allow-private");

        Assert.Equal((0, 0), (file.ExitCode, url.ExitCode));
        Assert.Equal(file.Output, url.Output);
        Assert.Matches($"ok +key in jwks +'k1' is published for ed25519 with adcp_use {purpose}", file.Output);
        Assert.DoesNotContain(
            JsonDocument.Parse(_key.ExportPrivateJwk()).RootElement.GetProperty("d").GetString()!, file.Output + file.Errors,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("absent", "the set has no key 'k1'")]
    [InlineData("other", "another key under the id 'k1': 'x' differs")]
    [InlineData("algorithm", "another key under the id 'k1': 'kty' differs")]
    [InlineData("purpose", "does not say that it verifies webhooks")]
    [InlineData("twice", "the set has 2 keys 'k1'")]
    [InlineData("private", "the private half of key 'k1' is published")]
    [InlineData("no set", "it is no JWK set")]
    public async Task A_published_set_that_does_not_fit_fails_with_its_reason(string kind, string reason)
    {
        using SigningKey second = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k2");
        using SigningKey other = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k1");
        using SigningKey elliptic = SigningKey.Generate(SignatureAlgorithm.EcdsaP256Sha256, "k1");
        _folder.Write("jwks.json", kind switch
        {
            "absent" => SigningKey.ExportJwks([second]),
            "other" => SigningKey.ExportJwks([other]),
            "algorithm" => SigningKey.ExportJwks([elliptic]),
            "purpose" => SigningKey.ExportJwks([_key]).Replace("request-signing", "something-else", StringComparison.Ordinal),
            "twice" => $$"""{"keys":[{{_key.ExportPublicJwk()}},{{other.ExportPublicJwk()}}]}""",
            "private" => $$"""{"keys":[{{_key.ExportPrivateJwk()}}]}""",
            _ => "[]",
        });

        Cli.Result result = await Cli.RunAsync("doctor", "--key", _folder["key.json"], "--jwks", _folder["jwks.json"]);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains(reason, result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Brand_json_leads_to_the_keys_or_fails()
    {
        _documents["/jwks.json"] = SigningKey.ExportJwks([_key]);
        _documents["/brand.json"] = $$"""{"agents":[{"url":"https://agent.example/","jwks_uri":"{{Url}}/jwks.json"}]}""";
        string[] options = ["--brand", Url + "/brand.json", "--key", _folder["key.json"], "--allow-http", "--allow-private"];

        Assert.Equal(
            [("key", "ok"), ("brand", "ok"), ("jwks", "ok"), ("key in jwks", "ok")],
            await FindingsAsync(0, [.. options, "--agent-url", "https://agent.example/"]));
        Assert.Equal([("key", "ok"), ("brand", "failed")], await FindingsAsync(1, [.. options, "--agent-url", "https://other.example/"]));
        Assert.Contains(
            ("brand", "failed"),
            await FindingsAsync(1, [.. options, "--agent-url", "https://agent.example/", "--jwks", Url + "/elsewhere.json"]));
    }

    [Fact]
    public async Task Text_of_others_cannot_steer_the_terminal()
    {
        _folder.Write("jwks.json", "{\"keys\":[{\"kid\":\"\\u001b[31mk\",\"d\":\"x\"}]}");

        Cli.Result result = await Cli.RunAsync("doctor", "--jwks", _folder["jwks.json"]);

        Assert.Contains("\\u001b[31mk", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', result.Output);
    }

    [Theory]
    [InlineData("FORCE_COLOR", "", true)]
    [InlineData("FORCE_COLOR", "NO_COLOR", false)]
    [InlineData("", "", false)]
    public async Task Colour_is_shown_on_terminals_only_unless_the_environment_decides(string first, string second, bool isColoured)
    {
        using Cli cli = Cli.StartWithEnvironment(
            new[] { first, second }.Where(static name => name.Length > 0).ToDictionary(static name => name, static _ => (string?)"1"),
            "doctor", "--key", _folder["key.json"]);

        Cli.Result result = await cli.EndAsync();

        Assert.Equal(isColoured, result.Output.Contains("\u001b[32mok", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_a_thing_to_check_the_usage_is_wrong()
    {
        Assert.Equal(2, (await Cli.RunAsync("doctor")).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync("doctor", "--brand", "brand.json")).ExitCode);
    }

    private static async Task<(string Check, string Status)[]> FindingsAsync(int exitCode, params string[] options)
    {
        Cli.Result result = await Cli.RunAsync(["doctor", "--json", .. options]);
        Assert.Equal(exitCode, result.ExitCode);
        return
        [
            .. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line =>
            {
                JsonElement finding = JsonDocument.Parse(line).RootElement;
                return (finding.GetProperty("check").GetString()!, finding.GetProperty("status").GetString()!);
            }),
        ];
    }
}
