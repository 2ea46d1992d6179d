using Adcp.Aot.Platform.Idempotency;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Platform.Tests.Idempotency;

/// <summary>Requests whose outcome is not known.</summary>
public sealed class ReconciliationTests
{
    private const string Key = """
        ,"idempotency_key":"req_0123456789abcdef"
        """;

    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(10);

    private static Reconciliation Bought => Reconciliation.Committed(new BuyResponse("mb_found"), TestJson.Default.BuyResponse);

    public static TheoryData<Exception, bool> Faults { get; } = new()
    {
        { new AdcpErrorException(new AdcpError("BUDGET_TOO_LOW", "More.")), true },
        { new AdcpErrorException(new AdcpError("ACCOUNT_SUSPENDED", "No.", null, ErrorRecovery.Terminal)), true },
        { new AdcpErrorException(AdcpError.RateLimited("Later.", TimeSpan.FromSeconds(1))), true },
        { new AdcpErrorException(new AdcpError("SERVICE_UNAVAILABLE", "Later.", null, ErrorRecovery.Transient)), false },
        {
            new AdcpErrorException(new AdcpError("SERVICE_UNAVAILABLE", "Later.", null, ErrorRecovery.Transient)) { IsBeforeCommit = true },
            true
        },
        { new AdcpErrorException(new AdcpError("BUDGET_TOO_LOW", "More.")) { IsBeforeCommit = false }, false },
        { new FormatException("bug"), false },
        { new TaskCanceledException("a downstream timeout"), false },
        { new IOException("the answer of COMMIT was lost"), false },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Only_an_error_that_proves_that_nothing_was_committed_frees_the_key(Exception fault, bool frees)
    {
        await using Bench bench = new(AdcpVersion.V32);
        bench.Platform.Fault = fault;
        ToolReply first = await bench.BuyAsync("fault", more: Key);
        ToolReply second = await bench.BuyAsync("fault", more: Key);

        Assert.Equal((fault as AdcpErrorException)?.Error.Code ?? "INTERNAL_ERROR", first.Error?.Code);
        Assert.Equal(frees ? first.Error?.Code : "IDEMPOTENCY_IN_FLIGHT", second.Error?.Code);
        Assert.Equal(frees ? 2 : 1, bench.Platform.Performed);
    }

    [Fact]
    public async Task A_request_that_fails_before_its_tool_frees_the_key()
    {
        await using Bench bench = new(AdcpVersion.V32);
        Assert.Equal("INVALID_REQUEST", (await bench.BuyAsync(push: """{"url":"ftp://x","operation_id":"op_1"}""", more: Key)).Error?.Code);
        Assert.Equal("INVALID_REQUEST", (await bench.CallAsync("create_media_buy", "{\"budget\":\"x\"" + Key + "}")).Error?.Code);

        Assert.Null((await bench.BuyAsync(more: Key)).Error);
        Assert.Equal(1, bench.Platform.Performed);
    }

    [Theory]
    [InlineData("wait")]
    [InlineData("deaf")]
    public async Task A_tool_that_outlasts_its_time_is_never_run_again_and_its_buyer_is_told_to_reconcile(string plan)
    {
        ListLogger logger = new();
        await using Bench bench = new(AdcpVersion.V32, options => options with { CallTimeout = CallTimeout, Logger = logger });
        Task<ToolReply> slow = bench.BuyAsync(plan, more: Key).AsTask();
        await bench.Platform.Waiting.WaitAsync();
        await bench.TurnAsync(slow);
        Task<ToolReply> second = bench.BuyAsync(plan, more: Key).AsTask();
        await bench.TurnAsync(second);
        Task<ToolReply> other = bench.BuyAsync("now", more: Key).AsTask();
        await bench.TurnAsync(other);

        foreach (ToolReply reply in (ToolReply[])[await slow, await second])
        {
            Assert.Equal(("IDEMPOTENCY_IN_FLIGHT", ErrorRecovery.Transient), (reply.Error?.Code, reply.Error?.Recovery));
            Assert.InRange(reply.Error!.RetryAfter!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10));
        }

        Assert.Equal("IDEMPOTENCY_CONFLICT", (await other).Error?.Code);
        Assert.Equal(1, bench.Platform.Performed);
        Assert.Single(logger.Events, 2007);
    }

