using System.Text.Json;

namespace Adcp.Aot.Platform.Tests.Wire;

/// <summary>The storyboard version_negotiation, and the rules of AdCP's page on versioning.</summary>
public sealed class ReleaseNegotiationTests
{
    [Theory]
    [InlineData(AdcpVersion.V30, "3.0")]
    [InlineData(AdcpVersion.V31, "3.1")]
    [InlineData(AdcpVersion.V32, "3.2")]
    public async Task Each_reply_says_which_release_was_served(AdcpVersion version, string release)
    {
        await using Bench bench = new(version);

        foreach (ToolReply reply in (ToolReply[])
            [await bench.BuyAsync(), await bench.BuyAsync("later"), await bench.BuyAsync("refuse"), await bench.CallAsync("nothing", "{}")])
        {
            Assert.Equal(release, Bench.Body(reply.Body).GetProperty("adcp_version").GetString());
        }
    }

    [Theory]
    [InlineData(AdcpVersion.V30, """{"adcp_version":"3.0"}""")]
    [InlineData(AdcpVersion.V30, """{"adcp_version":"3.1"}""")]
    [InlineData(AdcpVersion.V31, """{"adcp_version":"3.2","adcp_major_version":3}""")]
    [InlineData(AdcpVersion.V32, """{"adcp_version":"3.2"}""")]
    [InlineData(AdcpVersion.V32, """{"adcp_version":"3.10"}""")]
    [InlineData(AdcpVersion.V32, """{"adcp_version":"3.99999999999999999999999"}""")]
    [InlineData(AdcpVersion.V32, """{"adcp_major_version":3}""")]
    [InlineData(AdcpVersion.V32, """{"adcp_version":null,"adcp_major_version":null}""")]
    [InlineData(AdcpVersion.V32, "{}")]
    public async Task A_request_for_the_release_or_a_later_one_of_its_major_version_is_served(AdcpVersion version, string arguments)
    {
        await using Bench bench = new(version);

        ToolReply reply = await bench.CallAsync("seller_ping", arguments);

        Assert.Null(reply.Error);
    }

    [Theory]
    [InlineData(AdcpVersion.V31, """{"adcp_version":"3.0"}""", "adcp_version")]
    [InlineData(AdcpVersion.V32, """{"adcp_version":"3.1"}""", "adcp_version")]
    [InlineData(AdcpVersion.V32, """{"adcp_version":"99.0"}""", "adcp_version")]
    [InlineData(AdcpVersion.V32, """{"adcp_version":"2.9"}""", "adcp_version")]
    [InlineData(AdcpVersion.V32, """{"adcp_version":"3.2-beta.5"}""", "adcp_version")]
    [InlineData(AdcpVersion.V32, """{"adcp_version":"3.2","adcp_major_version":4}""", "adcp_version")]
    [InlineData(AdcpVersion.V30, """{"adcp_major_version":99}""", "adcp_major_version")]
    public async Task Another_release_is_refused_with_those_that_are_served(AdcpVersion version, string arguments, string field)
    {
        await using Bench bench = new(version);

        ToolReply reply = await bench.CallAsync("create_media_buy", arguments.Replace("{", """{"context":{"k":[1]},"""));

        JsonElement body = Bench.Body(reply.Body);
        JsonElement error = body.GetProperty("adcp_error");
        Assert.Equal("VERSION_UNSUPPORTED", error.GetProperty("code").GetString());
        Assert.Equal("correctable", error.GetProperty("recovery").GetString());
        Assert.Equal(field, error.GetProperty("field").GetString());
        Assert.Equal(
            $$"""["{{body.GetProperty("adcp_version").GetString()}}"]""",
            error.GetProperty("details").GetProperty("supported_versions").GetRawText());
        Assert.Equal("[3]", error.GetProperty("details").GetProperty("supported_majors").GetRawText());
        Assert.Equal("""{"k":[1]}""", body.GetProperty("context").GetRawText());
        Assert.Equal(0, bench.Platform.Performed);
    }

    [Theory]
    [InlineData("\"3.1.2\"")]
    [InlineData("\"v3.1\"")]
    [InlineData("\"3\"")]
    [InlineData("\"03.1\"")]
    [InlineData("\"3.2\\n\"")]
    [InlineData("3.2")]
    public async Task A_malformed_release_is_an_invalid_request(string release)
    {
        await using Bench bench = new(AdcpVersion.V32);

        ToolReply reply = await bench.CallAsync("seller_ping", $$"""{"adcp_version":{{release}}}""");

        Assert.Equal("INVALID_REQUEST", reply.Error?.Code);
        Assert.Equal("adcp_version", reply.Error?.Field);
    }

    [Fact]
    public async Task Capabilities_list_the_releases_that_are_served()
    {
        ReadOnlyMemory<byte> body = Capabilities.Completed("""{"adcp":{"major_versions":[3]},"x":1}"""u8.ToArray(), AdcpVersion.V31);
        ReadOnlyMemory<byte> own = Capabilities.Completed("""{"adcp":{"supported_versions":["3.2","3.1"]}}"""u8.ToArray(), AdcpVersion.V31);

        Assert.Equal("""{"adcp":{"major_versions":[3],"supported_versions":["3.1"]},"x":1}""", Bench.Body(body).GetRawText());
        Assert.Equal("""{"adcp":{"supported_versions":["3.2","3.1"]}}""", Bench.Body(own).GetRawText());
        await Task.CompletedTask;
    }
}
