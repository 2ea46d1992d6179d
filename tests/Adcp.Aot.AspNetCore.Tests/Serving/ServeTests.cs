using System.Data.Common;
using System.Text.Json;
using Adcp.Aot.Platform;
using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Storage;
using Microsoft.Data.Sqlite;

namespace Adcp.Aot.AspNetCore.Tests.Serving;

/// <summary>The wiring that <c>ServeAsync</c> refuses before it serves.</summary>
public sealed class ServeTests
{
    private static readonly Uri Url = new("http://127.0.0.1:0");

    [Fact]
    public async Task Nothing_is_served_before_somebody_says_who_callers_are()
    {
        PlatformOptions options = new() { Version = AdcpVersion.V31, AcceptsPushConfigs = false };

        ArgumentException fault = await Assert.ThrowsAsync<ArgumentException>(
            () => AdcpServer.ServeAsync(new NoTools(), options, Url, new AdcpServerOptions { Endpoints = new AdcpEndpointOptions() }));

        Assert.Contains("TenantOf", fault.Message, StringComparison.Ordinal);
        Assert.Contains("SharesOneTenant", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_served_over_a_table_that_is_missing()
    {
        await using DbDataSource database = SqliteFactory.Instance.CreateDataSource("Data Source=serve-tests;Mode=Memory;Cache=Shared");
        PlatformOptions options = new()
        {
            Version = AdcpVersion.V31,
            AcceptsPushConfigs = false,
            Idempotency = new SqlIdempotencyStore(database, SqlDialect.Sqlite),
        };
        AdcpServerOptions serving = new() { Endpoints = new AdcpEndpointOptions { SharesOneTenant = true } };

        PlatformBootException fault = await Assert.ThrowsAsync<PlatformBootException>(
            () => AdcpServer.ServeAsync(new NoTools(), options, Url, serving));

        Assert.Equal("idempotency_store", Assert.Single(fault.Gaps).Code);
        Assert.Contains("CreateIfAbsentAsync", fault.Message, StringComparison.Ordinal);
    }

    private sealed class NoTools : IAdcpPlatform
    {
        public IReadOnlyList<ToolDescription> Tools => [];

        public ValueTask<ToolReply> InvokeAsync(string tool, JsonElement arguments, ToolCall call, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }
}
