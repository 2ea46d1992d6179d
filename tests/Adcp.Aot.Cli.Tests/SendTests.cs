using System.Text.Json;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Cli.Tests;

public sealed class SendTests
{
    private const string Secret = "0f4a8c1be2d95763a1b2c3d4e5f60718293a4b5c6d7e8f90";

    [Fact]
    public async Task Retries_carry_one_key_and_the_audit_log_has_a_line_for_each_attempt()
    {
        using Folder folder = new();
        await using ScriptedReceiver receiver = new();
        receiver.Then(ReceiverAnswer.WithStatus(503), ReceiverAnswer.WithStatus(503));
        string key = await KeyAsync(folder);
        Cli.Result sent = await Cli.RunAsync(
            [.. To(receiver), "--key", key, "--base-delay", "1ms", "--token-file", folder.Write("token", "token-of-16-chars\n"),
            "--context", "@" + folder.Write("context.json", """{"k":[1]}"""),
            "--result", """{"media_buy_id":"mb"}""", "--log", folder["attempts.jsonl"], "--json"]);

        Assert.Equal(0, sent.ExitCode);
        Assert.Equal(1, sent.Json.GetProperty("delivered").GetInt32());
        Assert.Equal(0, sent.Json.GetProperty("failed").GetInt32());
        Assert.Equal(3, sent.Json.GetProperty("attempts").GetInt32());
        string idempotencyKey = sent.Json.GetProperty("idempotency_keys")[0].GetString()!;
        Assert.Equal(3, receiver.Requests.Count);
        Assert.All(receiver.Requests, request => Assert.Equal(idempotencyKey, Body(request).GetProperty("idempotency_key").GetString()));
        JsonElement body = Body(receiver.Requests[0]);
        Assert.Equal("token-of-16-chars", body.GetProperty("token").GetString());
        Assert.Equal("""{"k":[1]}""", body.GetProperty("context").GetRawText());
        Assert.Equal("""{"media_buy_id":"mb"}""", body.GetProperty("result").GetRawText());
        Assert.Equal(3, File.ReadAllLines(folder["attempts.jsonl"]).Length);
        Assert.DoesNotContain("token-of-16-chars", sent.Output + sent.Errors + File.ReadAllText(folder["attempts.jsonl"]),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Many_webhooks_have_a_key_each()
    {
        using Folder folder = new();
        await using ScriptedReceiver receiver = new();
        Cli.Result sent = await Cli.RunAsync(
            [.. To(receiver), "--key", await KeyAsync(folder), "--count", "40", "--concurrency", "8", "--json"]);
        Assert.Equal(0, sent.ExitCode);
        Assert.Equal(40, sent.Json.GetProperty("idempotency_keys").EnumerateArray().Select(k => k.GetString()).Distinct().Count());
        Assert.Equal(40, receiver.Requests.Count);
    }

    [Fact]
    public async Task A_receiver_that_refuses_means_exit_code_one()
    {
        using Folder folder = new();
        await using ScriptedReceiver receiver = new() { Otherwise = ReceiverAnswer.WithStatus(409) };
        Cli.Result sent = await Cli.RunAsync([.. To(receiver), "--key", await KeyAsync(folder)]);
        Assert.Equal(1, sent.ExitCode);
        Assert.Contains("payload_conflict", sent.Errors, StringComparison.Ordinal);
        Assert.Contains("0 of 1 delivered", sent.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hmac", "X-ADCP-Signature")]
    [InlineData("bearer", "Authorization")]
    [InlineData("standard", "webhook-signature")]
    public async Task The_other_modes_take_their_secret_from_a_file(string auth, string header)
    {
        using Folder folder = new();
        await using ScriptedReceiver receiver = new();
        string secret = auth == "standard" ? "whsec_" + Convert.ToBase64String(Convert.FromHexString(Secret)) : Secret;
        Cli.Result sent = await Cli.RunAsync([.. To(receiver), "--auth", auth, "--secret-file", folder.Write("secret", secret + "\n")]);
        Assert.Equal(0, sent.ExitCode);
        ReceivedRequest request = receiver.Requests.Single();
        Assert.NotNull(request.Header(header));
        Assert.Null(request.Header("Signature"));
        Assert.DoesNotContain(secret, sent.Output + sent.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_comes_from_a_file_or_the_standard_input_and_never_from_the_command_line()
    {
        using Folder folder = new();
        await using ScriptedReceiver receiver = new();
        string key = await KeyAsync(folder);
        Assert.Equal(2, (await Cli.RunAsync([.. To(receiver), "--key", key, "--token", "token-of-16-chars"])).ExitCode);

        using Cli cli = Cli.StartWithInput("token-of-16-chars\n", [.. To(receiver), "--key", key, "--token-file", "-"]);
        Assert.Equal(0, (await cli.EndAsync()).ExitCode);

        Assert.Equal("token-of-16-chars", Body(receiver.Requests.Single()).GetProperty("token").GetString());
        Cli.Result both = await Cli.RunAsync([.. To(receiver), "--key", "-", "--token-file", "-"]);
        Assert.Equal(2, both.ExitCode);
        Assert.Contains("--token-file", both.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite, false)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.GroupRead, true)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead, true)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupWrite, true)]
    public async Task A_private_key_that_others_can_read_is_warned_of(UnixFileMode mode, bool warned)
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("File modes are Unix's.");
            return;
        }

        using Folder folder = new();
        await using ScriptedReceiver receiver = new();
        string key = await KeyAsync(folder);
        File.SetUnixFileMode(key, mode);
        File.CreateSymbolicLink(folder["link"], key);

        foreach (string path in (string[])[key, folder["link"]])
        {
            Cli.Result sent = await Cli.RunAsync([.. To(receiver), "--key", path]);
            Assert.Equal(0, sent.ExitCode);
            Assert.Equal(warned, sent.Errors.Contains($"Warning: --key: '{path}' can be read by others", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Policy_refuses_with_three_and_usage_with_two()
    {
        using Folder folder = new();
        string key = await KeyAsync(folder);
        string[] rest = ["--task-id", "t", "--task-type", "create_media_buy", "--status", "completed", "--operation-id", "op",
            "--key", key];
        Assert.Equal(3, (await Cli.RunAsync(["send", "--url", "http://buyer.example/", .. rest])).ExitCode);
        Assert.Equal(3, (await Cli.RunAsync(["send", "--url", "https://127.0.0.1/", .. rest])).ExitCode);
        Assert.Equal(3, (await Cli.RunAsync(["send", "--url", "https://user:secret@buyer.example/", .. rest])).ExitCode);
        Assert.Equal(3, (await Cli.RunAsync(
            ["send", "--url", "https://buyer.example/", "--result", """{"a":1,"a":2}""", .. rest])).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync(["send", "--url", "not a url", .. rest])).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync(["send", "--url", "https://buyer.example/", "--count", "0", .. rest])).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync(["send", "--url", "https://buyer.example/", "--base-delay", "soon", .. rest])).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync(["send", "--url", "https://buyer.example/", "--auth", "hmac", .. rest])).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync(
            ["send", "--url", "https://buyer.example/", "--context", "@" + folder["absent"], .. rest])).ExitCode);
        Cli.Result wrongKey = await Cli.RunAsync(["send", "--url", "https://buyer.example/", .. rest[..^1],
            folder.Write("bad.json", """{"kty":"OKP","crv":"Ed25519","d":"c2VjcmV0"}""")]);
        Assert.Equal(2, wrongKey.ExitCode);
        Assert.DoesNotContain("c2VjcmV0", wrongKey.Output + wrongKey.Errors, StringComparison.Ordinal);
    }

    private static string[] To(ScriptedReceiver receiver) =>
        [
            "send", "--url", receiver.Origin + "/hook?secret=1", "--task-id", "task_1", "--task-type", "create_media_buy",
            "--status", "completed", "--operation-id", "op_1", "--allow-http", "--allow-private",
        ];

    private static async Task<string> KeyAsync(Folder folder)
    {
        Assert.Equal(0, (await Cli.RunAsync("keygen", "--alg", "ed25519", "--kid", "k", "--out", folder["private.jwk.json"],
            "--jwks", folder["jwks.json"])).ExitCode);
        return folder["private.jwk.json"];
    }

    private static JsonElement Body(ReceivedRequest request)
    {
        using JsonDocument body = JsonDocument.Parse(request.Body);
        return body.RootElement.Clone();
    }
}
