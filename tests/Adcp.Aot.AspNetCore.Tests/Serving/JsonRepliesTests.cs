using System.Net;
using System.Text.Json;

namespace Adcp.Aot.AspNetCore.Tests.Serving;

public sealed class JsonRepliesTests
{
    [Theory]
    [InlineData("application/json", true)]
    [InlineData("*/*", true)]
    [InlineData("text/event-stream", true)]
    [InlineData("text/html, application/json;q=0.5", true)]
    [InlineData("application/json, text/event-stream", false)]
    [InlineData("", true)]
    public async Task A_client_that_does_not_accept_both_types_is_answered_with_json(string accept, bool isJson)
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();

        (HttpStatusCode status, string body) = await seller.McpAsync(ServedSeller.Buy(), request =>
        {
            request.Headers.Accept.Clear();
            if (accept.Length > 0)
            {
                request.Headers.Accept.ParseAdd(accept);
            }
        });

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(isJson, body.StartsWith('{'));
        if (isJson)
        {
            JsonElement reply = JsonElement.Parse(body);
            Assert.Equal(1, reply.GetProperty("id").GetInt32());
            Assert.Equal("submitted", reply.GetProperty("result").GetProperty("structuredContent").GetProperty("status").GetString());
        }
    }

    [Fact]
    public async Task A_notification_is_accepted_without_a_body()
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();

        (HttpStatusCode status, string body) = await seller.McpAsync(
            """{"jsonrpc":"2.0","method":"notifications/initialized"}""", request =>
            {
                request.Headers.Accept.Clear();
                request.Headers.Accept.ParseAdd("application/json");
            });

        Assert.Equal(HttpStatusCode.Accepted, status);
        Assert.Empty(body);
    }

    [Fact]
    public async Task An_error_of_a_tool_is_in_the_structured_content_and_in_the_first_text()
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();

        (HttpStatusCode _, string body) = await seller.McpAsync(
            ServedSeller.Rpc("tools/call", """{"name":"create_media_buy","arguments":{"context":{"a":1} } }"""), request =>
            {
                request.Headers.Accept.Clear();
                request.Headers.Accept.ParseAdd("application/json");
            });

        JsonElement result = JsonElement.Parse(body).GetProperty("result");
        JsonElement structured = result.GetProperty("structuredContent");
        Assert.True(result.GetProperty("isError").GetBoolean());
        Assert.Equal("""{"a":1}""", structured.GetProperty("context").GetRawText());
        JsonElement text = JsonElement.Parse(result.GetProperty("content")[0].GetProperty("text").GetString()!);
        Assert.Equal(structured.GetProperty("adcp_error").GetRawText(), text.GetProperty("adcp_error").GetRawText());
        Assert.Equal(
            structured.GetProperty("adcp_error").GetProperty("message").GetString(),
            result.GetProperty("content")[1].GetProperty("text").GetString());
    }

    [Theory]
    [InlineData("mcp")]
    [InlineData("a2a")]
    public async Task A_call_without_or_with_refused_credentials_is_an_authentication_error(string path)
    {
        await using ServedSeller seller =
            await ServedSeller.StartAsync(new AdcpEndpointOptions { TenantOf = static _ => null, NamesResourceMetadata = true });
        using HttpClient http = new();

        foreach ((string? token, string code) in ((string?, string)[])[(null, "AUTH_MISSING"), ("random", "AUTH_INVALID")])
        {
            using HttpRequestMessage request = new(HttpMethod.Post, new Uri(seller.Url, path))
            {
                Content = new StringContent(ServedSeller.Rpc("x", "{}"), System.Text.Encoding.UTF8, "application/json"),
            };
            request.Headers.Authorization = token is null ? null : new("Bearer", token);
            using HttpResponseMessage response = await http.SendAsync(request);
            string challenge = response.Headers.WwwAuthenticate.ToString();

            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
            Assert.Equal(token is not null, challenge.Contains("error=\"invalid_token\"", StringComparison.Ordinal));
            Assert.Contains(
                $"resource_metadata=\"{new Uri(seller.Url, "/.well-known/oauth-protected-resource/" + path)}\"", challenge,
                StringComparison.Ordinal);
            JsonElement error = JsonElement.Parse(await response.Content.ReadAsStringAsync()).GetProperty("error");
            Assert.Equal(-32028, error.GetProperty("code").GetInt32());
            Assert.Equal(code, error.GetProperty("data").GetProperty("adcp_error").GetProperty("code").GetString());
        }
    }
}
