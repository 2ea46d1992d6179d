using System.Text.Json;

namespace Adcp.Aot.Platform.Tests.Idempotency;

/// <summary>
/// The steps of AdCP's storyboards on idempotency, by their names: <c>idempotency</c>, <c>read_tool_idempotency</c>, and the steps of
/// <c>get_products_async</c> that repeat a request.
/// </summary>
public sealed class StoryboardTests : IAsyncLifetime
{
    private const string Account = """
        "account":{"brand":{"domain":"acmeoutdoor.example"},"operator":"pinnacle-agency.example"}
        """;

    private readonly StoryboardPlatform _platform = new();
    private readonly TurnedTime _time = new(new DateTimeOffset(2026, 11, 29, 12, 0, 0, TimeSpan.Zero));
    private PlatformHandler _handler = null!;
    private JsonElement _answer = JsonElement.Parse("{}");

    public ValueTask InitializeAsync()
    {
        PlatformOptions options = new()
        {
            Version = AdcpVersion.V32,
            AcceptsPushConfigs = false,
            TimeProvider = _time,
            Limits = new PlatformLimits { MaxNewRequestBurst = 100 },
        };
        _platform.Options = options;
        _handler = AdcpServer.CreateFromPlatform(_platform, options);
        return default;
    }

    public ValueTask DisposeAsync() => _handler.DisposeAsync();

    [Fact]
    public async Task Get_capabilities()
    {
        await CallAsync("get_adcp_capabilities", "get_capabilities", null);

        JsonElement idempotency = _answer.GetProperty("adcp").GetProperty("idempotency");
        Assert.True(idempotency.GetProperty("supported").GetBoolean());
        Assert.Equal(86_400, idempotency.GetProperty("replay_ttl_seconds").GetInt32());
        Assert.InRange(idempotency.GetProperty("in_flight_max_seconds").GetInt32(), 1, 86_400);
    }

    [Fact]
    public async Task Create_media_buy_missing_key()
    {
        await BuyAsync("create_media_buy_missing_key", null);

        AssertError("INVALID_REQUEST", "correctable");
        Assert.Empty(_platform.MediaBuys);
    }

    [Fact]
    public async Task Create_media_buy_initial_and_replay()
    {
        string key = Key();
        await BuyAsync("create_media_buy_initial", key);
        string initial = _answer.GetProperty("media_buy_id").GetString()!;
        Assert.False(_answer.TryGetProperty("replayed", out JsonElement replayed) && replayed.GetBoolean());

        await BuyAsync("create_media_buy_replay", key);

        Assert.Equal(initial, _answer.GetProperty("media_buy_id").GetString());
        Assert.True(_answer.GetProperty("replayed").GetBoolean());
        Assert.Single(_platform.MediaBuys);
    }

    [Fact]
    public async Task Create_media_buy_conflict()
    {
        string key = Key();
        await BuyAsync("create_media_buy_initial", key);

        await BuyAsync("create_media_buy_conflict", key, budget: 25_000);

        AssertError("IDEMPOTENCY_CONFLICT", "correctable");
        string text = _answer.GetRawText();
        foreach (string leaked in (string[])["mb_1", "test-product", "25000", "5000", "\"field\"", key])
        {
            Assert.DoesNotContain(leaked, text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Create_media_buy_fresh_key_and_get_media_buys_dedup_check()
    {
        string key = Key();
        await BuyAsync("create_media_buy_initial", key);
        await BuyAsync("create_media_buy_replay", key);
        await BuyAsync("create_media_buy_fresh_key", Key());
        Assert.False(_answer.TryGetProperty("replayed", out _));

        await CallAsync("get_media_buys", "get_media_buys_dedup_check", null);

        Assert.Equal(["mb_1", "mb_2"], _answer.GetProperty("media_buys").EnumerateArray()
            .Select(buy => buy.GetProperty("media_buy_id").GetString()));
    }

    [Fact]
    public async Task Create_media_buy_concurrent()
    {
        string arguments = Arguments("create_media_buy_concurrent", Key(), Package(5000));

        ToolReply[] replies = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => CallAsync(arguments))));

        Assert.Single(replies.Select(reply => Bench.Body(reply.Body).GetProperty("media_buy_id").GetString()).Distinct());
        Assert.Equal(1, replies.Count(reply => !reply.IsReplay));
        Assert.Single(_platform.MediaBuys);
    }

