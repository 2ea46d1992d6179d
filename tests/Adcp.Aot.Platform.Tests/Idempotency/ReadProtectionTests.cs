using Adcp.Aot.Platform.Idempotency;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Platform.Tests.Idempotency;

/// <summary>Calls that read with a key.</summary>
public sealed class ReadProtectionTests
{
    private const string Key = """
        ,"idempotency_key":"req_0123456789abcdef"
        """;

    [Fact]
    public async Task A_read_that_opens_a_task_opens_it_once()
    {
        await using Bench bench = new(AdcpVersion.V32);
        ToolReply first = await ReadAsync(bench, "later");
        ToolReply second = await ReadAsync(bench, "later");

        Assert.Equal((null, false, AdcpTaskStatus.Submitted), (first.Error, first.IsReplay, first.Status));
        Assert.Equal((first.TaskId, true, first.Status), (second.TaskId, second.IsReplay, second.Status));
        Assert.Equal(1, bench.Platform.Read);
        Assert.Single(bench.Platform.Tasks);
        Assert.Equal("IDEMPOTENCY_CONFLICT", (await ReadAsync(bench, "now")).Error?.Code);
    }

    [Fact]
    public async Task A_read_without_a_task_keeps_no_answer_and_is_never_a_replay()
    {
        await using Bench bench = new(AdcpVersion.V32);
        ToolReply first = await ReadAsync(bench, "a");
        ToolReply second = await ReadAsync(bench, "b");

        Assert.Equal((null, null, false), (first.Error, second.Error, second.IsReplay));
        Assert.Equal(2, bench.Platform.Read);
    }

    [Fact]
    public async Task Reads_that_open_a_task_at_the_same_time_open_one()
    {
        InMemoryIdempotencyStore shared = new(new IdempotencyStoreOptions { TimeProvider = new FakeTimeProvider() });
        await using Bench one = new(AdcpVersion.V32, options => options with { Idempotency = shared });
        await using Bench two = new(AdcpVersion.V32, options => options with { Idempotency = shared });

        Task<ToolReply>[] calls =
            [.. Enumerable.Range(0, 16).Select(i => Task.Run(() => ReadAsync(i % 2 == 0 ? one : two, "later").AsTask()))];
        await Task.WhenAll(one.TurnAsync(Task.WhenAll(calls)), two.TurnAsync(Task.WhenAll(calls)));

        Assert.Single(calls.Select(call => call.Result.TaskId).Distinct());
        Assert.Equal(1, calls.Count(call => !call.Result.IsReplay));
        Assert.Equal(1, one.Platform.Tasks.Count + two.Platform.Tasks.Count);
    }

    [Fact]
    public async Task A_read_that_failed_after_it_opened_a_task_is_answered_with_the_task()
    {
        await using Bench bench = new(AdcpVersion.V32);
        Assert.Equal("INTERNAL_ERROR", (await ReadAsync(bench, "later_broken")).Error?.Code);

        ToolReply again = await ReadAsync(bench, "later_broken");

        Assert.Equal((null, bench.Platform.Tasks.Single(), true), (again.Error, again.TaskId, again.IsReplay));
    }

    [Fact]
    public async Task A_read_with_a_malformed_key_opens_no_task()
    {
        await using Bench bench = new(AdcpVersion.V32);
        Assert.Null((await bench.CallAsync("get_products", """{"idempotency_key":"short"}""")).Error);
        ToolReply refused = await bench.CallAsync("get_products", """{"idempotency_key":"short","plan":"later"}""");

        Assert.Equal(("INVALID_REQUEST", "idempotency_key"), (refused.Error?.Code, refused.Error?.Field));
        Assert.Empty(bench.Platform.Tasks);
    }

    private static ValueTask<ToolReply> ReadAsync(Bench bench, string plan) =>
        bench.CallAsync("get_products", "{\"plan\":\"" + plan + "\"" + Key + "}");
}
