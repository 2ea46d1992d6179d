using System.Text.Json;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace Adcp.Aot.Seller.Tests;

/// <summary>A Seller of AdCP 3.2 and its buyer, for the storyboards of a class.</summary>
public sealed class StoryboardSeller : IAsyncLifetime
{
    public const string Account = """
        "account":{"brand":{"domain":"acmeoutdoor.example"},"operator":"pinnacle-agency.example","sandbox":true}
        """;

    private McpClient _client = null!;

    internal SellerProcess Process { get; private set; } = null!;

    internal Buyer Buyer { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Process = await SellerProcess.StartAsync("3.2", 1);
        Buyer = await Buyer.StartAsync(Process, AdcpVersion.V32);
        _client = await Process.ConnectAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await Process.DisposeAsync();
        await Buyer.DisposeAsync();
    }

    /// <summary>Makes the call of a step. Its answer returns the step's context and has a status.</summary>
    public async Task<JsonElement> CallAsync(string tool, string step, string members, string? key = null)
    {
        JsonElement arguments = JsonElement.Parse($$"""
            {"idempotency_key":"{{key ?? Guid.NewGuid().ToString()}}",{{members}},"context":{"correlation_id":"{{step}}"} }
            """);
        CallToolResult result = await _client.CallToolAsync(
            tool, arguments.EnumerateObject().ToDictionary(member => member.Name, member => (object?)member.Value));
        JsonElement answer = result.StructuredContent!.Value;
        Assert.Equal(step, answer.GetProperty("context").GetProperty("correlation_id").GetString());
        Assert.Equal(JsonValueKind.String, answer.GetProperty("status").ValueKind);
        return answer;
    }

    /// <summary>Makes a call that is refused, with a code that the step allows.</summary>
    public async Task<JsonElement> RefusedAsync(string tool, string step, string members, params string[] codes)
    {
        JsonElement answer = await CallAsync(tool, step, members);
        JsonElement error = answer.GetProperty("adcp_error");
        Assert.Contains(error.GetProperty("code").GetString(), codes);
        Assert.Equal("failed", answer.GetProperty("status").GetString());
        return error;
    }
}
