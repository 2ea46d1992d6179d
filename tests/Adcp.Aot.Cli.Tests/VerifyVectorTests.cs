using System.Globalization;
using System.Text.Json;
using Adcp.Aot.Tests;

namespace Adcp.Aot.Cli.Tests;

public sealed class VerifyVectorTests
{
    [Fact]
    [Needs(Resource.AdcpData)]
    public async Task Every_official_webhook_signing_vector_has_its_outcome()
    {
        using Folder folder = new();
        using JsonDocument keys = SharedFiles.Read("vectors/webhook-signing/keys.json");
        string keysFile = folder.Write("keys.json", keys.RootElement.GetRawText());
        string[] files = [.. SharedFiles.List("vectors/webhook-signing/positive"), .. SharedFiles.List("vectors/webhook-signing/negative")];
        Assert.True(files.Length >= 15);
        foreach (string file in files)
        {
            using JsonDocument vector = SharedFiles.Read(file);
            Cli.Result result = await Cli.RunAsync("verify-vector", folder.Write("vector.json", vector.RootElement.GetRawText()),
                "--keys", keysFile, "--json");
            JsonElement expected = vector.RootElement.GetProperty("expected_outcome");
            bool success = expected.GetProperty("success").GetBoolean();
            Assert.True((success ? 0 : 1) == result.ExitCode, file + result.Errors);
            Assert.Equal(success, result.Json.GetProperty("ok").GetBoolean());
            if (!success)
            {
                Assert.Equal(expected.GetProperty("error_code").GetString(), result.Json.GetProperty("error_code").GetString());
            }
        }
    }

    [Fact]
    [Needs(Resource.AdcpData)]
    public async Task Overridden_keys_and_unknown_state_are_honoured()
    {
        using Folder folder = new();
        using JsonDocument keys = SharedFiles.Read("vectors/webhook-signing/keys.json");
        string keysFile = folder.Write("keys.json", keys.RootElement.GetRawText());
        using JsonDocument vector = SharedFiles.Read("vectors/webhook-signing/positive/001-basic-post.json");
        string text = vector.RootElement.GetRawText().TrimEnd()[..^1];
        string overridden = text + """, "jwks_override": {"test-ed25519-webhook-2026": """
            + """{"kid":"test-ed25519-webhook-2026","kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","key_ops":"""
            + """["sign"],"adcp_use":"webhook-signing","x":"y7tTfeqazsFeTn3ccCzQlcJ4qFWuYsu-JkJAcfc9VoA"}}}""";
        Cli.Result result = await Cli.RunAsync("verify-vector", folder.Write("vector.json", overridden), "--keys", keysFile);
        Assert.Equal((1, "webhook_signature_key_purpose_invalid\n"), (result.ExitCode, result.Output.ReplaceLineEndings("\n")));

        string unknown = text + """, "test_harness_state": {"weather": "rain"}}""";
        Assert.Equal(2, (await Cli.RunAsync("verify-vector", folder.Write("vector.json", unknown), "--keys", keysFile)).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync("verify-vector", folder.Write("vector.json", "{}"), "--keys", keysFile)).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync("verify-vector", folder["absent"], "--keys", keysFile)).ExitCode);
    }

    [Fact]
    [Needs(Resource.AdcpData)]
    public async Task Hmac_signs_and_verifies_the_official_vectors()
    {
        using Folder folder = new();
        using JsonDocument file = SharedFiles.Read("vectors/webhook-hmac-sha256/webhook-hmac-sha256.json");
        string secret = folder.Write("secret", file.RootElement.GetProperty("secret").GetString()!);
        foreach (JsonElement vector in file.RootElement.GetProperty("vectors").EnumerateArray())
        {
            string timestamp = vector.GetProperty("timestamp").GetInt64().ToString(CultureInfo.InvariantCulture);
            string signature = vector.GetProperty("expected_signature").GetString()!;
            string body = folder.Write("body.json", vector.GetProperty("raw_body").GetString()!);
            Cli.Result signed = await Cli.RunAsync("hmac", "sign", body, "--secret-file", secret, "--timestamp", timestamp, "--json");
            Assert.Equal(signature, signed.Json.GetProperty("signature").GetString());
            Cli.Result verified = await Cli.RunAsync("hmac", "verify", body, "--secret-file", secret, "--timestamp", timestamp,
                "--signature", signature, "--json");
            bool malformed = vector.TryGetProperty("rfc9421_error_code", out JsonElement code);
            Assert.Equal(malformed ? 1 : 0, verified.ExitCode);
            Assert.Equal(malformed ? code.GetString() : null, verified.Json.TryGetProperty("error_code", out JsonElement actual)
                ? actual.GetString()
                : null);
        }
    }

    [Fact]
    public async Task Hmac_refuses_a_changed_body_and_a_short_secret()
    {
        using Folder folder = new();
        string secret = folder.Write("secret", "0f4a8c1be2d95763a1b2c3d4e5f60718293a4b5c6d7e8f90");
        Cli.Result signed = await Cli.RunAsync("hmac", "sign", folder.Write("body.json", "{}"), "--secret-file", secret,
            "--timestamp", "1700000000", "--json");
        string signature = signed.Json.GetProperty("signature").GetString()!;
        Cli.Result changed = await Cli.RunAsync("hmac", "verify", folder.Write("other.json", "{ }"), "--secret-file", secret,
            "--timestamp", "1700000000", "--signature", signature);
        Assert.Equal((1, "webhook_signature_invalid\n"), (changed.ExitCode, changed.Output.ReplaceLineEndings("\n")));
        Cli.Result weak = await Cli.RunAsync("hmac", "sign", folder["body.json"], "--secret-file",
            folder.Write("weak", "hunter2"), "--timestamp", "1");
        Assert.Equal(2, weak.ExitCode);
        Assert.DoesNotContain("hunter2", weak.Output + weak.Errors, StringComparison.Ordinal);
        Assert.Equal(2, (await Cli.RunAsync("hmac", "sign", folder["body.json"], "--secret-file", secret, "--timestamp", "-1")).ExitCode);
    }
}
