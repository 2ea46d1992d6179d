using System.Text.Json;

namespace Adcp.Aot.Platform.Tests.Idempotency;

[Trait("storyboard", "idempotency")]
public sealed class IdempotencyStoryboard : Storyboard
{
    [Fact]
    public async Task Get_capabilities()
    {
        await CallAsync("get_adcp_capabilities", "get_capabilities", null);

        JsonElement idempotency = Answer.GetProperty("adcp").GetProperty("idempotency");
        Assert.True(idempotency.GetProperty("supported").GetBoolean());
        Assert.Equal(86_400, idempotency.GetProperty("replay_ttl_seconds").GetInt32());
        Assert.InRange(idempotency.GetProperty("in_flight_max_seconds").GetInt32(), 1, 86_400);
    }

    [Fact]
    public async Task Create_media_buy_missing_key()
    {
        await BuyAsync("create_media_buy_missing_key", null);

        AssertError("INVALID_REQUEST", "correctable");
        Assert.Empty(Platform.MediaBuys);
    }

    [Fact]
    public async Task Create_media_buy_initial()
    {
        await BuyAsync("create_media_buy_initial", Key());

        Assert.Equal("mb_1", Answer.GetProperty("media_buy_id").GetString());
        Assert.False(Answer.TryGetProperty("replayed", out JsonElement replayed) && replayed.GetBoolean());
    }

    [Fact]
    public async Task Create_media_buy_replay()
    {
        string key = Key();
        await BuyAsync("create_media_buy_initial", key);

        await BuyAsync("create_media_buy_replay", key);

        Assert.Equal("mb_1", Answer.GetProperty("media_buy_id").GetString());
        Assert.True(Answer.GetProperty("replayed").GetBoolean());
        Assert.Single(Platform.MediaBuys);
    }

    [Fact]
    public async Task Create_media_buy_conflict()
    {
        string key = Key();
        await BuyAsync("create_media_buy_initial", key);

        await BuyAsync("create_media_buy_conflict", key, budget: 25_000);

        AssertError("IDEMPOTENCY_CONFLICT", "correctable");
        string text = Answer.GetRawText();
        foreach (string leaked in (string[])["mb_1", "test-product", "25000", "5000", "\"field\"", key])
        {
            Assert.DoesNotContain(leaked, text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Create_media_buy_fresh_key()
    {
        await BuyAsync("create_media_buy_initial", Key());

        await BuyAsync("create_media_buy_fresh_key", Key());

        Assert.Equal("mb_2", Answer.GetProperty("media_buy_id").GetString());
        Assert.False(Answer.TryGetProperty("replayed", out _));
    }

    [Fact]
    public async Task Create_media_buy_concurrent()
    {
        string arguments = Arguments("create_media_buy_concurrent", Key(), Package(5000));

        ToolReply[] replies =
            await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => CallAsync("create_media_buy", arguments))));

        Assert.Single(replies.Select(reply => Bench.Body(reply.Body).GetProperty("media_buy_id").GetString()).Distinct());
        Assert.Equal(1, replies.Count(reply => !reply.IsReplay));
        Assert.Single(Platform.MediaBuys);
    }

    [Fact]
    public async Task Get_media_buys_dedup_check()
    {
        string key = Key();
        await BuyAsync("create_media_buy_initial", key);
        await BuyAsync("create_media_buy_replay", key);
        await BuyAsync("create_media_buy_fresh_key", Key());

        await CallAsync("get_media_buys", "get_media_buys_dedup_check", null);

        Assert.Equal(["mb_1", "mb_2"], Answer.GetProperty("media_buys").EnumerateArray()
            .Select(buy => buy.GetProperty("media_buy_id").GetString()));
    }

    [Fact]
    public async Task Expect_rate_limit_not_replayed()
    {
        string tripped = "";
        for (int i = 0; i < 200 && !Answer.TryGetProperty("adcp_error", out _); i++)
        {
            tripped = Key();
            await BuyAsync("rate_limit_trip_request", tripped);
        }

        JsonElement error = AssertError("RATE_LIMITED", "transient");
        Assert.Equal(100, Platform.MediaBuys.Count);
        Advance(TimeSpan.FromSeconds(error.GetProperty("retry_after").GetInt32()));

        await BuyAsync("rate_limit_trip_request", tripped);

        Assert.Equal("mb_101", Answer.GetProperty("media_buy_id").GetString());
    }

    private static string Package(int budget) =>
        $$""" "packages":[{"product_id":"test-product","budget":{{budget}},"pricing_option_id":"test-pricing"}] """;

    private Task BuyAsync(string step, string? key, int budget = 5000) => CallAsync("create_media_buy", step, key, Package(budget));
}
