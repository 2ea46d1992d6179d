using System.Net;
using System.Text.Json;

namespace Adcp.Aot.AspNetCore.Tests.Serving;

/// <summary>AdCP's A2A profile, extension v3.</summary>
public sealed class A2AProfileTests
{
    private const string Uri = "https://adcontextprotocol.org/extensions/adcp/v3";

    [Fact]
    [Needs(Resource.AdcpData)]
    public async Task Each_vector_gets_the_verdict_it_asks_for()
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();
        using JsonDocument file = JsonDocument.Parse(
            await File.ReadAllTextAsync(Path.Combine(Resources.Get(Resource.AdcpData), "vectors/a2a/a2a-profile-extension-v3.json")));
        int judged = 0;

        foreach (JsonElement vector in file.RootElement.GetProperty("advertisement_vectors").EnumerateArray())
        {
            Judge(vector, CardFault(vector.GetProperty("agent_card")));
        }

        foreach (JsonElement vector in file.RootElement.GetProperty("invocation_vectors").EnumerateArray())
        {
            JsonElement answer = await SendAsync(seller, vector.GetProperty("message").GetRawText(), vector.GetProperty("headers"));
            Judge(vector, answer.TryGetProperty("error", out JsonElement error) ? error.GetProperty("message").GetString() : null);
        }

        foreach (JsonElement vector in file.RootElement.GetProperty("response_vectors").EnumerateArray())
        {
            Judge(vector, ResponseFault(vector.GetProperty("response")));
        }

        Assert.True(judged >= 12, $"{judged} vectors");

        void Judge(JsonElement vector, string? fault)
        {
            judged++;
            Assert.True(vector.GetProperty("valid").GetBoolean() == (fault is null), $"{vector.GetProperty("id")}: {fault}");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_card_says_whether_the_profile_is_required(bool allowsWithout)
    {
        await using ServedSeller seller = await ServedSeller.StartAsync(
            new AdcpEndpointOptions { SharesOneTenant = true, AllowsA2AWithoutProfile = allowsWithout });
        using HttpClient http = new();

        JsonElement card = JsonElement.Parse(await http.GetStringAsync(new Uri(seller.Url, ".well-known/agent-card.json")));

        Assert.Null(CardFault(card));
        JsonElement extension = Assert.Single(card.GetProperty("capabilities").GetProperty("extensions").EnumerateArray());
        Assert.Equal(!allowsWithout, extension.GetProperty("required").GetBoolean());
        Assert.Contains(card.GetProperty("skills").EnumerateArray(), skill => skill.GetProperty("id").GetString() == "get_task_status");
    }

    [Theory]
    [InlineData(null, false, -32008)]
    [InlineData("https://adcontextprotocol.org/extensions/adcp/v4", false, -32008)]
    [InlineData(Uri + "x", false, -32008)]
    [InlineData("https://other.example/x, " + Uri, false, 0)]
    [InlineData(Uri, true, 0)]
    [InlineData(null, true, 0)]
    public async Task A_request_that_does_not_activate_the_profile_is_refused_unless_that_is_allowed(
        string? header, bool allowsWithout, int code)
    {
        await using ServedSeller seller = await ServedSeller.StartAsync(
            new AdcpEndpointOptions { SharesOneTenant = true, AllowsA2AWithoutProfile = allowsWithout });

        (HttpStatusCode _, string body) = await seller.A2AAsync(Call("get_products"), request =>
        {
            request.Headers.Remove("A2A-Extensions");
            if (header is not null)
            {
                request.Headers.Add("A2A-Extensions", header);
            }
        });

        JsonElement answer = JsonElement.Parse(body);
        Assert.Equal(code, answer.TryGetProperty("error", out JsonElement error) ? error.GetProperty("code").GetInt32() : 0);
    }

    [Theory]
    [InlineData("""{"parts":[{"data":{"skill":"get_products","input":{}}}]}""")]
    [InlineData("""{"messageId":"","parts":[{"data":{"skill":"get_products","input":{}}}]}""")]
    [InlineData("""{"messageId":"1"}""")]
    [InlineData("""{"messageId":"1","parts":[]}""")]
    [InlineData("""{"messageId":"1","parts":[{"text":"get_products"}]}""")]
    [InlineData("""{"messageId":"1","parts":[{"data":{"skill":"get_products"}}]}""")]
    [InlineData("""{"messageId":"1","parts":[{"data":{"skill":"get_products","input":null}}]}""")]
    [InlineData("""{"messageId":"1","parts":[{"data":{"skill":"get_products","input":[]}}]}""")]
    [InlineData("""{"messageId":"1","parts":[{"data":{"skill":"get_products","input":{},"more":1}}]}""")]
    [InlineData("""{"messageId":"1","parts":[{"data":{"skill":"get_products","input":{},"parameters":{}}}]}""")]
    [InlineData("""{"messageId":"1","parts":[{"data":[{"skill":"get_products","input":{}}]}]}""")]
    [InlineData("""{"messageId":"1","parts":[{"data":{"skill":"get_products","input":{}}},{"data":{"skill":"x","input":{}}}]}""")]
    [InlineData("""{"messageId":"1","parts":[{"data":{"skill":"get_products","input":{}},"text":"x"}]}""")]
    [InlineData("""{"messageId":"1","parts":[{"data":{"skill":"get_products","input":{}}},{"raw":"AA=="}]}""")]
    [InlineData("""{"messageId":"1","parts":[{"data":{"skill":"get_products","input":{}}},{}]}""")]
    [InlineData("""{"messageId":"1","parts":[{"data":{"skill":"Get_products","input":{}}}]}""")]
    [InlineData("""{"messageId":"1","parts":[{"data":{"skill":"get_products","input":{"n":9007199254740992}}}]}""")]
    [InlineData("""{"messageId":"1","parts":[{"data":{"skill":"get_products","input":{"n":[-9007199254740993]}}}]}""")]
    [InlineData("""{"messageId":"1","parts":[{"data":{"skill":"get_products","input":{"n":1e300}}}]}""")]
    [InlineData("""{"messageId":"1","contextId":"a\u0007","parts":[{"data":{"skill":"get_products","input":{}}}]}""")]
    public async Task A_message_that_is_not_exactly_one_call_is_refused(string message)
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();

        JsonElement answer = await SendAsync(seller, message);

        Assert.Equal(-32602, answer.GetProperty("error").GetProperty("code").GetInt32());
    }

