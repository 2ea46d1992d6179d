using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Adcp.Aot.Auditing;
using Adcp.Aot.Operations;
using Adcp.Aot.Resilience;
using Microsoft.AspNetCore.Builder;

namespace Adcp.Aot.AspNetCore.Tests.Operations;

/// <summary>The operator API over HTTP.</summary>
public sealed class OperationsApiTests
{
    private const string Hook = "https://buyer.example/hook";

    [Fact]
    public async Task The_page_is_not_mapped_without_a_policy()
    {
        await using WebApplication app = WebApplication.CreateSlimBuilder().Build();
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();

        InvalidOperationException fault = Assert.Throws<InvalidOperationException>(
            () => app.MapAdcpOperations(new WebhookOperations(operated.Supervisor), static _ => { }));

        Assert.Contains("AdcpOperationsOptions.Policy", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_page_that_is_open_to_everyone_warns_in_the_log()
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync(hasPolicy: false);

        Assert.Contains(
            operated.Log.Lines, static line => line.StartsWith("Warning: The operator page at /adcp", StringComparison.Ordinal));
        using HttpResponseMessage answer = await operated.GetAsync("/adcp/api/status", user: null);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task A_page_that_is_open_to_everyone_is_answered_under_loopback_hosts_only()
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync(hasPolicy: false);

        foreach ((string method, string path) in operated.Routes)
        {
            foreach (string host in (string[])["evil.example", "localhost.evil.example:5080", "127.0.0.1.nip.io", "[::2]"])
            {
                using HttpResponseMessage foreign = await operated.SendAsync(method, path, user: null, host);
                Assert.Equal((path, HttpStatusCode.MisdirectedRequest), (path, foreign.StatusCode));
                Assert.Empty(await foreign.Content.ReadAsByteArrayAsync());
            }

            foreach (string host in (string[])["localhost", "LOCALHOST:5080", "127.0.0.1:5080", "[::1]"])
            {
                using HttpResponseMessage own = await operated.SendAsync(method, path, user: null, host);
                Assert.NotEqual((path, HttpStatusCode.MisdirectedRequest), (path, own.StatusCode));
            }
        }
    }

    [Fact]
    public async Task A_page_with_a_policy_is_answered_under_any_host()
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();

        using HttpResponseMessage answer = await operated.GetAsync("/adcp/api/status", host: "operations.example");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task No_action_is_taken_under_a_foreign_host_on_a_page_that_is_open_to_everyone()
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync(hasPolicy: false);
        await operated.DeliverAsync(Hook);
        string path = $"/adcp/api/endpoints/{await IdAsync(operated)}/isolate";

        using HttpResponseMessage refused = await operated.PostAsync(path, with: static request =>
        {
            request.Headers.Host = "evil.example";
            request.Headers.Add("Origin", "http://evil.example");
            request.Headers.Add("Sec-Fetch-Site", "same-origin");
        });

        Assert.Equal(HttpStatusCode.MisdirectedRequest, refused.StatusCode);
        Assert.Equal(DeliveryStatus.Delivered, (await operated.DeliverAsync(Hook)).Status);
    }

    [Fact]
    public async Task Without_authorization_no_route_answers()
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();
        await operated.DeliverAsync(Hook);
        string id = await IdAsync(operated);

        Assert.Contains(("GET", "/adcp/"), operated.Routes);
        Assert.Contains(("GET", "/adcp/api/events"), operated.Routes);
        Assert.Contains(("POST", "/adcp/api/endpoints/1/isolate"), operated.Routes);
        foreach ((string method, string route) in operated.Routes.Prepend(("GET", "/adcp")))
        {
            string path = route.Replace("endpoints/1", "endpoints/" + id, StringComparison.Ordinal);
            using HttpResponseMessage nobody = await operated.SendAsync(method, path, user: null);
            using HttpResponseMessage other = await operated.SendAsync(method, path, user: "mallory:guest");

            Assert.Equal(
                (path, HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden), (path, nobody.StatusCode, other.StatusCode));
            Assert.Empty(await nobody.Content.ReadAsByteArrayAsync());
            Assert.Empty(await other.Content.ReadAsByteArrayAsync());
        }

