using System.Data.Common;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Storage;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Platform.Tests.Tasks;

/// <summary>Calls that hand the rest of their work off to the platform.</summary>
public sealed class HandedOffWorkTests
{
    [Fact]
    public async Task The_call_is_answered_at_once_and_the_task_completed_with_what_the_work_returns()
    {
        await using Bench bench = new(AdcpVersion.V31);

        ToolReply reply = await bench.BuyAsync("work");
        AdcpTaskStatus atOnce = (await FindAsync(bench, reply.TaskId!))!.Status;
        bench.Platform.Go.SetResult();
        WorkOutcome outcome = await bench.Platform.Works.Single();
        await bench.Sender.WhenSent(1);

        Assert.Equal((AdcpTaskStatus.Submitted, AdcpTaskStatus.Submitted), (reply.Status, atOnce));
        Assert.Equal(new WorkOutcome(AdcpTaskStatus.Completed, TaskTransition.Entered), outcome);
        Assert.True(outcome.IsCompleted);
        JsonElement webhook = Bench.Body(bench.Sender.Attempts.Single().Body);
        Assert.Equal(("completed", "mb_1"), (
            webhook.GetProperty("status").GetString(), webhook.GetProperty("result").GetProperty("media_buy_id").GetString()));
        Assert.Equal(0, bench.Handler.Tasks.PendingWork);
    }

    [Fact]
    public async Task A_repeated_call_gets_the_same_task_and_its_work_runs_once()
    {
        await using Bench bench = new(AdcpVersion.V31);
        string arguments = $$"""{"plan":"work","idempotency_key":"{{Guid.NewGuid()}}"}""";

        ToolReply first = await bench.CallAsync("create_media_buy", arguments);
        ToolReply second = await bench.CallAsync("create_media_buy", arguments);

        Assert.Equal(first.TaskId, second.TaskId);
        bench.Platform.Go.SetResult();
        await bench.Platform.Works.Single();
        Assert.Equal(1, bench.Platform.Worked);
    }