    [Theory]
    [InlineData("3")]
    [InlineData("3.0")]
    [InlineData("9007199254740991")]
    [InlineData("-9007199254740991")]
    [InlineData("0.12345678901234567890")]
    [InlineData("1e-300")]
    public async Task Numbers_that_are_held_exactly_or_are_no_integers_are_accepted(string number)
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();

        JsonElement answer = await SendAsync(
            seller, $$$"""{"messageId":"1","parts":[{"data":{"skill":"get_products","input":{"n":{{{number}}} } } }]}""");

        Assert.False(answer.TryGetProperty("error", out _));
    }

    [Fact]
    public async Task A_reply_with_an_integer_that_would_be_rounded_is_not_sent()
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();

        JsonElement answer = await SendAsync(
            seller,
            $$$"""{"messageId":"1","parts":[{"data":{"skill":"sync_creatives","input":{"idempotency_key":"{{{Guid.NewGuid()}}}"} } }]}""");

        Assert.Equal(-32603, answer.GetProperty("error").GetProperty("code").GetInt32());
    }

    [Fact]
    public async Task Submitted_is_inside_a_completed_task_with_ids_of_its_own_and_is_polled_by_a_call()
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();

        JsonElement answer = await SendAsync(seller, Buy("\"contextId\":\"ctx-7\","));
        JsonElement task = answer.GetProperty("result").GetProperty("task");
        JsonElement data = Data(task);
        string id = data.GetProperty("task_id").GetString()!;
        JsonElement poll = await SendAsync(
            seller, $$$"""{"messageId":"2","parts":[{"data":{"skill":"get_task_status","input":{"task_id":"{{{id}}}"} } }]}""");

        Assert.Null(ResponseFault(answer.GetProperty("result")));
        Assert.Equal("ctx-7", task.GetProperty("contextId").GetString());
        Assert.NotEqual(id, task.GetProperty("id").GetString());
        Assert.Equal("submitted", data.GetProperty("status").GetString());
        Assert.DoesNotContain("metadata", task.GetRawText(), StringComparison.Ordinal);
        Assert.Null(ResponseFault(poll.GetProperty("result")));
        Assert.Equal("submitted", Data(poll.GetProperty("result").GetProperty("task")).GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_failed_call_is_a_failed_task_with_the_error_in_its_last_part()
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();

        JsonElement answer = await SendAsync(seller, """{"messageId":"1","parts":[{"data":{"skill":"create_media_buy","input":{}}}]}""");

        JsonElement task = answer.GetProperty("result").GetProperty("task");
        Assert.Equal("TASK_STATE_FAILED", task.GetProperty("status").GetProperty("state").GetString());
        JsonElement parts = task.GetProperty("artifacts")[0].GetProperty("parts");
        Assert.Equal(2, parts.GetArrayLength());
        JsonElement error = Data(task).GetProperty("adcp_error");
        Assert.Equal(error.GetProperty("message").GetString(), parts[0].GetProperty("text").GetString());
        Assert.Equal("INVALID_REQUEST", error.GetProperty("code").GetString());
    }

    [Fact]
    public async Task The_reply_names_the_profile_and_the_time()
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();
        using HttpClient http = new();
        using HttpRequestMessage request = new(HttpMethod.Post, new System.Uri(seller.Url, "a2a"))
        {
            Content = new StringContent(Call("get_products"), System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("A2A-Version", "1.0");
        request.Headers.Add("A2A-Extensions", Uri);

        using HttpResponseMessage response = await http.SendAsync(request);

        Assert.Equal(Uri, Assert.Single(response.Headers.GetValues("A2A-Extensions")));
        JsonElement task = JsonElement.Parse(await response.Content.ReadAsStringAsync()).GetProperty("result").GetProperty("task");
        Assert.Matches(
            @"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z", task.GetProperty("status").GetProperty("timestamp").GetString());
    }

    /// <summary>AdCP's task is polled by its own tool: the A2A task of the call that opened it was complete at once.</summary>
    [Fact]
    public async Task The_task_of_a_call_is_complete_and_can_be_read_again()
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();
        JsonElement sent = (await SendAsync(seller, Buy())).GetProperty("result").GetProperty("task");

        (HttpStatusCode _, string body) =
            await seller.A2AAsync(ServedSeller.Rpc("GetTask", $$"""{"id":"{{sent.GetProperty("id").GetString()}}"}"""));

        JsonElement read = JsonElement.Parse(body).GetProperty("result");
        Assert.Equal(sent.GetRawText(), read.GetRawText());
        Assert.Equal("TASK_STATE_COMPLETED", read.GetProperty("status").GetProperty("state").GetString());
    }

    private static string Call(string skill) => ServedSeller.Rpc(
        "SendMessage", $$$"""{"message":{"messageId":"1","parts":[{"data":{"skill":"{{{skill}}}","input":{} } }]} }""");

    private static string Buy(string members = "") =>
        $$$"""
        {"messageId":"1",{{{members}}}"parts":[{"text":"for people"},{"data":{"skill":"create_media_buy",
        "input":{"idempotency_key":"{{{Guid.NewGuid()}}}"} } }]}
        """;

    private static async Task<JsonElement> SendAsync(ServedSeller seller, string message, JsonElement headers = default)
    {
        (HttpStatusCode _, string body) = await seller.A2AAsync(
            ServedSeller.Rpc("SendMessage", $$$"""{"message":{{{message}}} }"""), request =>
            {
                if (headers.ValueKind == JsonValueKind.Object && !headers.TryGetProperty("A2A-Extensions", out _))
                {
                    request.Headers.Remove("A2A-Extensions");
                }
            });
        return JsonElement.Parse(body);
    }

    private static JsonElement Data(JsonElement task) => task.GetProperty("artifacts")[0].GetProperty("parts").EnumerateArray()
        .Last(part => part.TryGetProperty("data", out _)).GetProperty("data");

    private static string? CardFault(JsonElement card)
    {
        JsonElement capabilities = card.GetProperty("capabilities");
        if (!capabilities.TryGetProperty("extensions", out JsonElement extensions))
        {
            return "extension_not_under_capabilities";
        }

        JsonElement[] own = [.. extensions.EnumerateArray().Where(each => each.GetProperty("uri").GetString() == Uri)];
        return own.Length != 1 ? "extension_not_under_capabilities"
            : own[0].TryGetProperty("params", out JsonElement given) && given.EnumerateObject().Any() ? "extension_params_not_empty"
            : !card.GetProperty("skills").EnumerateArray().Any(skill => skill.GetProperty("id").GetString() == "get_adcp_capabilities")
            ? "missing_get_adcp_capabilities_skill_id"
            : null;
    }

    private static string? ResponseFault(JsonElement response) => !response.TryGetProperty("task", out JsonElement task)
        ? "invalid_send_message_response"
        : task.GetProperty("status").GetProperty("state").GetString() != "TASK_STATE_COMPLETED"
        ? "submitted_handler_return_not_a2a_completed"
        : task.GetProperty("artifacts")[0].TryGetProperty("metadata", out JsonElement metadata)
            && metadata.TryGetProperty("adcp_task_id", out _) ? "adcp_task_id_metadata_duplication"
        : null;
}
