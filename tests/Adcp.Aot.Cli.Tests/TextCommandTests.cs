using System.Text.Json;
using Adcp.Aot.Tests;

namespace Adcp.Aot.Cli.Tests;

public sealed class TextCommandTests
{
    [Fact]
    [Needs(Resource.AdcpData)]
    public async Task Canonicalize_agrees_with_the_official_vectors()
    {
        using JsonDocument file = SharedFiles.Read("vectors/target-uri/canonicalization.json");
        foreach (JsonElement vector in file.RootElement.GetProperty("cases").EnumerateArray())
        {
            Cli.Result result = await Cli.RunAsync("canonicalize", vector.GetProperty("input_url").GetString()!, "--json");
            if (vector.TryGetProperty("expected_error_code", out JsonElement code))
            {
                Assert.Equal(3, result.ExitCode);
                Assert.Equal(code.GetString(), result.Json.GetProperty("error_code").GetString());
                continue;
            }

            Assert.Equal(0, result.ExitCode);
            Assert.Equal(vector.GetProperty("expected_target_uri").GetString(), result.Json.GetProperty("target_uri").GetString());
            Assert.Equal(vector.GetProperty("expected_authority").GetString(), result.Json.GetProperty("authority").GetString());
        }
    }

    [Fact]
    [Needs(Resource.AdcpData)]
    public async Task Jcs_agrees_with_the_official_vectors()
    {
        using Folder folder = new();
        foreach (string path in SharedFiles.List("vectors/jcs"))
        {
            using JsonDocument vector = SharedFiles.Read(path);
            JsonElement expected = vector.RootElement.GetProperty("expected");
            Cli.Result result = await Cli.RunAsync("jcs",
                folder.Write("preimage.json", expected.GetProperty("preimage").GetRawText()), "--json");
            Assert.Equal(0, result.ExitCode);
            Assert.Equal(expected.GetProperty("jcs_bytes").GetString(), result.Json.GetProperty("canonical").GetString());
            Assert.Equal(expected.GetProperty("sha256_hex").GetString(), result.Json.GetProperty("sha256").GetString());
        }
    }

    [Fact]
    public async Task Jcs_prints_nothing_that_steers_a_terminal()
    {
        using Folder folder = new();
        string document = "{\"a\":\"\u009b31mred\u007f \u202eleft \u2028 umlaut ä\"}";

        Cli.Result shown = await Cli.RunAsync("jcs", folder.Write("a.json", document));
        Cli.Result exact = await Cli.RunAsync("jcs", folder.Write("a.json", document), "--json");

        Assert.Contains("""{"a":"\u009b31mred\u007f \u202eleft \u2028 umlaut ä"}""", shown.Output, StringComparison.Ordinal);
        Assert.Equal(document, exact.Json.GetProperty("canonical").GetString());
    }

    [Fact]
    public async Task Jcs_refuses_duplicate_names_by_policy_and_a_missing_file_by_usage()
    {
        using Folder folder = new();
        Cli.Result duplicate = await Cli.RunAsync("jcs", folder.Write("a.json", """{"a":1,"a":2}"""), "--json");
        Assert.Equal(3, duplicate.ExitCode);
        Assert.Equal("duplicate_key_input", duplicate.Json.GetProperty("error_code").GetString());
        Assert.Equal(2, (await Cli.RunAsync("jcs", folder["absent.json"])).ExitCode);
    }

    [Theory]
    [InlineData]
    [InlineData("frobnicate")]
    [InlineData("jcs")]
    [InlineData("keygen", "--alg", "rsa", "--kid", "k", "--out", "x", "--jwks", "y")]
    public async Task A_wrong_command_line_is_a_fault_of_usage(params string[] arguments)
    {
        Cli.Result result = await Cli.RunAsync(arguments);
        Assert.Equal(2, result.ExitCode);
        Assert.NotEmpty(result.Errors);
    }
}
