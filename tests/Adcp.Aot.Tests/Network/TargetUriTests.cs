using System.Text.Json;
using Adcp.Aot.Network;
using CsCheck;

namespace Adcp.Aot.Tests.Network;

public sealed class TargetUriTests
{
    [Fact]
    [Needs(Resource.AdcpData)]
    public void Every_official_canonicalization_case_holds()
    {
        using JsonDocument vectors = SharedFiles.Read("vectors/target-uri/canonicalization.json");
        List<string> faults = [];
        foreach (JsonElement one in vectors.RootElement.GetProperty("cases").EnumerateArray())
        {
            string name = one.GetProperty("name").GetString()!;
            bool reads = TargetUri.TryParse(one.GetProperty("input_url").GetString(), out TargetUri? uri, out string? reason);
            if (one.TryGetProperty("reject", out JsonElement reject) && reject.GetBoolean())
            {
                if (reads)
                {
                    faults.Add($"{name}: accepted as {uri}");
                }

                continue;
            }

            string expected = one.GetProperty("expected_target_uri").GetString()!;
            string authority = one.GetProperty("expected_authority").GetString()!;
            if (!reads || uri!.Value != expected || uri.Authority != authority)
            {
                faults.Add($"{name}: {uri?.Value ?? reason} instead of {expected}");
            }
            else if (uri.ToRequestUri() is var request && (request.PathAndQuery != uri.PathAndQuery || request.Authority != uri.Authority))
            {
                faults.Add($"{name}: the client would request {request.Authority}{request.PathAndQuery}");
            }
        }

        Assert.Empty(faults);
    }

    [Fact]
    public void Canonical_form_is_a_fixed_point() =>
        Gen.Select(Gen.Bool.Select(https => https ? "HTTPS" : "http"), Gen.String[Gen.Char["abcXYZ09-."], 1, 20],
            Gen.String[Gen.Char["aZ09/.%2e?&=+~_"], 0, 30]).Sample((scheme, host, path) =>
        {
            if (TargetUri.TryParse($"{scheme}://{host}/{path}", out TargetUri? once, out _))
            {
                Assert.True(TargetUri.TryParse(once.Value, out TargetUri? twice, out _));
                Assert.Equal(once.Value, twice!.Value);
            }
        });

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("ftp://a.example/")]
    [InlineData("https://")]
    [InlineData("https://:443/p")]
    [InlineData("https://[::1/p")]
    [InlineData("https://[fe80::1%25eth0]/p")]
    [InlineData("https://fe80::1/p")]
    [InlineData("https://a..example/p")]
    [InlineData("https://a.example:0/p")]
    [InlineData("https://a.example:99999/p")]
    [InlineData("https://a.example:8o/p")]
    [InlineData("https://a.example/p\r\nHost: b")]
    [InlineData("https://a.example/%zz")]
    [InlineData("https://a_b.example/")]
    public void Malformed_urls_are_refused(string? url) => Assert.False(TargetUri.TryParse(url, out _, out _));
}