        Assert.Equal(DeliveryStatus.Delivered, (await operated.DeliverAsync(Hook)).Status);
        Assert.Equal(0, (await JsonAsync(await operated.GetAsync("/adcp/api/actions"))).GetArrayLength());
    }

    [Fact]
    public async Task Every_answer_has_the_protecting_headers()
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();

        foreach ((string method, string path) in operated.Routes.Prepend(("GET", "/adcp")))
        {
            using HttpResponseMessage answer = await operated.SendAsync(method, path, "rob:reader");

            Assert.NotEqual((path, HttpStatusCode.Unauthorized), (path, answer.StatusCode));
            Assert.True(answer.Headers.TryGetValues("Content-Security-Policy", out IEnumerable<string>? policies), path);
            string policy = policies.Single();
            Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
            Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
            Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
            Assert.Equal("no-referrer", answer.Headers.GetValues("Referrer-Policy").Single());
        }
    }

    [Fact]
    public async Task An_isolated_endpoint_refuses_deliveries_and_the_action_names_who_did_it()
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();
        await operated.DeliverAsync(Hook);
        string id = await IdAsync(operated);

        JsonElement isolated = await JsonAsync(
            await operated.PostAsync($"/adcp/api/endpoints/{id}/isolate", """{"reason":"buyer asked"}"""));
        DeliveryOutcome refused = await operated.DeliverAsync(Hook);
        JsonElement reset = await JsonAsync(await operated.PostAsync($"/adcp/api/endpoints/{id}/reset"));
        DeliveryOutcome delivered = await operated.DeliverAsync(Hook);

        Assert.Equal(("isolated", "closed"), (isolated.GetProperty("state").GetString(), reset.GetProperty("state").GetString()));
        Assert.Equal((DeliveryStatus.CircuitOpen, DeliveryStatus.Delivered), (refused.Status, delivered.Status));
        JsonElement first = (await JsonAsync(await operated.GetAsync("/adcp/api/actions")))[1];
        Assert.Equal(
            ("alice", "isolate", Hook, "buyer asked"),
            (Text(first, "actor"), Text(first, "action"), Text(first, "target"), Text(first, "reason")));
    }

    [Fact]
    public async Task An_action_from_another_site_is_refused()
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();
        await operated.DeliverAsync(Hook);
        string path = $"/adcp/api/endpoints/{await IdAsync(operated)}/isolate";

        using HttpResponseMessage form = await operated.PostAsync(path, with: static request =>
        {
            request.Headers.Remove("X-Adcp-Operations");
            request.Content = new FormUrlEncodedContent([new("reason", "x")]);
        });
        using HttpResponseMessage withoutHeader =
            await operated.PostAsync(path, with: static request => request.Headers.Remove("X-Adcp-Operations"));
        using HttpResponseMessage crossSite =
            await operated.PostAsync(path, with: static request => request.Headers.Add("Sec-Fetch-Site", "cross-site"));
        using HttpResponseMessage sameSite =
            await operated.PostAsync(path, with: static request => request.Headers.Add("Sec-Fetch-Site", "same-site"));

        Assert.All([form, withoutHeader, crossSite, sameSite], static answer => Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode));
        Assert.Equal(DeliveryStatus.Delivered, (await operated.DeliverAsync(Hook)).Status);
    }

    [Theory]
    [InlineData("[]", HttpStatusCode.BadRequest)]
    [InlineData("", HttpStatusCode.BadRequest)]
    [InlineData("{\"reason\":1}", HttpStatusCode.BadRequest)]
    [InlineData("{\"reason\":\"\\ud800\"}", HttpStatusCode.BadRequest)]
    [InlineData("{\"reason\":\"a\\nb\"}", HttpStatusCode.BadRequest)]
    [InlineData("null", HttpStatusCode.OK)]
    [InlineData("{\"reason\":null}", HttpStatusCode.OK)]
    public async Task A_body_of_an_action_is_judged(string body, HttpStatusCode expected)
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();
        await operated.DeliverAsync(Hook);

        using HttpResponseMessage answer = await operated.PostAsync($"/adcp/api/endpoints/{await IdAsync(operated)}/reset", body);

        Assert.Equal(expected, answer.StatusCode);
    }

    [Fact]
    public async Task A_long_body_of_an_action_is_refused()
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();
        await operated.DeliverAsync(Hook);

        using HttpResponseMessage answer = await operated.PostAsync(
            $"/adcp/api/endpoints/{await IdAsync(operated)}/reset", $$"""{"reason":"{{new string('a', 100_000)}}"}""");

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
    }

    [Fact]
    public async Task An_action_on_an_unknown_endpoint_is_answered_404()
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();

        using HttpResponseMessage answer = await operated.PostAsync("/adcp/api/endpoints/%3Cscript%3E/isolate");

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("""{"error":"No such endpoint."}""", await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("endpoints?limit=0", "limit is a whole number from 1 to 1000")]
    [InlineData("endpoints?limit=1001", "limit is a whole number from 1 to 1000")]
    [InlineData("endpoints?limit=-1", "limit is a whole number from 1 to 1000")]
    [InlineData("endpoints?state=OPEN", "state is one of closed, open, half_open, isolated")]
    [InlineData("endpoints?after=x", "After is the Next of the page before")]
    [InlineData("attempts?outcome=7", "outcome is one of success, failure, circuit_open, cancelled, expired, refused")]
    [InlineData("attempts?since=yesterday", "since is a time such as")]
    [InlineData("attempts?after=x", "After is the Next of the page before")]
    public async Task A_query_that_is_not_valid_is_answered_with_its_rule(string query, string rule)
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();

        using HttpResponseMessage answer = await operated.GetAsync("/adcp/api/" + query);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(rule, Text(await JsonAsync(answer, expectsSuccess: false), "error"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Attempts_are_filtered_and_paged()
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();
        operated.Statuses["down.example"] = 503;
        for (int i = 0; i < 5; i++)
        {
            await operated.DeliverAsync(Hook, $"task_{i}");
        }

        await operated.DeliverAsync("https://down.example/hook");

        JsonElement failed = await JsonAsync(await operated.GetAsync("/adcp/api/attempts?outcome=failure"));
        JsonElement first = await JsonAsync(await operated.GetAsync("/adcp/api/attempts?limit=2&endpoint=" + Uri.EscapeDataString(Hook)));
        JsonElement second = await JsonAsync(
            await operated.GetAsync($"/adcp/api/attempts?limit=2&endpoint={Uri.EscapeDataString(Hook)}&after={Text(first, "next")}"));

        Assert.Equal("https://down.example/hook", Text(Assert.Single(failed.GetProperty("items").EnumerateArray()), "url"));
        Assert.Equal(5, first.GetProperty("count").GetInt32());
        Assert.Equal(
            ["task_4", "task_3", "task_2", "task_1"],
            first.GetProperty("items").EnumerateArray().Concat(second.GetProperty("items").EnumerateArray())
                .Select(static row => Text(row, "task_id")));
    }

    [Fact]
    public async Task The_stream_tells_of_an_opened_circuit()
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();
        using HttpResponseMessage answer = await operated.GetAsync("/adcp/api/events");
        using StreamReader events = new(await answer.Content.ReadAsStreamAsync());
        Assert.Equal(0, (await NextAsync(events)).GetProperty("open_endpoints").GetInt32());

        operated.Statuses["down.example"] = 503;
        await operated.DeliverAsync("https://down.example/hook");
        await operated.DeliverAsync("https://down.example/hook");

        JsonElement status;
        do
        {
            status = await NextAsync(events);
        }
        while (status.GetProperty("open_endpoints").GetInt32() == 0);

        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal(1, status.GetProperty("endpoints").GetInt32());
    }

    [Fact]
    public async Task The_whole_page_is_small_and_cached_by_its_content()
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();
        long bytes = 0;
        foreach (string file in new[] { "", "page.js", "page.css" })
        {
            using HttpResponseMessage answer = await operated.GetAsync("/adcp/" + file);
            bytes += (await answer.Content.ReadAsByteArrayAsync()).Length;
            Assert.NotNull(answer.Headers.ETag);
        }

        Assert.InRange(bytes, 1, 100 * 1024);
    }

    [Theory]
    [InlineData("attempts", "outcome", typeof(AttemptOutcome))]
    [InlineData("endpoints", "state", typeof(CircuitState))]
    public async Task A_filter_of_the_page_has_each_value_of_the_API(string view, string filter, Type values)
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();

        string page = await (await operated.GetAsync("/adcp/")).Content.ReadAsStringAsync();

        string form = Regex.Match(page, $"<form [^>]*data-list=\"{view}\">.*?</form>", RegexOptions.Singleline).Value;
        string select = Regex.Match(form, $"<select name=\"{filter}\">.*?</select>", RegexOptions.Singleline).Value;
        string[] offered = [.. Regex.Matches(select, "<option value=\"([^\"]*)\">").Select(static option => option.Groups[1].Value)];
        Assert.Equal(
            Enum.GetNames(values).Select(JsonNamingPolicy.SnakeCaseLower.ConvertName).Prepend("").Order(StringComparer.Ordinal),
            offered.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_address_without_a_slash_leads_to_the_page()
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();

        using HttpResponseMessage answer = await operated.GetAsync("/adcp");

        Assert.Equal((HttpStatusCode.Redirect, "/adcp/"), (answer.StatusCode, answer.Headers.Location?.OriginalString));
    }

    private static async Task<string> IdAsync(OperatedSupervisor operated)
    {
        JsonElement page = await JsonAsync(await operated.GetAsync("/adcp/api/endpoints"));
        return Text(page.GetProperty("items")[0], "id");
    }

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage answer, bool expectsSuccess = true)
    {
        using (answer)
        {
            string body = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode == expectsSuccess, $"{answer.StatusCode}: {body}");
            return JsonDocument.Parse(body).RootElement;
        }
    }

    private static string Text(JsonElement row, string name) => row.GetProperty(name).GetString()!;

    private static async Task<JsonElement> NextAsync(StreamReader events)
    {
        while (await events.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                return JsonDocument.Parse(line[6..]).RootElement;
            }
        }

        throw new EndOfStreamException();
    }
}
