using System.Text.Json;
using Adcp.Aot.Platform.Idempotency;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Platform.Tests.Idempotency;

/// <summary>Repeated requests.</summary>
public sealed class IdempotentCallTests
{
    private const string Key = """
        ,"idempotency_key":"req_0123456789abcdef"
        """;

    [Theory]
    [InlineData(AdcpVersion.V30, "now")]
    [InlineData(AdcpVersion.V32, "later")]
    public async Task A_replay_gets_the_first_answer_says_so_and_tells_nothing_twice(AdcpVersion version, string plan)
    {
        await using Bench bench = new(version);
        ToolReply first = await bench.BuyAsync(plan, more: Key);
        if (plan == "later")
        {
            // The task reports its later result, not the replay.
            await bench.Handler.Tasks.EnterAsync("buyer", bench.Platform.Tasks.Single(), AdcpTaskStatus.Canceled);
        }

        ToolReply second = await bench.BuyAsync(plan, more: Key);
        Assert.Equal((false, true), (first.IsReplay, second.IsReplay));
        Assert.Equal((first.Status, first.TaskId), (second.Status, second.TaskId));
        Assert.Equal(Bench.Text(first).Replace(",\"context\"", ",\"replayed\":true,\"context\"", StringComparison.Ordinal),
            Bench.Text(second));
        Assert.Equal(1, bench.Platform.Performed);
        Assert.Equal("req_0123456789abcdef", Assert.Single(bench.Platform.Keys));
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));
        Assert.Single(bench.Sender.Attempts);
    }

    [Fact]
    public async Task Another_process_gives_the_first_answer_too()
    {
        InMemoryIdempotencyStore shared = new(new IdempotencyStoreOptions { TimeProvider = new FakeTimeProvider() });
        await using Bench one = new(AdcpVersion.V32, options => options with { Idempotency = shared });
        await using Bench two = new(AdcpVersion.V32, options => options with { Idempotency = shared });
        ToolReply first = await one.BuyAsync("later", more: Key);
        ToolReply second = await two.BuyAsync("later", more: Key);
        Assert.Equal((first.TaskId, true), (second.TaskId, second.IsReplay));
        Assert.Equal((1, 0), (one.Platform.Performed, two.Platform.Performed));
    }

    [Theory]
    [InlineData(AdcpVersion.V30)]
    [InlineData(AdcpVersion.V31)]
    [InlineData(AdcpVersion.V32)]
    public async Task A_request_that_the_seller_refused_may_be_made_again_with_its_key_or_another_with_it(AdcpVersion version)
    {
        await using Bench bench = new(version);
        Assert.Equal("BUDGET_TOO_LOW", (await bench.BuyAsync("refuse", more: Key)).Error?.Code);
        ToolReply made = await bench.BuyAsync("now", more: Key);
        Assert.Equal((null, false), (made.Error, made.IsReplay));
    }

    [Theory]
    [InlineData(AdcpVersion.V30, null)]
    [InlineData(AdcpVersion.V31, null)]
    [InlineData(AdcpVersion.V32, "IDEMPOTENCY_CONFLICT")]
    public async Task An_unexpected_exception_frees_the_key_before_3_2_only(AdcpVersion version, string? code)
    {
        await using Bench bench = new(version);
        Assert.Equal("INTERNAL_ERROR", (await bench.BuyAsync("break", more: Key)).Error?.Code);
        Assert.Equal(code, (await bench.BuyAsync("now", more: Key)).Error?.Code);
    }

    [Theory]
    [InlineData(""" "plan":"now" """, """ "plan" : "now", "context":{"trace":2}, "governance_context":"refreshed" """, true)]
    [InlineData(""" "plan":"now","budget":1e1 """, """ "budget":10.0,"plan":"now" """, true)]
    [InlineData(""" "plan":"now" """, """ "plan":"now","ext":null """, false)]
    [InlineData(""" "plan":"now" """, """ "plan":"now","budget":10 """, false)]
    [InlineData(""" "push_notification_config":@"credentials":"kq8Zt3Vw0xN5yRb7Jm2Hc9Lf4Pd6Gs1A"}} """,
        """ "push_notification_config":@"credentials":"A1sG6dP4fL9cH2mJ7bRy5Nx0wV3tZ8qk"}} """, true)]
    [InlineData(""" "push_notification_config":@"credentials":"kq8Zt3Vw0xN5yRb7Jm2Hc9Lf4Pd6Gs1A"}} """,
        """ "push_notification_config":@"credentials":"kq8Zt3Vw0xN5yRb7Jm2Hc9Lf4Pd6Gs1A"},"x":1} """, false)]
    public async Task A_request_is_the_same_where_AdCP_says_so(string once, string again, bool isSame)
    {
        const string Push = """{"url":"https://buyer.example/h","operation_id":"op_1","authentication":{"schemes":["Bearer"],""";
        await using Bench bench = new(AdcpVersion.V32);
        Assert.Null((await Call(once)).Error);
        ToolReply reply = await Call(again);
        Assert.Equal(isSame ? null : "IDEMPOTENCY_CONFLICT", reply.Error?.Code);
        Assert.Equal(isSame ? 1 : 0, Bench.Text(reply).Split("\"replayed\":true").Length - 1);

        // The answer must not show the difference between the two.
        Assert.Null(reply.Error?.Field);

        ValueTask<ToolReply> Call(string members) =>
            bench.CallAsync("create_media_buy", "{" + members.Replace("@", Push, StringComparison.Ordinal) + Key + "}");
    }

    [Fact]
    public async Task A_replay_echoes_its_own_context_and_no_earlier_ones()
    {
        await using Bench bench = new(AdcpVersion.V32);
        await bench.CallAsync("create_media_buy", """{"context":{"trace":1}""" + Key + "}");
        Assert.Equal("""{"trace":2}""",
            Bench.Body((await bench.CallAsync("create_media_buy", """{"context":{"trace":2}""" + Key + "}")).Body)
            .GetProperty("context").GetRawText());
        Assert.False(Bench.Body((await bench.CallAsync("create_media_buy", "{\"plan\":\"now\"" + Key + "}")).Body)
            .TryGetProperty("context", out _));
    }

    [Fact]
    public async Task A_key_is_one_tenants_on_one_account_for_one_tool()
    {
        await using Bench bench = new(AdcpVersion.V32);
        await Buy("""{"account":{"account_id":"a"} """);
        Assert.False((await Buy("""{"account":{"account_id":"b"} """)).IsReplay);
        Assert.False((await Buy("""{"account":{"account_id":"a"} """, "another")).IsReplay);
        Assert.True((await Buy("""{"account":{ "account_id" : "a"} """)).IsReplay);
        Assert.Equal("IDEMPOTENCY_CONFLICT",
            (await bench.CallAsync("sync_accounts", """{"account":{"account_id":"a"} """ + Key + "}")).Error?.Code);
        Assert.Equal(3, bench.Platform.Performed);

        ValueTask<ToolReply> Buy(string start, string tenant = "buyer") => bench.CallAsync("create_media_buy", start + Key + "}", tenant);
    }

    [Theory]
    [InlineData("\"req_0123456789ab\"", null)]
    [InlineData("\"req_0123456789a\"", "idempotency_key")]
    [InlineData("\"req_0123456789 abcdef\"", "idempotency_key")]
    [InlineData("\"req_0123456789ábcdef\"", "idempotency_key")]
    [InlineData("12345678901234567", "idempotency_key")]
    [InlineData("null", "idempotency_key")]
    public async Task A_key_has_AdCPs_form(string key, string? field)
    {
        await using Bench bench = new(AdcpVersion.V30);
        ToolReply reply = await bench.CallAsync("create_media_buy", "{\"idempotency_key\":" + key + "}");
        Assert.Equal((field is null ? null : "INVALID_REQUEST", field), (reply.Error?.Code, reply.Error?.Field));
        Assert.Equal(field is null ? 1 : 0, bench.Platform.Performed);
    }

    /// <summary>AdCP 3.2.3, rule R1: a request is validated before its key is looked up.</summary>
    [Theory]
    [InlineData("""{"plan":1""", "plan")]
    [InlineData("""{"budget":"much" """, "budget")]
    [InlineData("""{"push_notification_config":{"url":7}""", "push_notification_config.url")]
    [InlineData("""{"push_notification_config":[]""", "push_notification_config")]
    public async Task A_malformed_request_claims_no_key_and_counts_against_no_limit(string arguments, string field)
    {
        FaultyStore store = new();
        await using Bench bench = new(AdcpVersion.V32, options => options with
        { Idempotency = store, Limits = new PlatformLimits { MaxNewRequestsPerSecond = 1, MaxNewRequestBurst = 1 } });
        for (int i = 0; i < 3; i++)
        {
            ToolReply refused = await bench.CallAsync("create_media_buy", arguments + Key + "}");
            Assert.Equal(("INVALID_REQUEST", field), (refused.Error?.Code, refused.Error?.Field));
        }

        Assert.Empty(store.Leases);
        Assert.Null((await bench.CallAsync("create_media_buy", """{"plan":"now" """ + Key + "}")).Error);
        Assert.Single(store.Leases);
        Assert.Equal(1, bench.Platform.Performed);
    }

    [Fact]
    public async Task A_key_has_255_characters_at_most()
    {
        await using Bench bench = new(AdcpVersion.V32);
        Assert.Null((await bench.CallAsync("create_media_buy", $$"""{"idempotency_key":"{{new string('k', 255)}}"}""")).Error);
        Assert.Equal("INVALID_REQUEST",
            (await bench.CallAsync("create_media_buy", $$"""{"idempotency_key":"{{new string('k', 256)}}"}""")).Error?.Code);
    }

    [Fact]
    public async Task A_call_that_only_reads_needs_no_key_and_forgets_the_one_it_has()
    {
        await using Bench bench = new(AdcpVersion.V32);
        Assert.Null((await Call("get_signals", "{}")).Error);
        Assert.Null((await Call("get_signals", """{"idempotency_key":"short"}""")).Error);
        Assert.Equal("idempotency_key", (await Call("create_media_buy", "{}")).Error?.Field);
        await using Bench lenient = new(AdcpVersion.V32, options => options with { RequiresIdempotencyKey = false });
        using JsonDocument none = JsonDocument.Parse("{}");
        Assert.Null((await lenient.Handler.CallAsync("create_media_buy", none.RootElement, "buyer")).Error);

        async Task<ToolReply> Call(string tool, string arguments)
        {
            using JsonDocument document = JsonDocument.Parse(arguments);
            return await bench.Handler.CallAsync(tool, document.RootElement, "buyer");
        }
    }

    [Fact]
    public async Task Arguments_with_a_name_twice_are_refused()
    {
        await using Bench bench = new(AdcpVersion.V32);
        Assert.Equal("INVALID_REQUEST",
            (await bench.CallAsync("create_media_buy", "{\"plan\":\"now\",\"plan\":\"later\"" + Key + "}")).Error?.Code);
        Assert.Equal(0, bench.Platform.Performed);
    }

    [Fact]
    public async Task Another_A2A_channel_is_another_request()
    {
        await using Bench bench = new(AdcpVersion.V32);
        Assert.Null((await Call("https://buyer.example/a")).Error);
        Assert.True((await Call("https://buyer.example/a")).IsReplay);
        Assert.Equal("IDEMPOTENCY_CONFLICT", (await Call("https://buyer.example/b")).Error?.Code);

        async Task<ToolReply> Call(string url)
        {
            using JsonDocument document = JsonDocument.Parse("{\"plan\":\"later\"" + Key + "}");
            return await bench.Handler.CallAsync("create_media_buy", document.RootElement, "buyer",
                new PushRegistration(PushChannel.A2A, new WebhookDestination(url)));
        }
    }

    [Fact]
    public async Task Whoever_comes_while_the_first_is_performed_waits_for_its_answer()
    {
        await using Bench bench = new(AdcpVersion.V32);
        Task<ToolReply> first = bench.BuyAsync("wait", more: Key).AsTask();
        await bench.Platform.Waiting.WaitAsync();
        Task<ToolReply> second = bench.BuyAsync("wait", more: Key).AsTask();
        Assert.Equal("IDEMPOTENCY_CONFLICT", (await bench.BuyAsync("now", more: Key)).Error?.Code);
        Assert.False(second.IsCompleted);
        bench.Platform.Go.SetResult();
        Assert.Equal((false, true), ((await first).IsReplay, (await second).IsReplay));
        Assert.Equal(1, bench.Platform.Performed);
    }

    [Fact]
    public async Task A_request_whose_caller_hung_up_is_performed_all_the_same_and_its_repetition_gets_the_answer()
    {
        await using Bench bench = new(AdcpVersion.V32);
        using CancellationTokenSource hungUp = new();
        Task<ToolReply> first;
        using (JsonDocument arguments = JsonDocument.Parse("{\"plan\":\"wait\"" + Key + "}"))
        {
            first = bench.Handler.CallAsync("create_media_buy", arguments.RootElement, "buyer", cancellationToken: hungUp.Token).AsTask();
            await bench.Platform.Waiting.WaitAsync();
            await hungUp.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        }

        Task<ToolReply> second = bench.CallAsync("create_media_buy", "{\"plan\":\"wait\"" + Key + "}").AsTask();
        bench.Platform.Go.SetResult();
        ToolReply reply = await second;
        Assert.Equal((null, true, 1), (reply.Error, reply.IsReplay, bench.Platform.Performed));
    }

    [Fact]
    public async Task While_another_process_performs_the_request_it_is_asked_again_until_that_has_answered()
    {
        InMemoryIdempotencyStore shared = new(new IdempotencyStoreOptions { TimeProvider = new FakeTimeProvider() });
        await using Bench one = new(AdcpVersion.V32, options => options with { Idempotency = shared });
        await using Bench two = new(AdcpVersion.V32, options => options with { Idempotency = shared });
        Task<ToolReply> first = one.BuyAsync("wait", more: Key).AsTask();
        await one.Platform.Waiting.WaitAsync();
        Task<ToolReply> second = two.BuyAsync("wait", more: Key).AsTask();
        foreach (int pause in (int[])[50, 100, 200, 400, 800, 1000, 1000])
        {
            TimeSpan wait = await two.Time.NextWaitAsync(default);
            Assert.Equal(pause, wait.TotalMilliseconds);
            two.Time.Advance(wait);
        }

        TimeSpan last = await two.Time.NextWaitAsync(default);
        one.Platform.Go.SetResult();
        Assert.False((await first).IsReplay);
        two.Time.Advance(last);
        Assert.True((await second).IsReplay);
        Assert.Equal((1, 0), (one.Platform.Performed, two.Platform.Performed));
    }

    [Fact]
    public async Task An_answer_that_is_no_longer_kept_is_refused_and_nothing_is_performed()
    {
        await using Bench bench = new(AdcpVersion.V32, options =>
            options with
            {
                Idempotency = new InMemoryIdempotencyStore(options: new IdempotencyStoreOptions
                { TimeProvider = options.TimeProvider })
            });
        await bench.BuyAsync(more: Key);
        bench.Time.Advance(TimeSpan.FromHours(25));
        Assert.Equal("IDEMPOTENCY_EXPIRED", (await bench.BuyAsync(more: Key)).Error?.Code);
        Assert.Equal(1, bench.Platform.Performed);
    }

    [Fact]
    public async Task A_full_store_says_when_to_come_again()
    {
        await using Bench bench =
            new(AdcpVersion.V32, options =>
                options with { Idempotency = new InMemoryIdempotencyStore(limits: new InMemoryLimits { Capacity = 1 }) });
        await bench.BuyAsync();
        ToolReply reply = await bench.BuyAsync();
        Assert.Equal("RATE_LIMITED", reply.Error?.Code);
        Assert.Equal(60, Bench.Body(reply.Body).GetProperty("adcp_error").GetProperty("retry_after").GetInt32());
    }

    [Fact]
    public async Task A_seller_that_forgets_with_its_process_is_warned()
    {
        ListLogger logger = new();
        await using Bench bench = new(AdcpVersion.V32, options => options with { Logger = logger });
        Assert.Single(logger.Events, 2006);
        ListLogger quiet = new();
        await using Bench durable = new(AdcpVersion.V32, options => options with { Logger = quiet, Idempotency = new FaultyStore() });
        Assert.DoesNotContain(2006, quiet.Events);
    }

    [Fact]
    public void A_call_has_a_second_to_an_hour()
    {
        foreach (TimeSpan wrong in (TimeSpan[])[TimeSpan.Zero, TimeSpan.FromHours(2)])
        {
            Assert.Equal("CallTimeout", Assert.Throws<ArgumentOutOfRangeException>(() =>
                new PlatformOptions { Version = AdcpVersion.V32, CallTimeout = wrong }).ParamName);
        }
    }
}
