namespace Adcp.Aot.Platform.Tests.Idempotency;

/// <summary>The rate of new requests.</summary>
public sealed class InsertBudgetTests
{
    [Fact]
    public async Task New_requests_over_the_rate_are_refused_with_a_wait_and_not_kept_and_repetitions_do_not_count()
    {
        await using Bench bench = new(AdcpVersion.V32, Limited);
        for (int i = 0; i < 3; i++)
        {
            Assert.Null((await BuyAsync(bench, "key_of_request_" + i)).Error);
            Assert.True((await BuyAsync(bench, "key_of_request_" + i)).IsReplay);
        }

        ToolReply refused = await BuyAsync(bench, "key_of_request_3");
        bench.Time.Advance(TimeSpan.FromMilliseconds(500));
        ToolReply later = await BuyAsync(bench, "key_of_request_3");

        Assert.Equal(("RATE_LIMITED", ErrorRecovery.Transient), (refused.Error?.Code, refused.Error?.Recovery));
        Assert.Equal(1, Bench.Body(refused.Body).GetProperty("adcp_error").GetProperty("retry_after").GetInt32());
        Assert.Equal((null, false), (later.Error, later.IsReplay));
    }

    [Fact]
    public async Task Accounts_and_tenants_and_reads_have_budgets_of_their_own()
    {
        await using Bench bench = new(AdcpVersion.V32, Limited);
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(i == 3 ? "RATE_LIMITED" : null, (await BuyAsync(bench, "key_of_request_" + i)).Error?.Code);
        }

        Assert.Null((await bench.CallAsync("create_media_buy", """{"account":{"account_id":"b"}}""")).Error);
        Assert.Null((await bench.CallAsync("create_media_buy", "{}", "another")).Error);
        Assert.Null((await bench.CallAsync("get_products", """{"plan":"later"}""")).Error);
    }

    [Fact]
    public void Rate_and_burst_have_their_ranges()
    {
        Assert.Equal("MaxNewRequestsPerSecond",
            Assert.Throws<ArgumentOutOfRangeException>(() => new PlatformLimits { MaxNewRequestsPerSecond = 0 }).ParamName);
        Assert.Equal("MaxNewRequestBurst",
            Assert.Throws<ArgumentOutOfRangeException>(() => new PlatformLimits { MaxNewRequestBurst = 10_000_001 }).ParamName);
    }

    private static PlatformOptions Limited(PlatformOptions options) =>
        options with { Limits = new PlatformLimits { MaxNewRequestsPerSecond = 2, MaxNewRequestBurst = 3 } };

    private static ValueTask<ToolReply> BuyAsync(Bench bench, string key) =>
        bench.CallAsync("create_media_buy", $$"""{"idempotency_key":"{{key}}"}""");
}