    [Fact]
    public async Task The_answer_of_a_tool_that_came_late_is_kept()
    {
        await using Bench bench = new(AdcpVersion.V32, options => options with { CallTimeout = CallTimeout });
        Task<ToolReply> slow = bench.BuyAsync("deaf", more: Key).AsTask();
        await bench.Platform.Waiting.WaitAsync();
        await bench.TurnAsync(slow);

        bench.Platform.Go.SetResult();
        ToolReply again = await bench.BuyAsync("deaf", more: Key);
        while (again.Error is not null)
        {
            again = await bench.BuyAsync("deaf", more: Key);
        }

        Assert.Equal("IDEMPOTENCY_IN_FLIGHT", (await slow).Error?.Code);
        Assert.Equal((true, 1), (again.IsReplay, bench.Platform.Performed));
    }

    [Theory]
    [InlineData(AdcpVersion.V30)]
    [InlineData(AdcpVersion.V31)]
    public async Task Before_3_2_a_tool_that_ended_at_its_timeout_is_run_again(AdcpVersion version)
    {
        await using Bench bench = new(version, options => options with { CallTimeout = CallTimeout });
        Task<ToolReply> slow = bench.BuyAsync("wait", more: Key).AsTask();
        await bench.Platform.Waiting.WaitAsync();
        await bench.TurnAsync(slow);
        bench.Platform.Go.SetResult();

        ToolReply again = await bench.BuyAsync("wait", more: Key);

        Assert.Equal(("SERVICE_UNAVAILABLE", ErrorRecovery.Transient), ((await slow).Error?.Code, (await slow).Error?.Recovery));
        Assert.Equal((null, false, 2), (again.Error, again.IsReplay, bench.Platform.Performed));
    }

    [Theory]
    [InlineData(AdcpVersion.V30, "SERVICE_UNAVAILABLE")]
    [InlineData(AdcpVersion.V31, "IDEMPOTENCY_IN_FLIGHT")]
    public async Task In_no_version_does_a_tool_run_beside_an_attempt_that_still_runs(AdcpVersion version, string code)
    {
        await using Bench bench = new(version, options => options with { CallTimeout = CallTimeout });
        Task<ToolReply> slow = bench.BuyAsync("deaf", more: Key).AsTask();
        await bench.Platform.Waiting.WaitAsync();
        await bench.TurnAsync(slow);
        Task<ToolReply> second = bench.BuyAsync("deaf", more: Key).AsTask();
        await bench.TurnAsync(second);

        Assert.Equal((code, code), ((await slow).Error?.Code, (await second).Error?.Code));
        Assert.Equal(1, bench.Platform.Performed);
    }

    [Theory]
    [InlineData("wait", AdcpVersion.V30)]
    [InlineData("wait", AdcpVersion.V32)]
    [InlineData("deaf", AdcpVersion.V31)]
    [InlineData("deaf", AdcpVersion.V32)]
    public async Task If_the_seller_knows_that_it_committed_the_buyer_gets_the_answer_at_the_timeout(string plan, AdcpVersion version)
    {
        Reconciler reconciler = new(Bought);
        await using Bench bench = new(version, options => options with { CallTimeout = CallTimeout, Reconciler = reconciler });
        Task<ToolReply> slow = bench.BuyAsync(plan, more: Key).AsTask();
        await bench.Platform.Waiting.WaitAsync();
        await bench.TurnAsync(slow);

        ToolReply again = await bench.BuyAsync(plan, more: Key);

        Assert.Equal((false, true), ((await slow).IsReplay, again.IsReplay));
        Assert.Equal("mb_found", Bench.Body((await slow).Body).GetProperty("media_buy_id").GetString());
        Assert.Equal("mb_found", Bench.Body(again.Body).GetProperty("media_buy_id").GetString());
        Assert.Equal(1, bench.Platform.Performed);
        UnresolvedRequest asked = Assert.Single(reconciler.Asked);
        Assert.Equal(("create_media_buy", "buyer", "req_0123456789abcdef", plan),
            (asked.Tool, asked.Tenant, asked.IdempotencyKey, asked.Arguments.GetProperty("plan").GetString()));
    }