    [Fact]
    public async Task An_exception_of_the_work_is_logged_and_never_shown_to_the_buyer()
    {
        await using Bench bench = new(AdcpVersion.V31);
        bench.Platform.Go.SetException(new FormatException("secret detail"));

        ToolReply reply = await bench.BuyAsync("work");
        WorkOutcome outcome = await bench.Platform.Works.Single();
        await bench.Sender.WhenSent(1);

        Assert.Equal(new WorkOutcome(AdcpTaskStatus.Failed, TaskTransition.Entered), outcome);
        Assert.False(outcome.IsCompleted);
        Assert.Equal("INTERNAL_ERROR", Error(await FindAsync(bench, reply.TaskId!)));
        string sent = Encoding.UTF8.GetString(bench.Sender.Attempts.Single().Body.Span);
        Assert.Contains("INTERNAL_ERROR", sent, StringComparison.Ordinal);
        Assert.DoesNotContain("secret detail", sent, StringComparison.Ordinal);
        (int _, LogLevel level, string text) = bench.Log.Lines.Single(static line => line.Id == PlatformEventIds.WorkFailed);
        Assert.Equal(LogLevel.Error, level);
        Assert.Contains(reply.TaskId!, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_AdCP_error_of_the_work_fails_the_task_with_that_error()
    {
        await using Bench bench = new(AdcpVersion.V31);
        bench.Platform.Go.SetException(new AdcpErrorException(new AdcpError("BUDGET_TOO_LOW", "More, please.")));

        ToolReply reply = await bench.BuyAsync("work");
        await bench.Platform.Works.Single();

        Assert.Equal("BUDGET_TOO_LOW", Error(await FindAsync(bench, reply.TaskId!)));
        Assert.DoesNotContain(bench.Log.Lines, static line => line.Id == PlatformEventIds.WorkFailed);
    }

    [Fact]
    public async Task Work_that_returns_no_object_fails_its_task()
    {
        await using Bench bench = new(AdcpVersion.V31);

        ToolReply reply = await bench.BuyAsync("work_null");
        WorkOutcome outcome = await bench.Platform.Works.Single();

        Assert.Equal(new WorkOutcome(AdcpTaskStatus.Failed, TaskTransition.Entered), outcome);
        Assert.Equal("INTERNAL_ERROR", Error(await FindAsync(bench, reply.TaskId!)));
        Assert.Single(bench.Log.Lines, static line => line.Id == PlatformEventIds.WorkFailed);
    }

    [Theory]
    [InlineData("work_lost")]
    [InlineData("work_thrown")]
    public async Task Work_that_the_tool_does_not_return_is_not_started_and_its_task_fails(string plan)
    {
        await using Bench bench = new(AdcpVersion.V31);

        await bench.BuyAsync(plan);
        WorkOutcome outcome = await bench.Platform.Works.Single();

        Assert.Equal(new WorkOutcome(AdcpTaskStatus.Failed, TaskTransition.Entered), outcome);
        Assert.Equal(0, bench.Platform.Worked);
        Assert.Equal(AdcpTaskStatus.Failed, (await FindAsync(bench, bench.Platform.Tasks.Single()))!.Status);
    }

    [Fact]
    public async Task Works_of_a_tenant_are_bounded_and_another_tenant_is_not_refused()
    {
        await using Bench bench = new(AdcpVersion.V31, options => options with { Limits = new PlatformLimits { MaxWorkPerTenant = 2 } });
        await bench.BuyAsync("work");
        await bench.BuyAsync("work");

        ToolReply refused = await bench.BuyAsync("work");
        ToolReply other = await bench.CallAsync("create_media_buy", """{"plan":"work"}""", "other");

        Assert.Equal("RATE_LIMITED", refused.Error?.Code);
        Assert.NotNull(refused.Error!.RetryAfter);
        Assert.Equal(AdcpTaskStatus.Submitted, other.Status);
        Assert.Contains(bench.Log.Lines, static line => line.Text.Contains("MaxWorkPerTenant", StringComparison.Ordinal));
        bench.Platform.Go.SetResult();
        await Task.WhenAll(bench.Platform.Works);
        Assert.Equal(AdcpTaskStatus.Submitted, (await bench.BuyAsync("work")).Status);
        await Task.WhenAll(bench.Platform.Works);
    }

    [Fact]
    public async Task Works_of_all_tenants_are_bounded()
    {
        await using Bench bench = new(AdcpVersion.V31, options => options with { Limits = new PlatformLimits { MaxWork = 2 } });
        await bench.CallAsync("create_media_buy", """{"plan":"work"}""", "a");
        await bench.CallAsync("create_media_buy", """{"plan":"work"}""", "b");

        ToolReply refused = await bench.CallAsync("create_media_buy", """{"plan":"work"}""", "c");

        Assert.Equal("RATE_LIMITED", refused.Error?.Code);
        Assert.Contains(bench.Log.Lines, static line => line.Text.Contains("the bound MaxWork and", StringComparison.Ordinal));
        bench.Platform.Go.SetResult();
        await Task.WhenAll(bench.Platform.Works);
    }

    [Fact]
    public async Task A_hand_off_that_is_refused_gives_its_room_back()
    {
        await using Bench bench = new(AdcpVersion.V31, options => options with
        {
            Limits = new PlatformLimits { MaxWorkPerTenant = 1, MaxOpenTasksPerTenant = 1 },
        });
        await bench.BuyAsync("later");
        ToolReply refused = await bench.BuyAsync("work");
        await bench.Handler.Tasks.CompleteAsync(
            "buyer", bench.Platform.Tasks.Single(), new BuyResponse("mb"), TestJson.Default.BuyResponse);

        ToolReply admitted = await bench.BuyAsync("work");

        Assert.Equal(("RATE_LIMITED", AdcpTaskStatus.Submitted), (refused.Error?.Code, admitted.Status));
        bench.Platform.Go.SetResult();
        await Task.WhenAll(bench.Platform.Works);
    }

    [Fact]
    public async Task A_drain_waits_for_works_and_delivers_their_webhooks()
    {
        await using Bench bench = new(AdcpVersion.V31);
        await bench.BuyAsync("work");

        ValueTask draining = bench.Handler.DrainAsync(TimeSpan.FromSeconds(20));
        ToolReply refused = await bench.BuyAsync("work");
        bench.Platform.Go.SetResult();
        await draining;

        Assert.Equal("SERVICE_UNAVAILABLE", refused.Error?.Code);
        Assert.True((await bench.Platform.Works.Single()).IsCompleted);
        Assert.Single(bench.Sender.Attempts);
        Assert.Equal(0, bench.Handler.PendingDeliveries);
    }

    [Fact]
    public async Task Work_that_outlasts_the_drain_is_cancelled_and_its_task_stays_open()
    {
        await using Bench bench = new(AdcpVersion.V31);
        ToolReply reply = await bench.BuyAsync("work");
        await bench.Platform.Waiting.WaitAsync(TestContext.Current.CancellationToken);

        Task draining = bench.Handler.DrainAsync(TimeSpan.FromSeconds(20)).AsTask();
        bench.Time.Advance(TimeSpan.FromSeconds(15));
        WorkOutcome outcome = await bench.Platform.Works.Single();
        await draining;

        Assert.Equal(default, outcome);
        Assert.Equal(AdcpTaskStatus.Submitted, (await FindAsync(bench, reply.TaskId!))!.Status);
        Assert.Empty(bench.Sender.Attempts);
        string text = bench.Log.Lines.Single(static line => line.Id == PlatformEventIds.WorkCutShort).Text;
        Assert.Contains(reply.TaskId!, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Work_that_goes_on_although_it_was_cancelled_is_left_and_reported_once()
    {
        await using Bench bench = new(AdcpVersion.V31);
        ToolReply reply = await bench.BuyAsync("work_deaf");
        await bench.Platform.Waiting.WaitAsync(TestContext.Current.CancellationToken);

        await bench.Handler.DrainAsync(TimeSpan.Zero);
        await bench.Handler.DrainAsync(TimeSpan.FromHours(1));

        Assert.Equal(1, bench.Handler.Tasks.PendingWork);
        Assert.Single(
            bench.Log.Lines,
            line => line.Id == PlatformEventIds.WorkCutShort && line.Text.Contains(reply.TaskId!, StringComparison.Ordinal));
        bench.Platform.Go.SetResult();
        Assert.True((await bench.Platform.Works.Single()).IsCompleted);
    }

    [Fact]
    public async Task A_registry_that_fails_is_asked_again_until_the_task_has_ended()
    {
        using FailingRegistry registry = new(2);
        await using Bench bench = new(AdcpVersion.V31, options => options with { Tasks = registry });
        bench.Platform.Go.SetResult();

        ToolReply reply = await bench.BuyAsync("work", push: null);
        Task<WorkOutcome> ended = bench.Platform.Works.Single();
        await AdvanceUntilAsync(bench, ended);

        Assert.True((await ended).IsCompleted);
        Assert.Equal(AdcpTaskStatus.Completed, (await FindAsync(bench, reply.TaskId!))!.Status);
        Assert.Equal(3, registry.Calls);
        Assert.Single(bench.Log.Lines, static line => line.Id == PlatformEventIds.WorkNotKept);
    }

    [Fact]
    public async Task A_registry_that_fails_until_the_process_ends_leaves_the_task_open()
    {
        using FailingRegistry registry = new(int.MaxValue);
        await using Bench bench = new(AdcpVersion.V31, options => options with { Tasks = registry });
        bench.Platform.Go.SetResult();
        ToolReply reply = await bench.BuyAsync("work", push: null);
        await registry.Called.Task;

        await bench.Handler.DrainAsync(TimeSpan.Zero);
        WorkOutcome outcome = await bench.Platform.Works.Single();

        Assert.Equal(new WorkOutcome(AdcpTaskStatus.Completed, null), outcome);
        Assert.False(outcome.IsCompleted);
        Assert.Equal(AdcpTaskStatus.Submitted, (await FindAsync(bench, reply.TaskId!))!.Status);
        Assert.Contains(bench.Log.Lines, static line => line.Id == PlatformEventIds.WorkNotKept
            && line.Text.Contains("the process ends", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_task_of_an_earlier_process_goes_on_without_a_handler()
    {
        using InMemoryTaskRegistry registry = new();
        string task;
        await using (Bench earlier = new(AdcpVersion.V31, options => options with { Tasks = registry }))
        {
            task = (await earlier.BuyAsync("later")).TaskId!;
        }

        await using Bench wiring = new(AdcpVersion.V31);
        await using TaskHandOff tasks = new(wiring.Handler.Options with { Tasks = registry }, supervisor: wiring.Supervisor);

        WorkOutcome outcome = await tasks.Run(
            "buyer", task, static _ => ValueTask.FromResult(new BuyResponse("mb_2")), TestJson.Default.BuyResponse);
        WorkOutcome again = await tasks.Run(
            "buyer", task, static _ => ValueTask.FromResult(new BuyResponse("mb_3")), TestJson.Default.BuyResponse);
        WorkOutcome unknown = await tasks.Run(
            "buyer", "task_none", static _ => ValueTask.FromResult(new BuyResponse("mb_2")), TestJson.Default.BuyResponse);
        await wiring.Sender.WhenSent(1);

        Assert.Equal(
            (TaskTransition.Entered, TaskTransition.Conflict, TaskTransition.Unknown),
            (outcome.Transition, again.Transition, unknown.Transition));
        Assert.Equal((true, false, false), (outcome.IsCompleted, again.IsCompleted, unknown.IsCompleted));
        Assert.Equal("completed", Bench.Body(wiring.Sender.Attempts.Single().Body).GetProperty("status").GetString());
        Assert.Equal(2, wiring.Log.Lines.Count(static line => line.Id == PlatformEventIds.WorkNotKept));
        await tasks.DrainAsync(TimeSpan.Zero);
        WorkOutcome late = await tasks.Run(
            "buyer", task, static _ => ValueTask.FromResult(new BuyResponse("mb_2")), TestJson.Default.BuyResponse);
        Assert.Equal(default, late);
    }

    [Fact]
    public async Task Tools_and_handler_may_share_a_hand_off_that_was_there_first()
    {
        await using Bench wiring = new(AdcpVersion.V31);
        TestPlatform platform = new();
        await using TaskHandOff tasks = new(wiring.Handler.Options, supervisor: wiring.Supervisor);
        await using PlatformHandler handler = new(platform, tasks);
        platform.Go.SetResult();
        using JsonDocument arguments = JsonDocument.Parse(Bench.Keyed("""{"plan":"work"}"""));

        ToolReply reply = await handler.CallAsync("create_media_buy", arguments.RootElement, "buyer");

        Assert.Same(tasks, handler.Tasks);
        Assert.True((await platform.Works.Single()).IsCompleted);
        Assert.Equal(AdcpTaskStatus.Completed, (await tasks.Options.Tasks.FindAsync("buyer", reply.TaskId!))!.Status);
    }

    [Fact]
    public void A_hand_off_that_nobody_delivers_for_does_not_boot()
    {
        PlatformOptions options = new() { Version = AdcpVersion.V31 };

        PlatformBootException fault = Assert.Throws<PlatformBootException>(() => new TaskHandOff(options));

        Assert.Equal("webhook_sender_or_supervisor", Assert.Single(fault.Gaps).Code);
    }

    private static ValueTask<SellerTask?> FindAsync(Bench bench, string taskId) => bench.Handler.Options.Tasks.FindAsync("buyer", taskId);

    private static string? Error(SellerTask? task) =>
        Bench.Body(task!.Result).GetProperty("errors")[0].GetProperty("code").GetString();

    private static async Task AdvanceUntilAsync(Bench bench, Task done)
    {
        while (!done.IsCompleted)
        {
            bench.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
    }

    /// <summary>A registry whose first changes of a status fail before anything is written.</summary>
    private sealed class FailingRegistry(int failures) : ITaskRegistry, IDisposable
    {
        private readonly InMemoryTaskRegistry _inner = new();

        public int Calls { get; private set; }

        public TaskCompletionSource Called { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Dispose() => _inner.Dispose();

        public ValueTask CreateAsync(SellerTask task, CancellationToken cancellationToken = default) =>
            _inner.CreateAsync(task, cancellationToken);

        public ValueTask<SellerTask?> FindAsync(string tenant, string taskId, CancellationToken cancellationToken = default) =>
            _inner.FindAsync(tenant, taskId, cancellationToken);

        public ValueTask<TaskTransition> TransitionAsync(
            string tenant,
            string taskId,
            AdcpTaskStatus status,
            ReadOnlyMemory<byte> result,
            Func<SellerTask, DbTransaction?, CancellationToken, ValueTask>? beforeCommit = null,
            CancellationToken cancellationToken = default)
        {
            Called.TrySetResult();
            return ++Calls <= failures
                ? throw new IOException("the database is away")
                : _inner.TransitionAsync(tenant, taskId, status, result, beforeCommit, cancellationToken);
        }

        public ValueTask<TaskTransition> RegisterAsync(
            string tenant, string taskId, PushRegistration? registration, CancellationToken cancellationToken = default) =>
            _inner.RegisterAsync(tenant, taskId, registration, cancellationToken);

        public ValueTask<TaskPage<SellerTask>> ListAsync(string tenant, TaskQuery query, CancellationToken cancellationToken = default) =>
            _inner.ListAsync(tenant, query, cancellationToken);

        public ValueTask<int> CountAsync(string tenant, TaskQuery query, int limit, CancellationToken cancellationToken = default) =>
            _inner.CountAsync(tenant, query, limit, cancellationToken);
    }
}
