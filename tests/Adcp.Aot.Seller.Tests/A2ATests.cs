using System.Net;
using System.Text;
using System.Text.Json;

namespace Adcp.Aot.Seller.Tests;

/// <summary>The Seller over A2A 1.0 does what its card promises.</summary>
public sealed class A2ATests
{
    /// <summary>Gets a request with a new key each time, without its last brace.</summary>
    private static string Buy =>
        $$$"""{"message":{"messageId":"1","role":"ROLE_USER","parts":[{"data":{"skill":"create_media_buy","input":"""
        + $$$"""{"buyer_ref":"b","idempotency_key":"{{{Guid.NewGuid()}}}"} } }]}""";

    [Fact]
    public async Task The_card_says_what_is_served()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 0);
        using HttpClient http = new();
        JsonElement card = JsonElement.Parse(await http.GetByteArrayAsync(new Uri(seller.Url, ".well-known/agent-card.json")));
        JsonElement transport = Assert.Single(card.GetProperty("supportedInterfaces").EnumerateArray());
        Assert.Equal(
            (new Uri(seller.Url, "a2a").ToString(), "JSONRPC", "1.0"),
            (transport.GetProperty("url").GetString(), transport.GetProperty("protocolBinding").GetString(),
                transport.GetProperty("protocolVersion").GetString()));
        Assert.True(card.GetProperty("capabilities").GetProperty("pushNotifications").GetBoolean());
        Assert.False(card.GetProperty("capabilities").GetProperty("streaming").GetBoolean());
        Assert.Contains(card.GetProperty("skills").EnumerateArray(), skill =>
            skill.GetProperty("id").GetString() == "create_media_buy" && skill.GetProperty("tags").GetArrayLength() > 0);
        Assert.Equal(-32004, await ErrorAsync(seller, "SendStreamingMessage", Buy + "}"));
        Assert.Equal(-32004, await ErrorAsync(seller, "GetExtendedAgentCard", "{}"));
        Assert.Equal(-32601, await ErrorAsync(seller, "message/send", "{}"));
        Assert.Equal(-32602, await ErrorAsync(seller, "GetTask", "[]"));
        Assert.Equal(-32602, await ErrorAsync(seller, "GetTask", """{"tenant":"alice","id":"t"}"""));
    }

    [Theory]
    [InlineData(".well-known/agent-card.json")]
    [InlineData(".well-known/jwks.json")]
    [InlineData(".well-known/brand.json")]
    public async Task Published_documents_answer_HEAD_as_GET(string path)
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 0);
        using HttpClient http = new();
        using HttpResponseMessage get = await http.GetAsync(new Uri(seller.Url, path));
        using HttpRequestMessage request = new(HttpMethod.Head, new Uri(seller.Url, path));

        using HttpResponseMessage head = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        Assert.Equal(get.Content.Headers.ContentType, head.Content.Headers.ContentType);
        Assert.Equal((await get.Content.ReadAsByteArrayAsync()).Length, head.Content.Headers.ContentLength);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task A_request_that_is_no_JSON_RPC_or_speaks_another_version_is_told_so()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 0);
        Assert.Equal(-32700, await CodeAsync("{", "1.0"));
        Assert.Equal(-32700, await CodeAsync("""{"jsonrpc":"2.0","id":1,"id":2,"method":"ListTasks","params":{}}""", "1.0"));
        Assert.Equal(-32600, await CodeAsync("""{"jsonrpc":"2.0","method":"ListTasks","params":{}}""", "1.0"));
        Assert.Equal(-32600, await CodeAsync("""[]""", "1.0"));
        Assert.Equal(-32009, await CodeAsync("""{"jsonrpc":"2.0","id":1,"method":"ListTasks","params":{}}""", null));

        async Task<int> CodeAsync(string body, string? version)
        {
            using HttpClient http = new();
            using HttpRequestMessage request = new(HttpMethod.Post, new Uri(seller.Url, "a2a"))
            { Content = new StringContent(body, Encoding.UTF8, "application/json") };
            if (version is not null)
            {
                request.Headers.Add("A2A-Version", version);
            }

            using HttpResponseMessage response = await http.SendAsync(request);
            return JsonElement.Parse(await response.Content.ReadAsByteArrayAsync()).GetProperty("error").GetProperty("code").GetInt32();
        }
    }

    [Fact]
    public async Task Tasks_are_listed_and_not_cancelled()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 1);
        for (int i = 0; i < 3; i++)
        {
            await seller.A2AAsync("SendMessage", Buy + "}");
        }

        List<string> listed = [];
        string token = "";
        do
        {
            JsonElement page = await ResultAsync(seller, "ListTasks", $$"""{"pageSize":2,"pageToken":"{{token}}"}""");
            Assert.Equal(3, page.GetProperty("totalSize").GetInt32());
            listed.AddRange(page.GetProperty("tasks").EnumerateArray().Select(task => task.GetProperty("id").GetString()!));
            token = page.GetProperty("nextPageToken").GetString()!;
        }
        while (token.Length > 0 && listed.Count < 10);
        Assert.Equal(3, listed.Distinct().Count());
        Assert.Equal(-32002, await ErrorAsync(seller, "CancelTask", $$"""{"id":"{{listed[0]}}"}"""));
        Assert.Equal(-32001, await ErrorAsync(seller, "CancelTask", """{"id":"none"}"""));
        Assert.Equal(-32602, await ErrorAsync(seller, "ListTasks", """{"status":"DONE"}"""));
        Assert.Equal(-32602, await ErrorAsync(seller, "ListTasks", """{"pageToken":"xyz"}"""));
        Assert.Equal(-32602, await ErrorAsync(seller, "ListTasks", """{"pageSize":101}"""));
        Assert.Equal(-32004, await ErrorAsync(seller, "SendMessage",
            $$"""{"message":{"messageId":"2","role":"ROLE_USER","taskId":"{{listed[0]}}","parts":[{"text":"more"}]} }"""));
    }

    [Fact]
    public async Task A_push_configuration_is_created_read_and_deleted_and_tells_the_end()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 3_600_000);
        await using Buyer buyer = await Buyer.StartAsync(seller, AdcpVersion.V32);
        await seller.A2AAsync("SendMessage", Buy + "}");
        string task = (await ResultAsync(seller, "ListTasks", "{}")).GetProperty("tasks")[0].GetProperty("id").GetString()!;
        string config = $$"""{"taskId":"{{task}}","id":"c1","url":"{{buyer.A2AUrl}}","token":"a-token-of-sixteen"}""";
        JsonElement created = await ResultAsync(seller, "CreateTaskPushNotificationConfig", config);
        Assert.Equal($$"""{"id":"c1","taskId":"{{task}}","url":"{{buyer.A2AUrl}}"}""", created.GetRawText());
        Assert.Equal(-32004, await ErrorAsync(seller, "CreateTaskPushNotificationConfig", config));
        Assert.Equal(-32001, await ErrorAsync(seller, "CreateTaskPushNotificationConfig",
            """{"taskId":"none","url":"http://127.0.0.1/"}"""));
        Assert.Equal("c1", (await ResultAsync(seller, "GetTaskPushNotificationConfig", $$"""{"taskId":"{{task}}","id":"c1"}"""))
            .GetProperty("id").GetString());
        Assert.Equal(-32001, await ErrorAsync(seller, "GetTaskPushNotificationConfig", $$"""{"taskId":"{{task}}","id":"c2"}"""));
        Assert.Equal(1, (await ResultAsync(seller, "ListTaskPushNotificationConfigs", $$"""{"taskId":"{{task}}"}"""))
            .GetProperty("configs").GetArrayLength());
        await ResultAsync(seller, "DeleteTaskPushNotificationConfig", $$"""{"taskId":"{{task}}","id":"c1"}""");
        Assert.Equal(0, (await ResultAsync(seller, "ListTaskPushNotificationConfigs", $$"""{"taskId":"{{task}}"}"""))
            .GetProperty("configs").GetArrayLength());
        await ResultAsync(seller, "CreateTaskPushNotificationConfig", config);

        await seller.KillAsync();
        await using SellerProcess restarted = await SellerProcess.StartAsync("3.2", 1, seller);
        JsonElement told = (await buyer.NextAsync()).GetProperty("task");
        Assert.Equal((task, "TASK_STATE_COMPLETED"),
            (told.GetProperty("id").GetString(), told.GetProperty("status").GetProperty("state").GetString()));
    }

    [Theory]
    [InlineData("a2a", true)]
    [InlineData("a2a", false)]
    [InlineData("mcp", true)]
    [InlineData("mcp", false)]
    public async Task More_than_a_mebibyte_is_too_much_however_it_is_announced(string path, bool announced)
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 0);
        using HttpClient http = new();
        byte[] body = Encoding.UTF8.GetBytes(
            $$"""{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":"{{new string('x', (1 << 20) + 1)}}"} }""");
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(seller.Url, path))
        { Content = announced ? new ByteArrayContent(body) : new StreamContent(new MemoryStream(body)) };
        request.Content.Headers.ContentType = new("application/json");
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        request.Headers.TransferEncodingChunked = announced ? null : true;
        using HttpResponseMessage response = await http.SendAsync(request);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
    }

    private static async Task<JsonElement> ResultAsync(SellerProcess seller, string method, string parameters) =>
        (await seller.A2AAsync(method, parameters)).GetProperty("result");

    private static async Task<int> ErrorAsync(SellerProcess seller, string method, string parameters) =>
        (await seller.A2AAsync(method, parameters)).GetProperty("error").GetProperty("code").GetInt32();
}