    [Fact]
    public async Task A_repetition_gets_the_answer_of_a_tool_that_still_runs_when_the_seller_knows_it()
    {
        Reconciler reconciler = new(Reconciliation.Unknown);
        await using Bench bench = new(AdcpVersion.V32, options => options with { CallTimeout = CallTimeout, Reconciler = reconciler });
        Task<ToolReply> slow = bench.BuyAsync("deaf", more: Key).AsTask();
        await bench.Platform.Waiting.WaitAsync();
        await bench.TurnAsync(slow);

        // The word that nothing was committed is no proof while the tool runs.
        reconciler.Answer = Reconciliation.NotCommitted;
        Task<ToolReply> early = bench.BuyAsync("deaf", more: Key).AsTask();
        await bench.TurnAsync(early);
        reconciler.Answer = Bought;
        ToolReply late = await bench.BuyAsync("deaf", more: Key);

        Assert.Equal("IDEMPOTENCY_IN_FLIGHT", (await early).Error?.Code);
        Assert.Equal((null, true, 1), (late.Error, late.IsReplay, bench.Platform.Performed));
    }

    [Fact]
    public async Task A_request_whose_seller_proves_that_nothing_was_committed_is_performed()
    {
        Reconciler reconciler = new(Reconciliation.Unknown);
        await using Bench bench = new(AdcpVersion.V32, options => options with { Reconciler = reconciler });
        bench.Platform.Fault = new IOException("lost");
        await bench.BuyAsync("fault", more: Key);
        Assert.Equal("IDEMPOTENCY_IN_FLIGHT", (await bench.BuyAsync("fault", more: Key)).Error?.Code);
        Assert.Equal(1, bench.Platform.Performed);

        reconciler.Answer = Reconciliation.NotCommitted;
        ToolReply reply = await bench.BuyAsync("fault", more: Key);

        Assert.Equal("INTERNAL_ERROR", reply.Error?.Code);
        Assert.Equal(2, bench.Platform.Performed);
        bench.Platform.Fault = new AdcpErrorException(new AdcpError("BUDGET_TOO_LOW", "More."));
        Assert.Equal("BUDGET_TOO_LOW", (await bench.BuyAsync("fault", more: Key)).Error?.Code);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_committed_object_that_was_purged_is_a_terminal_error_and_repeated_as_one(bool inFirstCall)
    {
        Reconciler reconciler = new(inFirstCall ? Reconciliation.Purged : Reconciliation.Unknown);
        await using Bench bench = new(AdcpVersion.V32, options => options with { Reconciler = reconciler });
        ToolReply first = await bench.BuyAsync("break", more: Key);
        reconciler.Answer = Reconciliation.Purged;
        ToolReply second = await bench.BuyAsync("break", more: Key);
        reconciler.Answer = Reconciliation.NotCommitted;
        ToolReply third = await bench.BuyAsync("break", more: Key);

        Assert.Equal(inFirstCall ? "COMMITTED_RESOURCE_PURGED" : "INTERNAL_ERROR", first.Error?.Code);
        Assert.False(first.IsReplay);
        foreach (ToolReply reply in (ToolReply[])[second, third])
        {
            Assert.Equal(("COMMITTED_RESOURCE_PURGED", ErrorRecovery.Terminal), (reply.Error?.Code, reply.Error?.Recovery));
            Assert.True(Bench.Body(reply.Body).GetProperty("replayed").GetBoolean());
        }

        Assert.Equal(1, bench.Platform.Performed);
        Assert.Equal("IDEMPOTENCY_CONFLICT", (await bench.BuyAsync("now", more: Key)).Error?.Code);
    }

    [Fact]
    public async Task A_reconciler_that_throws_or_never_answers_leaves_the_request_unresolved()
    {
        ListLogger logger = new();
        Reconciler reconciler = new(Reconciliation.Unknown) { Fault = new InvalidOperationException("away") };
        await using Bench bench = new(AdcpVersion.V32, options => options with { Reconciler = reconciler, Logger = logger });
        Assert.Equal("INTERNAL_ERROR", (await bench.BuyAsync("break", more: Key)).Error?.Code);
        Assert.Equal("IDEMPOTENCY_IN_FLIGHT", (await bench.BuyAsync("break", more: Key)).Error?.Code);
        Assert.Equal(2, logger.Events.Count(id => id == 2021));

        await using Bench deaf = new(AdcpVersion.V32, options => options with { Reconciler = new Deaf() });
        Task<ToolReply> first = deaf.BuyAsync("break", more: Key).AsTask();
        await deaf.TurnAsync(first);
        Assert.Equal("INTERNAL_ERROR", (await first).Error?.Code);
    }

    [Fact]
    public async Task A_process_that_died_between_commit_and_answer_is_reconciled_by_the_next_when_its_lease_has_ended()
    {
        FakeTimeProvider time = new();
        InMemoryIdempotencyStore shared = new(new IdempotencyStoreOptions { TimeProvider = time });
        Reconciler reconciler = new(Bought);
        await using Bench dying = new(AdcpVersion.V32, options => options with { Idempotency = shared });
        await using Bench next = new(AdcpVersion.V32, options => options with { Idempotency = shared, Reconciler = reconciler });
        _ = dying.BuyAsync("deaf", more: Key).AsTask();
        await dying.Platform.Waiting.WaitAsync();

        Task<ToolReply> retry = next.BuyAsync("deaf", more: Key).AsTask();
        time.Advance(TimeSpan.FromSeconds(5));
        await next.TurnAsync(retry);

        Assert.Equal((null, true), ((await retry).Error, (await retry).IsReplay));
        Assert.Equal("mb_found", Bench.Body((await retry).Body).GetProperty("media_buy_id").GetString());
        Assert.Equal(0, next.Platform.Performed);
    }

    [Fact]
    public async Task A_repetition_that_waits_too_long_is_told_to_come_again_and_not_to_use_another_key()
    {
        InMemoryIdempotencyStore shared = new(new IdempotencyStoreOptions { TimeProvider = new FakeTimeProvider() });
        await using Bench one = new(AdcpVersion.V32, options => options with { Idempotency = shared });
        await using Bench two = new(AdcpVersion.V32, options => options with { Idempotency = shared });
        Task<ToolReply> first = one.BuyAsync("wait", more: Key).AsTask();
        await one.Platform.Waiting.WaitAsync();
        Task<ToolReply> here = one.BuyAsync("wait", more: Key).AsTask();
        Task<ToolReply> there = two.BuyAsync("wait", more: Key).AsTask();
        await one.TurnAsync(here);
        await two.TurnAsync(there);

        foreach (ToolReply reply in (ToolReply[])[await here, await there])
        {
            Assert.Equal("IDEMPOTENCY_IN_FLIGHT", reply.Error?.Code);
            Assert.InRange(reply.Error!.RetryAfter!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5));
        }

        one.Platform.Go.SetResult();
        Assert.Null((await first).Error);
        Assert.True((await two.BuyAsync("wait", more: Key)).IsReplay);
    }

    [Fact]
    public async Task A_call_that_was_handed_off_and_failed_afterwards_is_answered_with_its_task()
    {
        await using Bench bench = new(AdcpVersion.V32);
        Assert.Equal("INTERNAL_ERROR", (await bench.BuyAsync("work_thrown", more: Key)).Error?.Code);

        ToolReply again = await bench.BuyAsync("work_thrown", more: Key);

        Assert.Equal((null, true, AdcpTaskStatus.Submitted), (again.Error, again.IsReplay, again.Status));
        Assert.Equal(bench.Platform.Tasks.Single(), again.TaskId);
        Assert.Equal(1, bench.Platform.Performed);
    }

    private sealed class Deaf : IRequestReconciler
    {
        public ValueTask<Reconciliation> ReconcileAsync(UnresolvedRequest request, CancellationToken cancellationToken) =>
            new(new TaskCompletionSource<Reconciliation>().Task);
    }
}
