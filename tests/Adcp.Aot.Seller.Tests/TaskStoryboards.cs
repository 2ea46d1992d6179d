using System.Text.Json;

namespace Adcp.Aot.Seller.Tests;

[Trait("storyboard", "media_buy_seller/create_media_buy_async")]
public sealed class CreateMediaBuyAsyncStoryboard(StoryboardSeller seller) : IClassFixture<StoryboardSeller>
{
    private const string TaskId = "task_async_signed_io_q2";

    [Fact]
    public Task Force_arm_submitted() => ForcedTask.ForceAsync(seller, TaskId);

    /// <summary>The step registers by HMAC and without an operation id. 3.2.3 refuses the second, and this seller the first.</summary>
    [Fact]
    public async Task Create_media_buy_submitted()
    {
        await ForcedTask.ForceAsync(seller, TaskId);

        JsonElement answer = await ForcedTask.BuyAsync(seller, ",\"push_notification_config\":" + seller.Buyer.Push("op_1"));

        Assert.Equal("submitted", answer.GetProperty("status").GetString());
        Assert.Equal(TaskId, answer.GetProperty("task_id").GetString());
    }
}

[Trait("storyboard", "media_buy_seller/create_media_buy_async_lifecycle")]
public sealed class CreateMediaBuyAsyncLifecycleStoryboard(StoryboardSeller seller) : IClassFixture<StoryboardSeller>
{
    /// <summary>Each step has a task of its own, because a task ends once.</summary>
    private readonly string _taskId = "task_" + Guid.NewGuid().ToString("N");

    [Fact]
    public Task Force_create_media_buy_submitted() => ForcedTask.ForceAsync(seller, _taskId);

    [Fact]
    public async Task Create_submitted_media_buy()
    {
        JsonElement answer = await SubmitAsync();

        Assert.Equal("submitted", answer.GetProperty("status").GetString());
        Assert.Equal(_taskId, answer.GetProperty("task_id").GetString());
        Assert.False(answer.TryGetProperty("media_buy_id", out _));
        Assert.False(answer.TryGetProperty("packages", out _));
    }

    [Fact]
    public async Task Get_submitted_media_buy_task()
    {
        await SubmitAsync();

        JsonElement answer = await StatusAsync("get_submitted");

        Assert.Equal(
            (_taskId, "create_media_buy", "media-buy", "submitted"),
            (answer.GetProperty("task_id").GetString(), answer.GetProperty("task_type").GetString(),
                answer.GetProperty("protocol").GetString(), answer.GetProperty("status").GetString()));
    }

    [Fact]
    public async Task List_submitted_media_buy_task()
    {
        await SubmitAsync();

        JsonElement answer = await ListAsync("list_submitted", "");

        JsonElement listed = Assert.Single(answer.GetProperty("tasks").EnumerateArray());
        Assert.Equal(
            (_taskId, "create_media_buy", "media-buy", "submitted"),
            (listed.GetProperty("task_id").GetString(), listed.GetProperty("task_type").GetString(),
                listed.GetProperty("domain").GetString(), listed.GetProperty("status").GetString()));
    }

    [Fact]
    public async Task Complete_async_media_buy_task()
    {
        await SubmitAsync();

        JsonElement answer = await CompleteAsync();

        Assert.True(answer.GetProperty("success").GetBoolean());
        Assert.Equal("completed", answer.GetProperty("current_state").GetString());
    }

    [Fact]
    public async Task Get_completed_media_buy_task()
    {
        await SubmitAsync();
        await CompleteAsync();

        JsonElement answer = await StatusAsync("get_completed");

        Assert.Equal("completed", answer.GetProperty("status").GetString());
        JsonElement result = answer.GetProperty("result");
        Assert.Equal("mb_lifecycle", result.GetProperty("media_buy_id").GetString());
        Assert.Equal("pkg_lifecycle", result.GetProperty("packages")[0].GetProperty("package_id").GetString());
        Assert.Equal("terminal_result", result.GetProperty("context").GetProperty("correlation_id").GetString());
    }

    [Fact]
    public async Task List_completed_media_buy_task()
    {
        await SubmitAsync();
        await CompleteAsync();

        JsonElement answer = await ListAsync("list_completed", ",\"status\":\"completed\"");

        Assert.Equal(1, answer.GetProperty("query_summary").GetProperty("total_matching").GetInt32());
        Assert.Equal("completed", answer.GetProperty("tasks")[0].GetProperty("status").GetString());
    }

    private async Task<JsonElement> SubmitAsync()
    {
        await ForcedTask.ForceAsync(seller, _taskId);
        return await ForcedTask.BuyAsync(seller, "");
    }

    private Task<JsonElement> StatusAsync(string step) => seller.CallAsync(
        "get_task_status", step, $"\"task_id\":\"{_taskId}\",\"include_result\":true," + StoryboardSeller.Account);

    private Task<JsonElement> ListAsync(string step, string filter) => seller.CallAsync("list_tasks", step,
        $$"""
        "filters":{"task_ids":["{{_taskId}}"],"task_type":"create_media_buy"{{filter}}},
        "pagination":{"max_results":1},{{StoryboardSeller.Account}}
        """);

    private Task<JsonElement> CompleteAsync() => seller.CallAsync("comply_test_controller", "complete",
        $$"""
        "scenario":"force_task_completion","params":{"task_id":"{{_taskId}}","result":{"media_buy_id":"mb_lifecycle",
        "packages":[{"package_id":"pkg_lifecycle"}],"context":{"correlation_id":"terminal_result"} } },{{StoryboardSeller.Account}}
        """);
}

/// <summary>The next purchase of the storyboards' buyer, which AdCP's test controller lets be submitted as a task of a given id.</summary>
internal static class ForcedTask
{
    internal static async Task ForceAsync(StoryboardSeller seller, string taskId)
    {
        JsonElement answer = await seller.CallAsync("comply_test_controller", "force_arm_submitted",
            $$"""
            "scenario":"force_create_media_buy_arm","params":{"arm":"submitted","task_id":"{{taskId}}","message":"Awaiting a signature"},
            {{StoryboardSeller.Account}}
            """);

        Assert.True(answer.GetProperty("success").GetBoolean());
        Assert.Equal("submitted", answer.GetProperty("forced").GetProperty("arm").GetString());
        Assert.Equal(taskId, answer.GetProperty("forced").GetProperty("task_id").GetString());
    }

    internal static Task<JsonElement> BuyAsync(StoryboardSeller seller, string more) => seller.CallAsync(
        "create_media_buy", "submitted",
        ErrorComplianceStoryboard.Buy("test-product", 30_000, "asap", "2099-09-30T23:59:59Z") + more);
}
