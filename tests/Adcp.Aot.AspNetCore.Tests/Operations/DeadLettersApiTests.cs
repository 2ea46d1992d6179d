using System.Globalization;
using System.Net;
using System.Text.Json;
using Adcp.Aot.Delivery;
using Adcp.Aot.Operations;
using Adcp.Aot.Testing;

namespace Adcp.Aot.AspNetCore.Tests.Operations;

/// <summary>The operator API of an outbox over HTTP.</summary>
public sealed class DeadLettersApiTests
{
    private const string Tenant = "<b>acme</b>";

    [Fact]
    public async Task Without_authorization_no_route_answers()
    {
        await using OperatedOutbox operated = await OperatedOutbox.StartAsync(hasBodyPolicy: true);
        DeadLetter letter = Assert.Single(await operated.KillAsync(1));

        foreach ((string method, string route) in operated.Routes)
        {
            string path = await PathAsync(operated, route, letter);
            using HttpResponseMessage nobody = await operated.SendAsync(method, path, user: null);
            using HttpResponseMessage other = await operated.SendAsync(method, path, user: "mallory:guest");

            Assert.Equal(
                (path, HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden), (path, nobody.StatusCode, other.StatusCode));
            Assert.Empty(await nobody.Content.ReadAsByteArrayAsync());
            Assert.Empty(await other.Content.ReadAsByteArrayAsync());
        }
    }

    [Fact]
    public async Task Without_authorization_or_from_another_site_no_action_is_taken()
    {
        await using OperatedOutbox operated = await OperatedOutbox.StartAsync(hasBodyPolicy: true);
        DeadLetter letter = Assert.Single(await operated.KillAsync(1));
        string[] actions = [.. operated.Routes.Where(static route => route.Method != "GET").Select(static route => route.Path)];

        Assert.Contains("/adcp/api/dead-letters/redrive", actions);
        Assert.Contains("/adcp/api/endpoints/1/isolate", actions);
        foreach (string route in actions)
        {
            string path = await PathAsync(operated, route, letter);
            const string Body = """{"filter":{},"reason":"x"}""";
            using HttpResponseMessage nobody = await operated.PostAsync(path, Body, user: null);
            using HttpResponseMessage other = await operated.PostAsync(path, Body, user: "mallory:guest");
            using HttpResponseMessage withoutHeader = await operated.PostAsync(
                path, Body, "rob:reader", static request => request.Headers.Remove("X-Adcp-Operations"));
            using HttpResponseMessage crossSite = await operated.PostAsync(
                path, Body, "rob:reader", static request => request.Headers.Add("Sec-Fetch-Site", "cross-site"));
            using HttpResponseMessage form = await operated.PostAsync(path, user: "rob:reader", with: static request =>
                request.Content = new FormUrlEncodedContent([new("reason", "x")]));

            Assert.Equal((path, HttpStatusCode.Unauthorized), (path, nobody.StatusCode));
            Assert.All(
                [other, withoutHeader, crossSite], answer => Assert.Equal((path, HttpStatusCode.Forbidden), (path, answer.StatusCode)));
            Assert.Equal((path, HttpStatusCode.UnsupportedMediaType), (path, form.StatusCode));
        }

        Assert.Single(await operated.Outbox.DeadLetters.ListAsync());
        Assert.Empty(await operated.Operations.ListActionsAsync());
    }

