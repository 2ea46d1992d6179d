using System.Text.Json;

namespace Adcp.Aot.Cli.Tests;

public sealed class KeygenTests
{
    [Theory]
    [InlineData("ed25519", "EdDSA")]
    [InlineData("es256", "ES256")]
    public async Task A_key_is_kept_private_and_its_public_half_published(string algorithm, string jwkAlgorithm)
    {
        using Folder folder = new();
        Cli.Result made = await Cli.RunAsync("keygen", "--alg", algorithm, "--kid", "seller-1", "--out",
            folder["private.jwk.json"], "--jwks", folder["jwks.json"], "--json");
        Assert.Equal(0, made.ExitCode);
        Assert.Equal("seller-1", made.Json.GetProperty("kid").GetString());

        using JsonDocument secret = JsonDocument.Parse(File.ReadAllText(folder["private.jwk.json"]));
        string d = secret.RootElement.GetProperty("d").GetString()!;
        Assert.DoesNotContain(d, made.Output + made.Errors + File.ReadAllText(folder["jwks.json"]), StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder["private.jwk.json"]));
        }

        using JsonDocument jwks = JsonDocument.Parse(File.ReadAllText(folder["jwks.json"]));
        JsonElement published = jwks.RootElement.GetProperty("keys")[0];
        Assert.Equal(jwkAlgorithm, published.GetProperty("alg").GetString());
        Assert.Equal("request-signing", published.GetProperty("adcp_use").GetString());
        Assert.Equal("sig", published.GetProperty("use").GetString());
    }

    [Fact]
    public async Task A_second_key_joins_the_set_and_a_second_use_of_an_id_is_refused()
    {
        using Folder folder = new();
        Assert.Equal(0, (await Keygen("a", "one.json")).ExitCode);
        Assert.Equal(0, (await Keygen("b", "two.json", "--purpose", "webhook-signing")).ExitCode);
        Cli.Result again = await Keygen("a", "three.json");
        Assert.Equal(2, again.ExitCode);
        Assert.Contains("--kid", again.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(folder["three.json"]));
        using JsonDocument jwks = JsonDocument.Parse(File.ReadAllText(folder["jwks.json"]));
        Assert.Equal(["request-signing", "webhook-signing"], jwks.RootElement.GetProperty("keys").EnumerateArray()
            .Select(k => k.GetProperty("adcp_use").GetString()!));

        Task<Cli.Result> Keygen(string id, string file, params string[] more) =>
            Cli.RunAsync(["keygen", "--alg", "ed25519", "--kid", id, "--out", folder[file], "--jwks", folder["jwks.json"], .. more]);
    }

    [Theory]
    [InlineData("same")]
    [InlineData("relative")]
    [InlineData("dangling link")]
    [InlineData("linked folder")]
    public async Task The_published_set_never_takes_the_private_keys_place(string spelling)
    {
        using Folder folder = new();
        string output = folder["key.json"];
        string jwks = output;
        switch (spelling)
        {
            case "relative":
                jwks = Path.Combine(Path.GetDirectoryName(output)!, ".", "..", Path.GetFileName(Path.GetDirectoryName(output)!),
                    "key.json");
                break;
            case "dangling link":
                jwks = folder["jwks.json"];
                File.CreateSymbolicLink(jwks, output);
                break;
            case "linked folder":
                File.CreateSymbolicLink(folder["there"], Path.GetDirectoryName(output)!);
                jwks = Path.Combine(folder["there"], "key.json");
                break;
        }

        Cli.Result made = await Cli.RunAsync("keygen", "--alg", "ed25519", "--kid", "k", "--out", output, "--jwks", jwks);

        Assert.Equal(2, made.ExitCode);
        Assert.StartsWith("--jwks: ", made.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(output));
    }

    [Fact]
    public async Task A_private_key_is_never_overwritten()
    {
        using Folder folder = new();
        folder.Write("private.jwk.json", "precious");
        Cli.Result made = await Cli.RunAsync("keygen", "--alg", "ed25519", "--kid", "k", "--out", folder["private.jwk.json"],
            "--jwks", folder["jwks.json"]);
        Assert.Equal(2, made.ExitCode);
        Assert.Contains("--out", made.Errors, StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(folder["private.jwk.json"]));
        Assert.False(File.Exists(folder["jwks.json"]));
    }
}
