using Adcp.Aot.Platform.Idempotency;

namespace Adcp.Aot.Platform.Tests.Idempotency;

/// <summary>The operations on requests whose outcome is not known.</summary>
public sealed class RequestOperationsTests
{
    private const string Key = """
        ,"idempotency_key":"req_0123456789abcdef"
        """;

    [Fact]
    public async Task A_request_that_is_resolved_as_committed_is_answered_and_not_performed_again()
    {
        await using Bench bench = new(AdcpVersion.V32);
        RequestInDoubt request = await DoubtAsync(bench);
        RequestsInDoubt counted = await bench.Handler.Requests.CountAsync();

        Assert.True(await bench.Handler.Requests.ResolveAsync(
            "buyer", request.Id, Reconciliation.Committed(new BuyResponse("mb_hand"), TestJson.Default.BuyResponse), "alice"));

        ToolReply again = await bench.BuyAsync("break", more: Key);
        Assert.Equal((1, request.BegunAt), (counted.Count, counted.Oldest));
        Assert.Equal("mb_hand", Bench.Body(again.Body).GetProperty("media_buy_id").GetString());
        Assert.True(again.IsReplay);
        Assert.Equal(1, bench.Platform.Performed);
        Assert.Equal(0, (await bench.Handler.Requests.CountAsync()).Count);
        Assert.Contains(bench.Log.Lines, line => line.Id == PlatformEventIds.RequestResolved
            && line.Text == $"alice resolved the request {request.Id} of buyer by hand: Committed");
    }

    [Fact]
    public async Task A_request_that_is_resolved_as_not_committed_is_performed_again()
    {
        await using Bench bench = new(AdcpVersion.V32);
        RequestInDoubt request = await DoubtAsync(bench);

        Assert.True(await bench.Handler.Requests.ResolveAsync("buyer", request.Id, Reconciliation.NotCommitted, "alice"));
        Assert.False(await bench.Handler.Requests.ResolveAsync("buyer", request.Id, Reconciliation.NotCommitted, "alice"));

        await bench.BuyAsync("break", more: Key);
        Assert.Equal(2, bench.Platform.Performed);
    }

    [Fact]
    public async Task Bad_arguments_are_refused()
    {
        await using Bench bench = new(AdcpVersion.V32);
        RequestOperations operations = bench.Handler.Requests;

        Assert.Equal("outcome", await NameAsync(() => operations.ResolveAsync("buyer", "x", Reconciliation.Unknown, "alice").AsTask()));
        Assert.Equal("operatorName", await NameAsync(() => operations.ResolveAsync("buyer", "x", Reconciliation.Purged, " ").AsTask()));
        Assert.Equal("operatorName", await NameAsync(() => operations.ResolveAsync("buyer", "x", Reconciliation.Purged, "a\nb").AsTask()));
        Assert.Equal("limit", await NameAsync(() => operations.ListAsync(0).AsTask()));
        Assert.Equal("limit", await NameAsync(() => operations.ListAsync(1_001).AsTask()));

        static async Task<string?> NameAsync(Func<Task> call) => (await Record.ExceptionAsync(call) as ArgumentException)?.ParamName;
    }

    [Fact]
    public async Task A_store_that_cannot_list_says_so()
    {
        await using Bench bench = new(AdcpVersion.V32, options => options with { Idempotency = new FaultyStore() });

        Assert.False(bench.Handler.Requests.IsSupported);
        await Assert.ThrowsAsync<NotSupportedException>(() => bench.Handler.Requests.CountAsync().AsTask());
    }

    /// <summary>Makes a request whose tool throws after it may have committed.</summary>
    private static async Task<RequestInDoubt> DoubtAsync(Bench bench)
    {
        await bench.BuyAsync("break", more: Key);
        Assert.Equal("IDEMPOTENCY_IN_FLIGHT", (await bench.BuyAsync("break", more: Key)).Error?.Code);
        return Assert.Single(await bench.Handler.Requests.ListAsync());
    }
}
