using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Adcp.Aot.Platform.Tests.Wire;

namespace Adcp.Aot.Seller.Tests;

/// <summary>Each reply of the Seller, over MCP and A2A, is held by the schemas of its generation.</summary>
[Needs(Resource.AdcpData)]
public sealed class ReplySchemaTests
{
    private const int Requests = 500;

    private static readonly string[] Tools =
    [
        "get_adcp_capabilities", "get_products", "list_creative_formats", "create_media_buy", "sync_creatives", "list_creatives",
        "get_media_buys", "comply_test_controller", "get_task_status", "list_tasks",
    ];

    [Theory]
    [InlineData("3.0", AdcpVersion.V30)]
    [InlineData("3.1", AdcpVersion.V31)]
    [InlineData("3.2", AdcpVersion.V32)]
    public async Task Each_reply_is_held_by_the_schemas_of_its_generation(string release, AdcpVersion version)
    {
        await using SellerProcess seller = await SellerProcess.StartAsync(release, 1, after: null, "acme=a-token-of-sixteen");
        using HttpClient http = new();
        RandomRequests requests = new(seed: 20);
        HashSet<string> seen = [];
        JsonElement list = await PostAsync(http, seller, "mcp", "tools/list", "{}");
        Assert.Equal(
            Tools.Order(StringComparer.Ordinal),
            list.GetProperty("result").GetProperty("tools").EnumerateArray().Select(tool => tool.GetProperty("name").GetString()!)
                .Order(StringComparer.Ordinal));
        List<(string Tool, JsonObject Arguments)> earlier = [];
        for (int i = 0; i < Requests; i++)
        {
            (string tool, JsonObject arguments) = earlier.Count > 0 && requests.Happens(0.25)
                ? requests.Pick(earlier.TakeLast(8).ToArray())
                : Request(requests);
            if (requests.Happens(0.2))
            {
                arguments = arguments.DeepClone().AsObject();
                arguments["ext"] = i;
            }

            earlier.Add((tool, arguments));
            bool isA2A = requests.Happens(0.5);
            JsonElement reply = isA2A
                ? await OverA2AAsync(http, seller, tool, arguments)
                : await OverMcpAsync(http, seller, tool, arguments);
            if (reply.ValueKind == JsonValueKind.Undefined)
            {
                continue;
            }

            string? code = ReplySchemas.Check(version, tool, reply, arguments["context"] as JsonObject);

            if (code is null && reply.TryGetProperty("task_id", out JsonElement task) && tool == "create_media_buy")
            {
                requests.Tasks.Add(task.GetString()!);
            }

            seen.Add($"{(isA2A ? "a2a" : "mcp")} {code ?? tool}");
            seen.Add(reply.TryGetProperty("replayed", out JsonElement replayed) && replayed.GetBoolean() ? "replayed" : "");
        }

        string[] codes = ["INVALID_REQUEST", "IDEMPOTENCY_CONFLICT", "VERSION_UNSUPPORTED", "REFERENCE_NOT_FOUND", "BUDGET_TOO_LOW",
            "PRODUCT_NOT_FOUND"];
        Assert.Empty(
            codes.Concat(Tools).SelectMany(kind => new[] { "mcp " + kind, "a2a " + kind }).Append("replayed").Except(seen));
    }

    [Theory]
    [InlineData("3.0", AdcpVersion.V30)]
    [InlineData("3.1", AdcpVersion.V31)]
    [InlineData("3.2", AdcpVersion.V32)]
    public async Task An_unauthenticated_call_gets_an_error_of_its_generation(string release, AdcpVersion version)
    {
        await using SellerProcess seller = await SellerProcess.StartAsync(release, 0, after: null, "acme=a-token-of-sixteen");
        using HttpClient http = new();
        foreach ((string path, string? token) in ((string, string?)[])[("mcp", null), ("a2a", null), ("mcp", "wrong"), ("a2a", "wrong")])
        {
            JsonElement answer = await PostAsync(http, seller, path, "tools/call", """{"name":"get_products","arguments":{}}""", token);

            ReplySchemas.CheckError(version, answer.GetProperty("error").GetProperty("data").GetProperty("adcp_error"));
        }
    }

