using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Adcp.Aot.AspNetCore.Tests.Serving;

/// <summary>
/// Texts of clients that System.Text.Json can read but not use. The client is at fault, never the seller.
/// </summary>
public sealed class ClientTextTests
{
    [Theory]
    [InlineData("""{"jsonrpc":"2.0","id":"\ud800","method":"ListTasks","params":{}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"\ud800","params":{}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"ListTasks","params":{"\udc00":1}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":"\udc00\ud800"}}""")]
    [InlineData(
        """{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"parts":[{"data":{"skill":"\ud800","input":{}}}]}}}""")]
    [InlineData(
        """{"id":1,"method":"SendMessage","params":{"message":{"parts":[{"data":{"skill":"get_products","input":{"\ud800":1}}}]}}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\ud800","arguments":{}}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_products","arguments":{"a":"\ud800"}}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_products","arguments":{"a":1,"a":2}}}""")]
    [InlineData("{")]
    [InlineData("")]
    public async Task Unsound_text_is_a_parse_error(string body)
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();

        (HttpStatusCode a2a, string overA2A) = await seller.A2AAsync(body);
        (HttpStatusCode mcp, string overMcp) = await seller.McpAsync(body);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.BadRequest), (a2a, mcp));
        Assert.Equal((-32700, -32700), (Code(overA2A), Code(overMcp)));
        Assert.Empty(seller.Complaints);
    }

    [Theory]
    [InlineData(
        "a2a",
        """
        {"jsonrpc":"2.0","id":"x","method":"SendMessage","params":{"tenant":"t","message":{"messageId":"m",
        "role":"ROLE_USER","contextId":"c","taskId":"t","parts":[{"text":"t"},{"data":{"skill":"create_media_buy",
        "input":{"idempotency_key":"0123456789abcdef","account":{"account_id":"a"},"context":{"k":"v"},
        "push_notification_config":{"url":"https://buyer.example/h","operation_id":"o","token":"0123456789abcdef",
        "authentication":{"schemes":["Bearer"],"credentials":"0123456789abcdef0123456789abcdef"}}}}}],
        "metadata":{"m":"v"}},"configuration":{"acceptedOutputModes":["m"],"taskPushNotificationConfig":{"id":"i",
        "url":"https://buyer.example/h","token":"t","authentication":{"scheme":"Bearer","credentials":"c"}}}}}
        """)]
    [InlineData(
        "a2a",
        """
        {"jsonrpc":"2.0","id":"x","method":"CreateTaskPushNotificationConfig","params":{"taskId":"t",
        "config":{"id":"i","url":"https://buyer.example/h","token":"t"}}}
        """)]
    [InlineData("a2a", """{"jsonrpc":"2.0","id":"x","method":"ListTasks","params":{"contextId":"c","status":"s","pageToken":"p"}}""")]
    [InlineData(
        "mcp",
        """
        {"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"create_media_buy","arguments":{
        "idempotency_key":"0123456789abcdef",
        "context":{"k":"v"},"push_notification_config":{"url":"https://buyer.example/h","operation_id":"o",
        "token":"0123456789abcdef"}},"_meta":{"progressToken":"p"}}}
        """)]
    [InlineData(
        "mcp",
        """
        {"jsonrpc":"2.0","id":"x","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},
        "clientInfo":{"name":"n","version":"v"}}}
        """)]
    public async Task Lone_surrogate_in_any_text_is_a_parse_error(string path, string body)
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();

        foreach (Match text in Regex.Matches(body, "\"[^\"]*\""))
        {
            foreach (string surrogate in (string[])["\"\\ud800\"", "\"\\uDC00x\"", "\"x\\udbff\\ud800\""])
            {
                string broken = body[..text.Index] + surrogate + body[(text.Index + text.Length)..];
                (HttpStatusCode _, string answer) = await seller.PostAsync(path, Encoding.UTF8.GetBytes(broken));
                Assert.Equal((broken, -32700), (broken, Code(answer)));
            }
        }

        Assert.Empty(seller.Complaints);
    }

    [Theory]
    [InlineData("a2a")]
    [InlineData("mcp")]
    public async Task Bytes_that_are_no_UTF8_are_a_parse_error(string path)
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();
        byte[] body = [.. """{"jsonrpc":"2.0","id":1,"method":"x"""u8, 0xC3, 0x28, .. "\",\"params\":{}}"u8];

        (HttpStatusCode _, string answer) = await seller.PostAsync(path, body);

        Assert.Equal(-32700, Code(answer));
        Assert.Empty(seller.Complaints);
    }

    [Fact]
    public async Task A_byte_order_mark_is_taken()
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();
        byte[] body = [0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(ServedSeller.Rpc("ListTasks", "{}"))];

        (HttpStatusCode status, string answer) = await seller.PostAsync("a2a", body);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Contains("totalSize", answer, StringComparison.Ordinal);
    }

    private static int Code(string body) => JsonElement.Parse(body).GetProperty("error").GetProperty("code").GetInt32();
}