    [Fact]
    public async Task An_action_without_a_reason_is_refused_if_reasons_are_required()
    {
        await using OperatedOutbox operated = await OperatedOutbox.StartAsync(hasBodyPolicy: true, requiresReason: true);
        DeadLetter letter = Assert.Single(await operated.KillAsync(1));

        foreach ((_, string route) in operated.Routes.Where(
            static route => route.Method != "GET" && !route.Path.EndsWith("/cancel", StringComparison.Ordinal)))
        {
            string path = await PathAsync(operated, route, letter);
            foreach (string body in (string[])["{\"filter\":{}}", "{\"filter\":{},\"reason\":\" \\t\"}", "null"])
            {
                using HttpResponseMessage answer = await operated.PostAsync(path, body, "rob:reader");

                Assert.Equal((path, HttpStatusCode.BadRequest), (path, answer.StatusCode));
                Assert.DoesNotContain("at Adcp", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            }
        }

        Assert.Single(await operated.Outbox.DeadLetters.ListAsync());
        Assert.Empty(await operated.Operations.ListActionsAsync());
        Assert.True((await JsonAsync(await operated.GetAsync("/adcp/api/features"))).GetProperty("requires_reason").GetBoolean());
        using HttpResponseMessage refused = await operated.PostAsync("/adcp/api/dead-letters/discard", """{"filter":{}}""");
        Assert.Contains("reason is needed", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using HttpResponseMessage cancelled = await operated.PostAsync("/adcp/api/dead-letter-jobs/7/cancel");
        Assert.Equal(HttpStatusCode.NotFound, cancelled.StatusCode);
        JsonElement dry = await EndAsync(operated, """{"filter":{},"dry_run":true}""", "discard");
        JsonElement job = await EndAsync(operated, """{"filter":{},"reason":"junk"}""", "discard");
        Assert.Equal(("done", "done"), (Text(dry, "state"), Text(job, "state")));
        Assert.Empty(await operated.Outbox.DeadLetters.ListAsync());
    }

    [Fact]
    public void A_page_requires_reasons_if_its_options_do_not_say_otherwise() =>
        Assert.True(new AdcpOperationsOptions().RequiresReason);

    [Fact]
    public async Task Dead_letters_are_filtered_paged_counted_and_shown_without_a_secret()
    {
        await using OperatedOutbox operated = await OperatedOutbox.StartAsync();
        await operated.KillAsync(5, Tenant);
        await operated.KillAsync(3, "other", type: "final");

        JsonElement all = await JsonAsync(await operated.GetAsync("/adcp/api/dead-letters?limit=6"));
        JsonElement rest = await JsonAsync(await operated.GetAsync($"/adcp/api/dead-letters?limit=6&after={Text(all, "next")}"));
        JsonElement one = await JsonAsync(
            await operated.GetAsync($"/adcp/api/dead-letters?reason=rejected&tenant={Uri.EscapeDataString(Tenant)}"));
        string endpoint = Text(one.GetProperty("items")[0], "endpoint_id");
        JsonElement count = await JsonAsync(await operated.GetAsync($"/adcp/api/dead-letters/count?endpoint_id={endpoint}"));
        JsonElement typed = await JsonAsync(await operated.GetAsync("/adcp/api/dead-letters?notification_type=final"));
        JsonElement dry = await EndAsync(operated, """{"filter":{"notification_type":"final"},"dry_run":true}""");
        string id = one.GetProperty("items")[0].GetProperty("id").GetInt64().ToString(CultureInfo.InvariantCulture);
        JsonElement shown = await JsonAsync(await operated.GetAsync("/adcp/api/dead-letters/" + id));

        Assert.Equal((6, 2, 8), (all.GetProperty("items").GetArrayLength(), rest.GetProperty("items").GetArrayLength(),
            all.GetProperty("count").GetInt32()));
        Assert.False(rest.TryGetProperty("next", out _));
        Assert.Equal(5, one.GetProperty("items").GetArrayLength());
        Assert.All(one.GetProperty("items").EnumerateArray(), static row => Assert.Equal(Tenant, Text(row, "tenant")));
        Assert.Equal(3, typed.GetProperty("items").GetArrayLength());
        Assert.Equal(3, dry.GetProperty("report").GetProperty("redriven").GetInt32());
        Assert.All(typed.GetProperty("items").EnumerateArray(), static row => Assert.Equal("final", Text(row, "notification_type")));
        Assert.Equal((5, false), (count.GetProperty("count").GetInt32(), count.GetProperty("is_estimate").GetBoolean()));
        Assert.Equal(new Uri(operated.Receiver.Origin).Authority, Text(shown, "authority"));
        foreach (string text in new[] { all.GetRawText(), shown.GetRawText() })
        {
            Assert.DoesNotContain("a-token-of-16-chars", text, StringComparison.Ordinal);
            Assert.DoesNotContain("t-a-bearer-token", text, StringComparison.Ordinal);
            Assert.DoesNotContain("in-the-query", text, StringComparison.Ordinal);
            Assert.DoesNotContain("create_media_buy", text, StringComparison.Ordinal); // the body
        }
    }

    [Fact]
    public async Task A_redrive_runs_dry_then_delivers_the_same_bytes()
    {
        await using OperatedOutbox operated = await OperatedOutbox.StartAsync();
        await operated.KillAsync(4);
        operated.Receiver.Otherwise = Testing.ReceiverAnswer.Ok;
        int before = operated.Receiver.Count;

        JsonElement dry = await EndAsync(operated, """{"filter":{"tenant":"acme"},"dry_run":true}""");
        Assert.Equal(before, operated.Receiver.Count);
        JsonElement job = await EndAsync(operated, """{"filter":{"tenant":"acme"},"reason":"buyer is back","rate_per_second":1000}""");
        await OperatedOutbox.UntilAsync(async () => await operated.Outbox.GetStatusAsync() is { Waiting: 0, Parked: 0, Dead: 0 });

        Assert.Equal(4, dry.GetProperty("report").GetProperty("redriven").GetInt32());
        Assert.Equal(
            ("done", "alice", "buyer is back"), (Text(job, "state"), Text(job, "actor"), Text(job, "reason")));
        Assert.Equal(4, job.GetProperty("report").GetProperty("redriven").GetInt32());
        Assert.Equal(before + 4, operated.Receiver.Count);
        Assert.Equal(4, operated.Receiver.Requests.Select(static sent => Convert.ToHexString(sent.Body.Span)).Distinct().Count());
        JsonElement action = Assert.Single((await JsonAsync(await operated.GetAsync("/adcp/api/actions"))).EnumerateArray());
        Assert.Equal(("redrive", "alice", "buyer is back"), (Text(action, "action"), Text(action, "actor"), Text(action, "reason")));
    }

    [Fact]
    public async Task A_redrive_is_cancelled_and_says_where_it_continues()
    {
        await using OperatedOutbox operated = await OperatedOutbox.StartAsync();
        await operated.KillAsync(4);

        JsonElement started = await JsonAsync(await operated.PostAsync(
            "/adcp/api/dead-letters/redrive", """{"filter":{},"rate_per_second":1}"""));
        JsonElement cancelled = await JsonAsync(await operated.PostAsync($"/adcp/api/dead-letter-jobs/{Text(started, "id")}/cancel"));
        using HttpResponseMessage unknown = await operated.PostAsync("/adcp/api/dead-letter-jobs/77/cancel");

        Assert.Equal(("running", "cancelled"), (Text(started, "state"), Text(cancelled, "state")));
        Assert.True(cancelled.GetProperty("report").GetProperty("redriven").GetInt32() < 4);
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
    }

    [Fact]
    public async Task Dead_letters_are_discarded_by_id()
    {
        await using OperatedOutbox operated = await OperatedOutbox.StartAsync();
        IReadOnlyList<DeadLetter> letters = await operated.KillAsync(3);

        JsonElement job = await EndAsync(
            operated, $$"""{"filter":{"ids":[{{letters[0].Id}},{{letters[1].Id}},99999999]},"reason":"junk"}""", "discard");
        using HttpResponseMessage gone = await operated.GetAsync($"/adcp/api/dead-letters/{letters[0].Id}");

        JsonElement report = job.GetProperty("report");
        Assert.Equal((2, 1), (report.GetProperty("discarded").GetInt32(), report.GetProperty("missing").GetInt32()));
        Assert.True(job.GetProperty("is_discard").GetBoolean());
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
        Assert.Equal(letters[2].Id, Assert.Single(await operated.Outbox.DeadLetters.ListAsync()).Id);
    }

    [Fact]
    public async Task Dead_letters_are_discarded_by_filter_after_a_dry_run()
    {
        await using OperatedOutbox operated = await OperatedOutbox.StartAsync();
        await operated.KillAsync(3, "junk", type: "final");
        DeadLetter kept = Assert.Single(await operated.KillAsync(1), static letter => letter.Tenant == "acme");

        JsonElement dry = await EndAsync(operated, """{"filter":{"notification_type":"final"},"dry_run":true}""", "discard");
        long before = (await operated.Outbox.GetStatusAsync()).Dead;
        JsonElement job = await EndAsync(operated, """{"filter":{"notification_type":"final"},"reason":"a test of theirs"}""", "discard");

        Assert.Equal(
            (3, 4L, 3),
            (dry.GetProperty("report").GetProperty("discarded").GetInt32(), before,
                job.GetProperty("report").GetProperty("discarded").GetInt32()));
        Assert.Equal(kept.Id, Assert.Single(await operated.Outbox.DeadLetters.ListAsync()).Id);
        JsonElement action = Assert.Single((await JsonAsync(await operated.GetAsync("/adcp/api/actions"))).EnumerateArray());
        Assert.Equal(("discard", "alice", "a test of theirs"), (Text(action, "action"), Text(action, "actor"), Text(action, "reason")));
        Assert.Contains("notification type final", Text(action, "target"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("dead-letters/redrive", "{}", "filter is needed")]
    [InlineData("dead-letters/redrive", """{"filter":{},"rate_per_second":0}""", "RatePerSecond")]
    [InlineData("dead-letters/redrive", """{"filter":{"endpoint_id":"x"}}""", "16 hexadecimal digits")]
    [InlineData("dead-letters/redrive", """{"filter":{"ids":[]}}""", "1 to 1000 ids")]
    [InlineData("dead-letters/redrive", """{"filter":[]}""", "a JSON object")]
    [InlineData("dead-letters/discard", "{}", "filter is needed")]
    [InlineData("dead-letters/redrive", """{"filter":{"tenent":"acme"}}""", "does not have is refused")]
    [InlineData("dead-letters/redrive", """{"filter":{},"dryRun":true}""", "does not have is refused")]
    [InlineData("dead-letters/discard", """{"ids":[1]}""", "does not have is refused")]
    [InlineData("dead-letters/discard", """{"filter":{"tenent":"acme"}}""", "does not have is refused")]
    [InlineData("dead-letters/discard", """{"filter":{},"dryRun":true}""", "does not have is refused")]
    [InlineData("dead-letter-jobs/none/cancel", """{"because":"typo"}""", "does not have is refused")]
    [InlineData("dead-letters/discard", """{"filter":{"ids":[]}}""", "1 to 1000 ids")]
    public async Task An_action_that_is_not_valid_is_answered_with_its_rule(string path, string body, string rule)
    {
        await using OperatedOutbox operated = await OperatedOutbox.StartAsync();
        await operated.KillAsync(1);

        using HttpResponseMessage answer = await operated.PostAsync("/adcp/api/" + path, body);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(rule, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Single(await operated.Outbox.DeadLetters.ListAsync());
    }

    [Theory]
    [InlineData("dead-letters?endpoint_id=zz", "16 hexadecimal digits")]
    [InlineData("dead-letters?after=-1", "after is a whole number")]
    [InlineData("dead-letters?tenent=acme", "It may have: tenant, reason")]
    [InlineData("dead-letters/count?tenent=acme", "It may have: tenant, reason")]
    [InlineData("deliveries/key?tenent=acme", "unknown parameter")]
    [InlineData("deliveries/key?dead_letter=x", "dead_letter is a whole number")]
    [InlineData("deliveries/key?delivery_id=x", "delivery_id needs tenant")]
    public async Task A_query_that_is_not_valid_is_answered_with_its_rule(string path, string rule)
    {
        await using OperatedOutbox operated = await OperatedOutbox.StartAsync();

        using HttpResponseMessage answer = await operated.GetAsync("/adcp/api/" + path);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(rule, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_is_opened_by_its_own_policy_only_and_each_opening_is_recorded()
    {
        await using OperatedOutbox operated = await OperatedOutbox.StartAsync(hasBodyPolicy: true);
        DeadLetter letter = Assert.Single(await operated.KillAsync(1));
        string path = $"/adcp/api/dead-letters/{letter.Id}/body";

        using HttpResponseMessage refused = await operated.PostAsync(path);
        JsonElement opened = await JsonAsync(await operated.PostAsync(path, """{"reason":"ticket 7"}""", "rob:reader"));
        using HttpResponseMessage absent = await operated.PostAsync("/adcp/api/dead-letters/99999/body", user: "rob:reader");

        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.NotFound), (refused.StatusCode, absent.StatusCode));
        Assert.Contains("create_media_buy", Text(opened, "content"), StringComparison.Ordinal);
        ActionRecord action = Assert.Single(await operated.Operations.ListActionsAsync());
        Assert.Equal(
            ("open body", "rob", "ticket 7", $"dead letter {letter.Id}"), (action.Action, action.Actor, action.Reason, action.Target));
        Assert.DoesNotContain(operated.Log.Lines, static line => line.Contains("create_media_buy", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_a_policy_of_its_own_nobody_opens_a_body()
    {
        await using OperatedOutbox operated = await OperatedOutbox.StartAsync();
        DeadLetter letter = Assert.Single(await operated.KillAsync(1));

        using HttpResponseMessage refused = await operated.PostAsync($"/adcp/api/dead-letters/{letter.Id}/body", user: "rob:reader");
        JsonElement features = await JsonAsync(await operated.GetAsync("/adcp/api/features"));

        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal((false, true, true),
            (features.GetProperty("bodies").GetBoolean(), features.GetProperty("dead_letters").GetBoolean(),
                features.GetProperty("workers").GetBoolean()));
        Assert.Empty(await operated.Operations.ListActionsAsync());
    }

    [Fact]
    public async Task Story_names_the_tenants_that_use_its_key_and_tells_that_of_one()
    {
        await using OperatedOutbox operated = await OperatedOutbox.StartAsync();
        operated.Receiver.Otherwise = ReceiverAnswer.WithStatus(410);
        foreach (string tenant in new[] { "acme", "other" })
        {
            OutboxItem item = operated.Item("task", tenant);
            McpWebhook payload = new()
            {
                IdempotencyKey = "a-key-of-two-tenants",
                TaskId = "task",
                TaskType = TaskType.CreateMediaBuy,
                Status = AdcpTaskStatus.Completed,
            };
            await operated.Outbox.EnqueueAsync(null, [new OutboxItem(item.Destination, payload, item.Options)]);
        }

        await OperatedOutbox.UntilAsync(async () => (await operated.Outbox.GetStatusAsync()).Dead == 2);

        JsonElement any = await JsonAsync(await operated.GetAsync("/adcp/api/deliveries/a-key-of-two-tenants"));
        JsonElement one = await JsonAsync(await operated.GetAsync("/adcp/api/deliveries/a-key-of-two-tenants?tenant=acme"));
        JsonElement other = await JsonAsync(await operated.GetAsync("/adcp/api/deliveries/a-key-of-two-tenants?tenant=other"));

        // A record does not name its tenant.
        Assert.Equal((2, 2), (any.GetProperty("attempts").GetArrayLength(), one.GetProperty("attempts").GetArrayLength()));
        Assert.Equal("other", Text(other.GetProperty("dead_letter"), "tenant"));
        Assert.Equal(("acme", "acme"), (Text(one, "tenant"), Text(one.GetProperty("dead_letter"), "tenant")));
        Assert.Equal("other", Assert.Single(one.GetProperty("other_tenants").EnumerateArray()).GetString());
        Assert.NotEqual(Text(any, "tenant"), Assert.Single(any.GetProperty("other_tenants").EnumerateArray()).GetString());
    }

    [Fact]
    public async Task Workers_status_and_the_story_of_a_delivery_are_answered()
    {
        await using OperatedOutbox operated = await OperatedOutbox.StartAsync();
        DeadLetter letter = Assert.Single(await operated.KillAsync(1));
        OutboxReceipt later = (await operated.Outbox.EnqueueAsync(null, [Later(operated)]))[0];

        JsonElement workers = await JsonAsync(await operated.GetAsync("/adcp/api/workers"));
        JsonElement status = await JsonAsync(await operated.GetAsync("/adcp/api/status"));
        JsonElement story = await JsonAsync(
            await operated.GetAsync($"/adcp/api/deliveries/{letter.IdempotencyKey}?dead_letter={letter.Id}"));
        JsonElement waits = await JsonAsync(await operated.GetAsync("/adcp/api/deliveries/" + later.IdempotencyKey));
        using HttpResponseMessage unknown = await operated.GetAsync("/adcp/api/deliveries/none");

        JsonElement worker = Assert.Single(workers.GetProperty("workers").EnumerateArray());
        Assert.Equal(("worker-of-the-test", 64), (Text(worker, "name"), worker.GetProperty("lanes").GetArrayLength()));
        Assert.Equal(0, workers.GetProperty("unowned_lanes").GetArrayLength());
        Assert.Equal((1, 1, 0),
            (status.GetProperty("dead_letters").GetInt32(), status.GetProperty("workers").GetInt32(),
                status.GetProperty("fenced_off").GetInt32()));
        Assert.Equal("rejected", Text(Assert.Single(status.GetProperty("dead_by_reason").EnumerateArray()), "reason"));
        Assert.Equal(("undelivered", 1), (Text(story, "state"), story.GetProperty("attempts").GetArrayLength()));
        Assert.Equal(410, story.GetProperty("dead_letter").GetProperty("status_code").GetInt32());
        Assert.Equal("waiting", Text(waits, "state"));
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
    }

    [Theory]
    [InlineData("dead-letters")]
    [InlineData("workers")]
    [InlineData("dead-letter-jobs")]
    public async Task A_supervisor_in_memory_answers_that_it_has_no_outbox(string path)
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();

        using HttpResponseMessage answer = await operated.GetAsync("/adcp/api/" + path);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Contains("OutboxOperations", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    /// <summary>Returns the path of a route with the ids of an endpoint and a dead letter that are there.</summary>
    private static async Task<string> PathAsync(OperatedOutbox operated, string route, DeadLetter letter)
    {
        OperationsPage<EndpointStatus> endpoints = await operated.Operations.ListEndpointsAsync();
        return route.Replace("/endpoints/1", "/endpoints/" + endpoints.Items[0].Id, StringComparison.Ordinal)
            .Replace("/dead-letters/1", $"/dead-letters/{letter.Id}", StringComparison.Ordinal);
    }

    private static OutboxItem Later(OperatedOutbox operated)
    {
        OutboxItem item = operated.Item("task_later");
        return new OutboxItem(
            item.Destination, item.Payload, item.Options with { NotBefore = TimeProvider.System.GetUtcNow().AddHours(1) });
    }

    /// <summary>Starts a job and waits for its end.</summary>
    private static async Task<JsonElement> EndAsync(OperatedOutbox operated, string body, string verb = "redrive")
    {
        JsonElement job = await JsonAsync(await operated.PostAsync("/adcp/api/dead-letters/" + verb, body));
        await OperatedOutbox.UntilAsync(async () =>
        {
            job = (await JsonAsync(await operated.GetAsync("/adcp/api/dead-letter-jobs"))).EnumerateArray()
                .Single(other => Text(other, "id") == Text(job, "id"));
            return Text(job, "state") != "running";
        });
        return job;
    }

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage answer)
    {
        using (answer)
        {
            string body = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}: {body}");
            return JsonDocument.Parse(body).RootElement;
        }
    }

    private static string Text(JsonElement row, string name) => row.GetProperty(name).GetString()!;
}
