using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace Adcp.Aot.Seller.Tests;

/// <summary>Purchases and lists of the Seller.</summary>
public sealed class PurchaseTests
{
    private static string Package(
        string product = "display_run_of_site", string option = "cpm_usd_fixed", string budget = "500", string more = "") =>
        $$"""
        "packages":[{"product_id":"{{product}}","pricing_option_id":"{{option}}","budget":{{budget}}{{more}}}]
        """;

    [Fact]
    public async Task A_purchase_is_checked_and_listed()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 0);
        await using McpClient client = await seller.ConnectAsync();
        foreach ((string arguments, string code, string field) in ((string, string, string)[])
        [
            ("\"packages\":[]", "INVALID_REQUEST", "packages"),
            ("\"packages\":[{}]", "INVALID_REQUEST", "packages[0].product_id"),
            (Package(budget: "-1"), "INVALID_REQUEST", "packages[0].budget"),
            (Package(budget: "99"), "BUDGET_TOO_LOW", "packages[0].budget"),
            (Package("nothing"), "PRODUCT_NOT_FOUND", "packages[0].product_id"),
            (Package(option: "free"), "INVALID_REQUEST", "packages[0].pricing_option_id"),
            (Package(more: ",\"format_ids\":[{\"agent_url\":\"https://x.example/\",\"id\":\"y\"}]"), "INVALID_REQUEST",
                "packages[0].format_ids[0]"),
            ("\"start_time\":\"2099-02-01T00:00:00Z\",\"end_time\":\"2099-01-01T00:00:00Z\"", "INVALID_REQUEST", "end_time"),
            ("\"start_time\":\"soon\"", "INVALID_REQUEST", "start_time"),
            ("\"end_time\":\"later\"", "INVALID_REQUEST", "end_time"),
        ])
        {
            JsonElement refused = await CallAsync(client, "create_media_buy", "{" + arguments + "}", isError: true);
            Assert.Equal((code, field), (
                refused.GetProperty("adcp_error").GetProperty("code").GetString(),
                refused.GetProperty("adcp_error").GetProperty("field").GetString()));
        }

        JsonElement bought = await CallAsync(
            client, "create_media_buy", $$"""{"start_time":"2099-01-01T00:00:00Z","end_time":"2099-02-01T00:00:00Z",{{Package()}}}""");
        JsonElement listed = await CallAsync(
            client, "get_media_buys", $$"""{"media_buy_ids":["{{bought.GetProperty("media_buy_id").GetString()}}","mb_none"]}""");

        JsonElement buy = Assert.Single(listed.GetProperty("media_buys").EnumerateArray());
        Assert.Equal(500, buy.GetProperty("total_budget").GetDecimal());
        Assert.Equal("USD", buy.GetProperty("currency").GetString());
        Assert.Equal(
            TimeSpan.FromDays(31), buy.GetProperty("end_time").GetDateTimeOffset() - buy.GetProperty("start_time").GetDateTimeOffset());
        Assert.Equal("""{"has_more":false}""", listed.GetProperty("pagination").GetRawText());
    }

    [Theory]
    [InlineData("3.1", false)]
    [InlineData("3.2", true)]
    public async Task A_flight_in_the_past_is_refused_since_AdCP_3_2(string release, bool isRefused)
    {
        await using SellerProcess seller = await SellerProcess.StartAsync(release, 0);
        await using McpClient client = await seller.ConnectAsync();

        JsonElement answer = await CallAsync(client, "create_media_buy",
            $$"""{"start_time":"2020-01-01T00:00:00Z","end_time":"2020-02-01T00:00:00Z",{{Package()}}}""", isRefused);

        if (isRefused)
        {
            Assert.Equal("start_time", answer.GetProperty("adcp_error").GetProperty("field").GetString());
            return;
        }

        JsonElement buy = Assert.Single((await CallAsync(client, "get_media_buys", "{}")).GetProperty("media_buys").EnumerateArray());
        Assert.Equal(
            TimeSpan.FromDays(31), buy.GetProperty("end_time").GetDateTimeOffset() - buy.GetProperty("start_time").GetDateTimeOffset());
    }

    [Fact]
    public async Task Products_are_described_as_they_can_be_bought()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.1", 0);
        await using McpClient client = await seller.ConnectAsync();

        JsonElement page = await CallAsync(client, "get_products", """{"pagination":{"max_results":1}}""");
        JsonElement next = await CallAsync(client, "get_products",
            $$$"""{"pagination":{"max_results":1,"cursor":"{{{page.GetProperty("pagination").GetProperty("cursor").GetString()}}}"} }""");
        JsonElement formats = await CallAsync(client, "list_creative_formats", "{}");

        JsonElement product = Assert.Single(page.GetProperty("products").EnumerateArray());
        Assert.NotEqual(
            product.GetProperty("product_id").GetString(), next.GetProperty("products")[0].GetProperty("product_id").GetString());
        foreach (string member in (string[])
            ["name", "description", "publisher_properties", "format_ids", "delivery_type", "pricing_options", "reporting_capabilities"])
        {
            Assert.True(product.TryGetProperty(member, out _), member);
        }

        Assert.Contains(
            product.GetProperty("format_ids")[0].GetRawText(),
            formats.GetProperty("formats").EnumerateArray().Select(format => format.GetProperty("format_id").GetRawText()));
    }

    [Fact]
    public async Task Creatives_are_kept_for_their_owner_and_listed_in_pages()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 0);
        await using McpClient client = await seller.ConnectAsync();

        JsonElement created = await CallAsync(
            client, "sync_creatives", """{"creatives":[{"creative_id":"a"},{"creative_id":"b","name":"B"}]}""");
        JsonElement updated = await CallAsync(client, "sync_creatives", """{"creatives":[{"creative_id":"a"}]}""");
        JsonElement refused = await CallAsync(
            client, "sync_creatives", """{"creatives":[{"creative_id":"c","format_id":{"agent_url":"https://x.example/","id":"y"}}]}""",
            isError: true);
        JsonElement page = await CallAsync(client, "list_creatives", """{"pagination":{"max_results":1}}""");

        Assert.Equal(
            ["created", "created"],
            created.GetProperty("creatives").EnumerateArray().Select(each => each.GetProperty("action").GetString()));
        Assert.Equal("updated", updated.GetProperty("creatives")[0].GetProperty("action").GetString());
        Assert.Equal("creatives[0].format_id", refused.GetProperty("adcp_error").GetProperty("field").GetString());
        Assert.Equal(2, page.GetProperty("query_summary").GetProperty("total_matching").GetInt32());
        Assert.True(page.GetProperty("pagination").GetProperty("has_more").GetBoolean());
    }

    [Fact]
    public async Task A_media_buy_that_the_test_controller_submits_is_polled_and_completed()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 0);
        await using McpClient client = await seller.ConnectAsync();
        const string Sandbox = "\"account\":{\"brand\":{\"domain\":\"acme.example\"},\"operator\":\"agency.example\",\"sandbox\":true}";

        JsonElement forbidden = await CallAsync(
            client, "comply_test_controller", """{"scenario":"seed_product","params":{"product_id":"p"}}""");
        await CallAsync(client, "comply_test_controller",
            "{" + Sandbox
            + """
            ,"scenario":"force_create_media_buy_arm","params":{"arm":"submitted","task_id":"task_1","message":"Later."}}
            """);
        JsonElement submitted = await CallAsync(client, "create_media_buy", "{" + Sandbox + "}");
        JsonElement polled = await CallAsync(client, "get_task_status", "{" + Sandbox + ",\"task_id\":\"task_1\"}");
        JsonElement completed = await CallAsync(client, "comply_test_controller",
            "{" + Sandbox
            + """
            ,"scenario":"force_task_completion","params":{"task_id":"task_1","result":{"media_buy_id":"mb_1","packages":[]}}}
            """);
        JsonElement ended = await CallAsync(client, "get_task_status", """{"task_id":"task_1","include_result":true}""");

        Assert.Equal("FORBIDDEN", forbidden.GetProperty("error").GetString());
        Assert.Equal(("submitted", "task_1"), (submitted.GetProperty("status").GetString(), submitted.GetProperty("task_id").GetString()));
        Assert.False(submitted.TryGetProperty("media_buy_id", out _));
        Assert.Equal("submitted", polled.GetProperty("status").GetString());
        Assert.Equal("completed", completed.GetProperty("current_state").GetString());
        Assert.Equal("mb_1", ended.GetProperty("result").GetProperty("media_buy_id").GetString());
    }

    [Fact]
    public async Task A_principal_exchanges_its_token_for_an_access_token()
    {
        const string Alice = "a-token-of-alice-0001";
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 0, principals: ["alice=" + Alice]);
        using HttpClient http = new() { BaseAddress = seller.Url };

        JsonElement resource = await http.GetFromJsonAsync<JsonElement>(".well-known/oauth-protected-resource/mcp");
        JsonElement server = await http.GetFromJsonAsync<JsonElement>(".well-known/oauth-authorization-server");
        using FormUrlEncodedContent wrong = Form("mallory");
        using HttpResponseMessage refused = await http.PostAsync(new Uri(server.GetProperty("token_endpoint").GetString()!), wrong);
        using FormUrlEncodedContent right = Form("alice");
        using HttpResponseMessage granted = await http.PostAsync(new Uri(server.GetProperty("token_endpoint").GetString()!), right);
        string token = (await granted.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("access_token").GetString()!;
        await using McpClient client = await seller.ConnectAsync(token);

        Assert.Equal(new Uri(seller.Url, "mcp").ToString(), resource.GetProperty("resource").GetString());
        Assert.Equal(resource.GetProperty("authorization_servers")[0].GetString(), server.GetProperty("issuer").GetString());
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Empty((await CallAsync(client, "list_creatives", "{}")).GetProperty("creatives").EnumerateArray());

        static FormUrlEncodedContent Form(string name) => new(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = name,
            ["client_secret"] = Alice,
        });
    }

    private static async Task<JsonElement> CallAsync(McpClient client, string tool, string json, bool isError = false)
    {
        Dictionary<string, object?> arguments = JsonElement.Parse(json).EnumerateObject()
            .ToDictionary(member => member.Name, member => (object?)member.Value);
        if (!tool.StartsWith("get_", StringComparison.Ordinal) && !tool.StartsWith("list_", StringComparison.Ordinal))
        {
            arguments["idempotency_key"] = Guid.NewGuid().ToString();
        }

        CallToolResult result = await client.CallToolAsync(tool, arguments);
        Assert.Equal(isError, result.IsError ?? false);
        return result.StructuredContent!.Value;
    }
}