    [Fact]
    public async Task Expect_rate_limit_not_replayed()
    {
        string tripped = "";
        for (int i = 0; i < 200 && !_answer.TryGetProperty("adcp_error", out _); i++)
        {
            tripped = Key();
            await BuyAsync("rate_limit_trip_request", tripped);
        }

        JsonElement error = AssertError("RATE_LIMITED", "transient");
        Assert.Equal(100, _platform.MediaBuys.Count);
        _time.Advance(TimeSpan.FromSeconds(error.GetProperty("retry_after").GetInt32()));

        await BuyAsync("rate_limit_trip_request", tripped);

        Assert.Equal("mb_101", _answer.GetProperty("media_buy_id").GetString());
    }

    [Theory]
    [InlineData("get_adcp_capabilities", "get_capabilities_with_idempotency_key", true, "supported_protocols")]
    [InlineData("get_products", "get_products_with_idempotency_key", true, "products")]
    [InlineData("list_accounts", "list_accounts_with_idempotency_key", true, "accounts")]
    [InlineData("list_creative_formats", "list_creative_formats_with_idempotency_key", true, "formats")]
    [InlineData("list_creatives", "list_creatives_with_idempotency_key", true, "creatives")]
    [InlineData("get_adcp_capabilities", "get_capabilities_without_idempotency_key", false, "supported_protocols")]
    public async Task Read_requests_accept_idempotency_key(string tool, string step, bool isKeyed, string member)
    {
        string? key = isKeyed ? Key() : null;
        for (int i = 0; i < 2; i++)
        {
            await CallAsync(tool, step, key, """ "ext":{"adcp":{"storyboard":"read_tool_idempotency"}} """);

            Assert.Equal(JsonValueKind.Array, _answer.GetProperty(member).ValueKind);
            Assert.False(_answer.TryGetProperty("replayed", out _));
        }
    }

    [Fact]
    public async Task Get_products_submitted_replay_and_conflict()
    {
        _platform.HandsOffProducts = true;
        string key = Key();
        await CallAsync("get_products", "get_products_submitted", key, """ "brief":"Curate display and video." """);
        string task = _answer.GetProperty("task_id").GetString()!;
        Assert.Equal("submitted", _answer.GetProperty("status").GetString());
        Assert.False(_answer.TryGetProperty("products", out _));

        await CallAsync("get_products", "get_products_submitted", key, """ "brief":"Curate display and video." """);
        Assert.Equal(task, _answer.GetProperty("task_id").GetString());
        Assert.True(_answer.GetProperty("replayed").GetBoolean());

        await CallAsync("get_products", "get_products_submitted", key, """ "brief":"Curate connected TV." """);
        AssertError("IDEMPOTENCY_CONFLICT", "correctable");
    }

    private static string Key() => Guid.NewGuid().ToString();

    private static string Package(int budget) =>
        $$""" "packages":[{"product_id":"test-product","budget":{{budget}},"pricing_option_id":"test-pricing"}] """;

    private static string Arguments(string step, string? key, string members)
    {
        string given = key is null ? "" : $"\"idempotency_key\":\"{key}\",";
        return $$"""{ {{given}}{{Account}},{{members}},"context":{"correlation_id":"{{step}}"} }""";
    }

    private Task BuyAsync(string step, string? key, int budget = 5000) => CallAsync("create_media_buy", step, key, Package(budget));

    private async Task<ToolReply> CallAsync(string arguments, string tool = "create_media_buy")
    {
        using JsonDocument document = JsonDocument.Parse(arguments);
        return await _handler.CallAsync(tool, document.RootElement, "buyer");
    }

    /// <summary>Makes the call of a step, whose answer returns its context.</summary>
    private async Task CallAsync(string tool, string step, string? key, string members = "\"ext\":{}")
    {
        _answer = Bench.Body((await CallAsync(Arguments(step, key, members), tool)).Body);
        Assert.Equal(step, _answer.GetProperty("context").GetProperty("correlation_id").GetString());
    }

    private JsonElement AssertError(string code, string recovery)
    {
        JsonElement error = _answer.GetProperty("adcp_error");
        Assert.Equal((code, recovery), (error.GetProperty("code").GetString(), error.GetProperty("recovery").GetString()));
        return error;
    }
}
