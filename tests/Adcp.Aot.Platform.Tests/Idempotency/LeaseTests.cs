namespace Adcp.Aot.Platform.Tests.Idempotency;

/// <summary>Claims over a store that fails, and calls that outlast their lease.</summary>
public sealed class LeaseTests
{
    private const string Key = """
        ,"idempotency_key":"req_0123456789abcdef"
        """;

    [Fact]
    public async Task A_store_that_cannot_be_asked_performs_nothing_and_one_that_cannot_keep_answers_all_the_same()
    {
        ListLogger logger = new();
        FaultyStore store = new();
        await using Bench bench =
            new(AdcpVersion.V32, options => options with { Idempotency = store, Logger = logger, CallTimeout = TimeSpan.FromSeconds(10) });
        store.FailsToKeep = true;
        Task<ToolReply> kept = bench.BuyAsync(more: Key).AsTask();
        await TurnAsync(bench, kept);
        Assert.Null((await kept).Error);
        Task<ToolReply> refused = bench.BuyAsync("refuse").AsTask();
        await TurnAsync(bench, refused);
        Assert.Equal("BUDGET_TOO_LOW", (await refused).Error?.Code);
        await bench.Handler.DrainAsync(TimeSpan.Zero);
        await logger.LoggedAsync(2005, 1);
        store.FailsToClaim = true;
        Assert.Equal("INTERNAL_ERROR", (await bench.BuyAsync()).Error?.Code);
        Assert.Equal(2, bench.Platform.Performed);
    }

    [Fact]
    public async Task An_answer_whose_store_was_away_for_a_while_is_kept_when_it_is_back_and_not_performed_again()
    {
        ListLogger logger = new();
        FaultyStore store = new() { FailsToKeep = true };
        await using Bench bench = new(AdcpVersion.V32, options => options with { Idempotency = store, Logger = logger });
        Task<ToolReply> first = bench.BuyAsync(more: Key).AsTask();
        await TurnAsync(bench, first);
        ToolReply answered = await first;
        Assert.Empty(store.Kept);

        store.FailsToKeep = false;
        bench.Time.Advance(TimeSpan.FromSeconds(1));
        string kept = await store.KeptAsync();

        Assert.Null(answered.Error);
        Assert.Contains("mb_1", kept, StringComparison.Ordinal);
        Assert.DoesNotContain(2005, logger.Events);
    }

    [Fact]
    public async Task A_lease_is_renewed_while_its_call_runs_and_short_enough_for_a_retry_after_a_crash()
    {
        FaultyStore store = new();
        await using Bench bench = new(AdcpVersion.V32, options => options with { Idempotency = store });
        Task<ToolReply> running = bench.BuyAsync("wait", more: Key).AsTask();
        await bench.Platform.Waiting.WaitAsync();

        for (int i = 0; i < 5; i++)
        {
            await store.RenewedAsync(i, bench.Time);
        }

        bench.Platform.Go.SetResult();
        Assert.Null((await running).Error);
        Assert.All(store.Leases, lease => Assert.InRange(lease, TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(9)));
    }

    [Fact]
    public async Task A_call_whose_claim_was_taken_over_is_cancelled_and_its_buyer_is_told_to_reconcile()
    {
        ListLogger logger = new();
        FaultyStore store = new() { IsTakenOver = true };
        await using Bench bench = new(AdcpVersion.V32, options => options with { Idempotency = store, Logger = logger });
        Task<ToolReply> running = bench.BuyAsync("wait", more: Key).AsTask();
        await bench.Platform.Waiting.WaitAsync();

        await TurnAsync(bench, running);

        Assert.Equal("IDEMPOTENCY_IN_FLIGHT", (await running).Error?.Code);
        Assert.Contains(2011, logger.Events);
    }

    [Fact]
    public async Task A_store_that_never_returns_is_left_behind_after_the_call_timeout()
    {
        ListLogger logger = new();
        FaultyStore store = new();
        await using Bench bench =
            new(AdcpVersion.V32, options => options with { Idempotency = store, Logger = logger, CallTimeout = TimeSpan.FromSeconds(10) });
        Task<ToolReply> performed = bench.BuyAsync("wait", more: Key).AsTask();
        await bench.Platform.Waiting.WaitAsync();
        store.Hangs = true;

        bench.Platform.Go.SetResult();
        await TurnAsync(bench, performed);
        await TurnAsync(bench, logger.LoggedAsync(2005, 1));
        Task<ToolReply> unclaimed = bench.BuyAsync(more: Key).AsTask();
        await TurnAsync(bench, unclaimed);

        Assert.Null((await performed).Error);
        Assert.Equal("INTERNAL_ERROR", (await unclaimed).Error?.Code);
    }

    /// <summary>
    /// Turns the clock by a second as long as the task runs. The pause is not for ordering: the loop only checks again.
    /// </summary>
    private static async Task TurnAsync(Bench bench, Task task)
    {
        while (!task.IsCompleted)
        {
            bench.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.WhenAny(task, Task.Delay(5));
        }
    }
}
