using System.Text.Json;

namespace Adcp.Aot.Cli.Tests;

/// <summary>Deliveries are recorded by one process and replayed by another.</summary>
public sealed class ReplayTests : IDisposable
{
    private const string Secret = "0f4a8c1be2d95763a1b2c3d4e5f60718293a4b5c6d7e8f90";

    private readonly Folder _folder = new();

    private string File => _folder["deliveries.jsonl"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Replayed_deliveries_have_the_same_bytes_and_headers_and_are_verified_again()
    {
        Assert.Equal(0, (await Cli.RunAsync("keygen", "--alg", "ed25519", "--kid", "k1", "--out", _folder["p.json"], "--jwks",
            _folder["j.json"])).ExitCode);
        using Listener first = await Listener.StartAsync("--jwks", _folder["j.json"], "--count", "3", "--json", "--record", File);
        Assert.Equal(0, (await SendAsync(first, "--key", _folder["p.json"], "--count", "3")).ExitCode);
        await first.EndAsync();
        string copy = _folder["copy.jsonl"];
        using Listener second = await Listener.StartAsync(
            "--jwks", _folder["j.json"], "--count", "3", "--json", "--record", copy, "--origin", first.Url.TrimEnd('/'));

        Cli.Result replayed = await Cli.RunAsync(
            "replay", File, "--to", second.Url + "hook?key=1", "--allow-http", "--allow-private", "--json");
        (Cli.Result result, JsonElement[] lines) = await second.EndAsync();

        Assert.Equal((0, 0), (replayed.ExitCode, result.ExitCode));
        Assert.Equal((3, 3), (replayed.Json.GetProperty("delivered").GetInt32(), lines.Length));
        JsonElement[] before = Deliveries(File);
        JsonElement[] after = Deliveries(copy);
        Assert.Equal(before.Select(static line => line.GetProperty("body").GetString()), after.Select(
            static line => line.GetProperty("body").GetString()));
        Assert.Equal(before.Select(Headers), after.Select(Headers));
        Assert.Equal(3, before.Select(Headers).Distinct().Count());
        Assert.Equal(("POST", "/hook", true, 200), (
            before[0].GetProperty("method").GetString(), before[0].GetProperty("path").GetString(),
            before[0].GetProperty("verified").GetBoolean(), before[0].GetProperty("status").GetInt32()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Secrets_are_recorded_only_if_asked_for_and_others_cannot_read_the_file(bool keepsSecrets)
    {
        string secret = _folder.Write("secret", Secret);
        string[] options = keepsSecrets ? ["--record-secrets"] : [];
        using Listener listener = await Listener.StartAsync(
            ["--auth", "bearer", "--secret-file", secret, "--count", "1", "--record", File, .. options]);
        Assert.Equal(0, (await SendAsync(listener, "--auth", "bearer", "--secret-file", secret)).ExitCode);
        await listener.EndTextAsync();

        JsonElement delivery = Assert.Single(Deliveries(File));

        Assert.Equal(keepsSecrets, System.IO.File.ReadAllText(File).Contains(Secret, StringComparison.Ordinal));
        Assert.Equal(
            keepsSecrets ? [] : ["Authorization"],
            delivery.GetProperty("omitted_headers").EnumerateArray().Select(static name => name.GetString()));
        Assert.Equal(keepsSecrets ? "/hook?key=1" : "/hook", delivery.GetProperty("path").GetString());
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(File));
        }
    }

    [Fact]
    public async Task The_file_is_repeated_up_to_the_count_and_failures_are_counted()
    {
        System.IO.File.WriteAllText(File, """
            {"headers":[["Content-Type","application/json"]],"body":"1"}
            {"headers":[],"body_base64":"/w=="}

            """);
        using Listener listener = await Listener.StartAsync("--count", "5", "--record", _folder["copy.jsonl"]);

        Cli.Result replayed = await Cli.RunAsync(
            "replay", File, "--to", listener.Url + "hook", "--allow-http", "--allow-private", "--count", "5", "--rate", "1000");
        await listener.EndTextAsync();

        Assert.Equal(1, replayed.ExitCode);
        Assert.Matches("401 +3", replayed.Output);
        Assert.Matches("415 +2", replayed.Output);
        Assert.Contains("0 of 5 delivered", replayed.Output, StringComparison.Ordinal);
        Assert.Equal(
            ["1", "/w==", "1", "/w==", "1"],
            Deliveries(_folder["copy.jsonl"]).Select(static line =>
                line.TryGetProperty("body", out JsonElement text) ? text.GetString() : line.GetProperty("body_base64").GetString()));
    }

    [Fact]
    public async Task A_destination_that_the_guard_refuses_gets_nothing()
    {
        System.IO.File.WriteAllText(File, """{"headers":[],"body":"1"}""");

        Cli.Result plain = await Cli.RunAsync("replay", File, "--to", "http://127.0.0.1:1/", "--allow-private");
        Cli.Result metadata = await Cli.RunAsync("replay", File, "--to", "http://169.254.169.254/", "--allow-http", "--allow-private");

        Assert.Equal((3, 3), (plain.ExitCode, metadata.ExitCode));
        Assert.Contains("https is required", plain.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"headers\":[],\"body\":\"1\"}\nnothing")]
    [InlineData("{\"headers\":[],\"body\":\"1\"}\n{\"headers\":[[\"a\"]],\"body\":\"1\"}")]
    [InlineData("{\"headers\":[],\"body\":\"1\"}\n{\"headers\":[]}")]
    [InlineData("{\"headers\":[],\"body\":\"1\"}\n{\"headers\":[],\"body_base64\":\"?\"}")]
    [InlineData("{\"headers\":[],\"body\":\"1\"}\n{\"headers\":[],\"body\":null}")]
    public async Task A_line_that_is_no_delivery_is_named_before_anything_is_sent(string text)
    {
        System.IO.File.WriteAllText(File, text);

        Cli.Result result = await Cli.RunAsync("replay", File, "--to", "http://127.0.0.1:1/", "--allow-http", "--allow-private");

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("line 2: not a delivery", result.Errors, StringComparison.Ordinal);
    }

    private static JsonElement[] Deliveries(string file) =>
        [.. System.IO.File.ReadLines(file).Select(static line => JsonDocument.Parse(line).RootElement)];

    /// <summary>Returns the headers that do not belong to the connection.</summary>
    private static string Headers(JsonElement delivery) => string.Join('\n', delivery.GetProperty("headers").EnumerateArray()
        .Select(static pair => $"{pair[0]}: {pair[1]}")
        .Where(static header => !header.StartsWith("Host:", StringComparison.OrdinalIgnoreCase))
        .Order(StringComparer.Ordinal));

    private static Task<Cli.Result> SendAsync(Listener listener, params string[] options) => Cli.RunAsync(
    [
        "send", "--url", listener.Url + "hook?key=1", "--task-id", "task_1", "--task-type", "create_media_buy", "--status", "completed",
        "--operation-id", "op_1", "--allow-http", "--allow-private", .. options,
    ]);
}
