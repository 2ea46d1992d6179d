using System.IO.Pipelines;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace Adcp.Aot.AspNetCore.Tests.Serving;

/// <summary>The MCP server over a transport that passes no <see cref="EndpointGuard"/>.</summary>
public sealed class ForeignTransportTests
{
    [Theory]
    [InlineData("", "AUTH_MISSING")]
    [InlineData("tenantOf", "AUTH_MISSING")]
    [InlineData("shared", "anonymous")]
    public async Task A_call_without_a_request_has_a_tenant_only_if_all_callers_are_one(string mode, string expected)
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();
        Pipe toServer = new();
        Pipe toClient = new();
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddAdcpMcp(seller.Handler, mode switch
        {
            "shared" => new AdcpEndpointOptions { SharesOneTenant = true },
            "tenantOf" => new AdcpEndpointOptions { TenantOf = static _ => "somebody" },
            _ => null,
        });
        builder.Services.AddMcpServer().WithStreamServerTransport(toServer.Reader.AsStream(), toClient.Writer.AsStream());
        using IHost host = builder.Build();
        await host.StartAsync();
        await using McpClient client = await McpClient.CreateAsync(
            new StreamClientTransport(toServer.Writer.AsStream(), toClient.Reader.AsStream()));

        CallToolResult result = await client.CallToolAsync("get_products");

        Assert.Equal(mode == "shared" ? "completed" : "failed", result.StructuredContent!.Value.GetProperty("status").GetString());
        Assert.Contains(expected, Assert.IsType<TextContentBlock>(result.Content[0]).Text, StringComparison.Ordinal);
    }
}