    private static (string Tool, JsonObject Arguments) Request(RandomRequests requests)
    {
        string tool = requests.Happens(0.3) ? "create_media_buy" : requests.Pick(Tools);
        string arguments = tool switch
        {
            "create_media_buy" => requests.Pick(
                "{}",
                """{"buyer_ref":"b","start_time":"asap","end_time":"2099-01-01T00:00:00Z"}""",
                Package("display_run_of_site", "cpm_usd_fixed", 500),
                Package("display_run_of_site", "cpm_usd_fixed", 5),
                Package("nothing", "cpm_usd_fixed", 500)),
            "sync_creatives" => """{"creatives":[{"creative_id":"a"},{"creative_id":"b","name":"B"}]}""",
            "get_media_buys" => requests.Pick("{}", """{"include_webhook_activity":true}""", """{"media_buy_ids":["mb_none"]}"""),
            "get_products" or "list_creatives" => """{"pagination":{"max_results":1}}""",
            "comply_test_controller" => requests.Pick("""{"scenario":"list_scenarios"}""", """{"scenario":"none"}"""),
            _ => "{}",
        };
        return (tool, requests.Next(tool, JsonNode.Parse(arguments)!.AsObject()));

        static string Package(string product, string option, int budget) =>
            $$"""{"packages":[{"product_id":"{{product}}","pricing_option_id":"{{option}}","budget":{{budget}}}]}""";
    }

    private static async Task<JsonElement> OverMcpAsync(HttpClient http, SellerProcess seller, string tool, JsonObject arguments)
    {
        JsonElement answer = await PostAsync(
            http, seller, "mcp", "tools/call", $$"""{"name":"{{tool}}","arguments":{{arguments.ToJsonString()}}}""");
        JsonElement result = answer.GetProperty("result");
        JsonElement reply = result.GetProperty("structuredContent");
        JsonElement text = JsonElement.Parse(result.GetProperty("content")[0].GetProperty("text").GetString()!);
        bool isError = reply.TryGetProperty("adcp_error", out JsonElement error);

        // The text repeats the reply, or its error, for clients that do not read structured content.
        Assert.Equal(isError, result.TryGetProperty("isError", out JsonElement flag) && flag.GetBoolean());
        Assert.True(JsonElement.DeepEquals(isError ? error : reply, isError ? text.GetProperty("adcp_error") : text));
        return reply;
    }

    /// <returns>Nothing if the invocation itself was refused.</returns>
    private static async Task<JsonElement> OverA2AAsync(HttpClient http, SellerProcess seller, string tool, JsonObject arguments)
    {
        JsonElement answer = await PostAsync(
            http, seller, "a2a", "SendMessage",
            $$"""
            {"message":{"messageId":"1","role":"ROLE_USER","contextId":"c_1","parts":[{"data":{"skill":"{{tool}}","input":
            {{arguments.ToJsonString()}} } }] } }
            """);
        if (answer.TryGetProperty("error", out JsonElement fault))
        {
            Assert.Equal(-32602, fault.GetProperty("code").GetInt32());
            return default;
        }

        JsonElement task = answer.GetProperty("result").GetProperty("task");
        JsonElement parts = Assert.Single(task.GetProperty("artifacts").EnumerateArray()).GetProperty("parts");
        JsonElement reply = Assert.Single(parts.EnumerateArray(), part => part.TryGetProperty("data", out _)).GetProperty("data");
        Assert.Equal("c_1", task.GetProperty("contextId").GetString());
        Assert.Equal(
            reply.TryGetProperty("adcp_error", out _) ? "TASK_STATE_FAILED" : "TASK_STATE_COMPLETED",
            task.GetProperty("status").GetProperty("state").GetString());
        return reply;
    }

    private static async Task<JsonElement> PostAsync(
        HttpClient http, SellerProcess seller, string path, string method, string parameters, string? token = "a-token-of-sixteen")
    {
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(seller.Url, path))
        {
            Content = new StringContent($$"""{"jsonrpc":"2.0","id":1,"method":"{{method}}","params":{{parameters}}}""",
                Encoding.UTF8, "application/json"),
        };
        request.Headers.Accept.ParseAdd("application/json");
        request.Headers.Add("A2A-Version", "1.0");
        request.Headers.Add("A2A-Extensions", "https://adcontextprotocol.org/extensions/adcp/v3");
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage response = await http.SendAsync(request);
        return JsonElement.Parse(await response.Content.ReadAsByteArrayAsync());
    }
}
