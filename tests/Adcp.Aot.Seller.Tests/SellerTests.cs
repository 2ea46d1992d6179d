using System.Text.Json;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace Adcp.Aot.Seller.Tests;

/// <summary>The Seller as a process, called by the official MCP client, with a receiver that verifies.</summary>
public sealed class SellerTests
{
    [Theory]
    [InlineData("3.0", AdcpVersion.V30)]
    [InlineData("3.1", AdcpVersion.V31)]
    [InlineData("3.2", AdcpVersion.V32)]
    public async Task A_submitted_media_buy_is_answered_first_and_told_once(string spoken, AdcpVersion version)
    {
        await using SellerProcess seller = await SellerProcess.StartAsync(spoken, 300);
        await using Buyer buyer = await Buyer.StartAsync(seller, version);
        await using McpClient client = await seller.ConnectAsync();
        JsonElement answer = await CallAsync(client, "create_media_buy", buyer.Push("op_1"));
        Assert.Equal("submitted", answer.GetProperty("status").GetString());
        Assert.Equal("""{"k":[1]}""", answer.GetProperty("context").GetRawText());

        JsonElement told = await buyer.NextAsync();
        Assert.Equal("completed", told.GetProperty("status").GetString());
        Assert.Equal("op_1", told.GetProperty("operation_id").GetString());
        Assert.Equal("a-token-of-sixteen", told.GetProperty("token").GetString());
        Assert.Equal("""{"k":[1]}""", told.GetProperty("context").GetRawText());
        Assert.Equal(answer.GetProperty("task_id").GetString(), told.GetProperty("task_id").GetString());
        Assert.StartsWith("mb_", told.GetProperty("result").GetProperty("media_buy_id").GetString(), StringComparison.Ordinal);
        await seller.StopAsync();
        Assert.Equal(0, buyer.Waiting);
        Assert.Single(buyer.Attempts);
    }

    [Theory]
    [InlineData("3.0", AdcpVersion.V30, 1)]
    [InlineData("3.1", AdcpVersion.V31, 0)]
    [InlineData("3.2", AdcpVersion.V32, 0)]
    public async Task A_final_answer_is_told_once_in_3_0_and_never_after(string spoken, AdcpVersion version, int expected)
    {
        await using SellerProcess seller = await SellerProcess.StartAsync(spoken, 0);
        await using Buyer buyer = await Buyer.StartAsync(seller, version);
        await using McpClient client = await seller.ConnectAsync();
        JsonElement answer = await CallAsync(client, "create_media_buy", buyer.Push("op_1"));
        Assert.StartsWith("mb_", answer.GetProperty("media_buy_id").GetString(), StringComparison.Ordinal);

        // Stopping drains: every pending webhook has been sent.
        await seller.StopAsync();
        Assert.Equal(expected, buyer.Waiting);
    }

    [Fact]
    public async Task Query_string_of_a_request_is_in_no_line_that_the_seller_writes()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.1", 0);
        using HttpClient http = new() { BaseAddress = seller.Url };

        foreach (string path in (string[])[".well-known/jwks.json", "mcp", "a2a", "nothing", ".well-known/agent-card.json"])
        {
            using HttpResponseMessage got = await http.GetAsync(new Uri($"{path}?secret=query-secret-0123456789", UriKind.Relative));
            using StringContent body = new("{}", System.Text.Encoding.UTF8, "application/json");
            using HttpResponseMessage posted =
                await http.PostAsync(new Uri($"{path}?secret=query-secret-0123456789", UriKind.Relative), body);
        }

        Assert.DoesNotContain(seller.Lines, static line => line.Contains("query-secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Three_503_then_200_is_four_nonces_of_one_webhook()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 1);
        await using Buyer buyer = await Buyer.StartAsync(seller, AdcpVersion.V32);
        buyer.Refusals = 3;
        await using McpClient client = await seller.ConnectAsync();
        await CallAsync(client, "create_media_buy", buyer.Push("op_1"));
        JsonElement told = await buyer.NextAsync();
        Assert.Equal(4, buyer.Attempts.Count);
        Assert.Equal(Enumerable.Repeat(told.GetProperty("idempotency_key").GetString(), 3), buyer.RefusedKeys);
        Assert.Equal(4, buyer.Attempts.Distinct().Count());
    }

    [Fact]
    public async Task A_registration_without_operation_id_is_an_error_of_the_call()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 0);
        await using McpClient client = await seller.ConnectAsync();
        JsonElement answer = await CallAsync(client, "create_media_buy", """{"url":"http://127.0.0.1:1/"}""", isError: true);
        Assert.Equal("INVALID_REQUEST", answer.GetProperty("adcp_error").GetProperty("code").GetString());
        Assert.Equal("push_notification_config.operation_id", answer.GetProperty("adcp_error").GetProperty("field").GetString());
        Assert.Contains(await client.ListToolsAsync(), tool => tool.Name == "get_adcp_capabilities");
        JsonElement capabilities = await CallAsync(client, "get_adcp_capabilities", null);
        Assert.Equal("""{"supported":true,"replay_ttl_seconds":86400}""", capabilities.GetProperty("adcp")
            .GetProperty("idempotency").GetRawText());
        Assert.Equal("ed25519", capabilities.GetProperty("webhook_signing").GetProperty("algorithms")[0].GetString());
    }

    [Fact]
    public async Task What_is_registered_on_A2As_own_channel_gets_A2As_envelope()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 300);
        await using Buyer buyer = await Buyer.StartAsync(seller, AdcpVersion.V32);
        JsonElement answer = await seller.A2AAsync("SendMessage",
            $$$"""{"message":{"messageId":"1","role":"ROLE_USER","parts":[{"data":{"skill":"create_media_buy","input":"""
            + $$$"""{"idempotency_key":"{{{Guid.NewGuid()}}}"} } """
            + $$$"""}]},"configuration":{"taskPushNotificationConfig":{"url":"{{{buyer.A2AUrl}}}"} } }""");
        JsonElement task = answer.GetProperty("result").GetProperty("task");
        Assert.Equal("TASK_STATE_COMPLETED", task.GetProperty("status").GetProperty("state").GetString());
        JsonElement submitted = task.GetProperty("artifacts")[0].GetProperty("parts")[0].GetProperty("data");
        JsonElement told = (await buyer.NextAsync()).GetProperty("task");
        Assert.Equal(submitted.GetProperty("task_id").GetString(), told.GetProperty("id").GetString());
        Assert.Equal("TASK_STATE_COMPLETED", told.GetProperty("status").GetProperty("state").GetString());
        Assert.True(told.GetProperty("status").GetProperty("timestamp").TryGetDateTimeOffset(out _));
    }

    private static async Task<JsonElement> CallAsync(McpClient client, string tool, string? push, bool isError = false)
    {
        Dictionary<string, object?> arguments = new()
        { ["context"] = JsonElement.Parse("""{"k":[1]}"""), ["idempotency_key"] = Guid.NewGuid().ToString() };
        if (push is not null)
        {
            arguments["push_notification_config"] = JsonElement.Parse(push);
        }

        CallToolResult result = await client.CallToolAsync(tool, arguments);
        Assert.Equal(isError, result.IsError ?? false);
        return result.StructuredContent!.Value;
    }
}
