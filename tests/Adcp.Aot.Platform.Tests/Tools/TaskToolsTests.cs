using System.Text.Json;

namespace Adcp.Aot.Platform.Tests.Tools;

/// <summary>The storyboard create_media_buy_async_lifecycle, and the rules of get_task_status and list_tasks.</summary>
public sealed class TaskToolsTests
{
    private const string Account = """{"brand":{"domain":"acme.example"},"operator":"agency.example","sandbox":true}""";

    [Theory]
    [InlineData(AdcpVersion.V30)]
    [InlineData(AdcpVersion.V31)]
    [InlineData(AdcpVersion.V32)]
    public async Task Get_submitted_and_completed_media_buy_task(AdcpVersion version)
    {
        await using Bench bench = Timed(version);
        string id = await SubmitAsync(bench, Account);

        JsonElement submitted = await StatusAsync(bench, id, $$""","include_result":true,"account":{{Account}}""");

        Assert.Equal("submitted", submitted.GetProperty("status").GetString());
        Assert.Equal("create_media_buy", submitted.GetProperty("task_type").GetString());
        Assert.Equal("media-buy", submitted.GetProperty("protocol").GetString());
        Assert.True(submitted.GetProperty("has_webhook").GetBoolean());
        Assert.Equal("2026-11-24T12:00:00.000Z", submitted.GetProperty("created_at").GetString());
        Assert.False(submitted.TryGetProperty("result", out _));
        Assert.False(submitted.TryGetProperty("completed_at", out _));

        bench.Time.Advance(TimeSpan.FromMinutes(5));
        await bench.Handler.Tasks.CompleteAsync("buyer", id, new BuyResponse("mb_9"), TestJson.Default.BuyResponse);
        JsonElement completed = await StatusAsync(bench, id, ""","include_result":true,"context":{"poll":2}""");

        Assert.Equal("completed", completed.GetProperty("status").GetString());
        Assert.Equal("2026-11-24T12:05:00.000Z", completed.GetProperty("completed_at").GetString());
        Assert.Equal("mb_9", completed.GetProperty("result").GetProperty("media_buy_id").GetString());
        Assert.Equal("""{"k":[1]}""", completed.GetProperty("result").GetProperty("context").GetRawText());
        Assert.Equal("""{"poll":2}""", completed.GetProperty("context").GetRawText());
        Assert.False((await StatusAsync(bench, id)).TryGetProperty("result", out _));
    }

    [Fact]
    public async Task A_terminal_poll_has_the_value_of_the_terminal_webhook()
    {
        await using Bench bench = new(AdcpVersion.V32);
        string id = await SubmitAsync(bench);
        await bench.Handler.Tasks.CompleteAsync("buyer", id, new BuyResponse("mb_9"), TestJson.Default.BuyResponse);
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));

        JsonElement poll = await StatusAsync(bench, id, ""","include_result":true""");

        JsonElement told = Bench.Body(Assert.Single(bench.Sender.Attempts).Body);
        Assert.Equal(told.GetProperty("status").GetString(), poll.GetProperty("status").GetString());
        Assert.True(JsonElement.DeepEquals(
            JsonElement.Parse("""{"media_buy_id":"mb_9","context":{"k":[1]}}"""), poll.GetProperty("result")));
        Assert.Equal("mb_9", told.GetProperty("result").GetProperty("media_buy_id").GetString());
    }

    [Fact]
    public async Task A_failed_task_has_the_error_of_its_result()
    {
        await using Bench bench = new(AdcpVersion.V32);
        string id = await SubmitAsync(bench);
        await bench.Handler.Tasks.FailAsync("buyer", id, new AdcpError("BUDGET_TOO_LOW", "More, please."));

        JsonElement poll = await StatusAsync(bench, id, ""","include_result":true""");

        Assert.Equal("failed", poll.GetProperty("status").GetString());
        Assert.Equal("BUDGET_TOO_LOW", poll.GetProperty("error").GetProperty("code").GetString());
        Assert.Equal("BUDGET_TOO_LOW", poll.GetProperty("result").GetProperty("errors")[0].GetProperty("code").GetString());
        Assert.False(poll.TryGetProperty("adcp_error", out _));
    }

    [Fact]
    public async Task Unknown_foreign_and_other_account_tasks_are_answered_by_the_same_bytes()
    {
        await using Bench bench = new(AdcpVersion.V32);
        string id = await SubmitAsync(bench, Account);

        ToolReply foreign = await bench.CallAsync("get_task_status", $$"""{"task_id":"{{id}}"}""", "other");
        ToolReply unknown = await bench.CallAsync("get_task_status", """{"task_id":"task_unknown"}""");
        ToolReply impossible = await bench.CallAsync("get_task_status", """{"task_id":"\u0007"}""");
        ToolReply otherAccount = await bench.CallAsync(
            "get_task_status", $$$"""{"task_id":"{{{id}}}","account":{"brand":{"domain":"other.example"},"operator":"agency.example"}}""");

        Assert.Equal("REFERENCE_NOT_FOUND", unknown.Error?.Code);
        Assert.Equal("task_id", unknown.Error?.Field);
        Assert.All([foreign, impossible, otherAccount], reply => Assert.Equal(Bench.Text(unknown), Bench.Text(reply)));
    }

    [Fact]
    public async Task List_submitted_and_completed_media_buy_task()
    {
        await using Bench bench = new(AdcpVersion.V32);
        string id = await SubmitAsync(bench, Account);
        await SubmitAsync(bench, push: null);
        string filter = $$$"""
            {"account":{{{Account}}},"filters":{"task_ids":["{{{id}}}","{{{id}}}","task_unknown"],"task_type":"create_media_buy"},
            "pagination":{"max_results":1}}
            """;

        JsonElement submitted = Bench.Body((await bench.CallAsync("list_tasks", filter)).Body);
        await bench.Handler.Tasks.CompleteAsync("buyer", id, new BuyResponse("mb_9"), TestJson.Default.BuyResponse);
        JsonElement completed = Bench.Body((await bench.CallAsync("tasks/list", filter)).Body);

        Assert.Equal(1, submitted.GetProperty("query_summary").GetProperty("total_matching").GetInt32());
        JsonElement task = Assert.Single(submitted.GetProperty("tasks").EnumerateArray());
        Assert.Equal(id, task.GetProperty("task_id").GetString());
        Assert.Equal("media-buy", task.GetProperty("domain").GetString());
        Assert.Equal("submitted", task.GetProperty("status").GetString());
        Assert.Equal("completed", completed.GetProperty("tasks")[0].GetProperty("status").GetString());
        Assert.Equal("completed", completed.GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_list_has_the_tasks_of_its_caller_only()
    {
        await using Bench bench = new(AdcpVersion.V32);
        string id = await SubmitAsync(bench);

        JsonElement other = Bench.Body((await bench.CallAsync("list_tasks", $$$"""{"filters":{"task_ids":["{{{id}}}"]}}""", "other")).Body);
        JsonElement all = Bench.Body((await bench.CallAsync("list_tasks", "{}", "other")).Body);

        Assert.Equal(0, other.GetProperty("query_summary").GetProperty("total_matching").GetInt32());
        Assert.Equal(0, all.GetProperty("tasks").GetArrayLength());
        Assert.False(all.GetProperty("pagination").GetProperty("has_more").GetBoolean());
    }

    [Theory]
    [InlineData("asc")]
    [InlineData("desc")]
    public async Task Pages_in_order_have_each_task_once(string direction)
    {
        await using Bench bench = Timed(AdcpVersion.V32);
        List<string> ids = [];
        for (int i = 0; i < 5; i++)
        {
            ids.Add(await SubmitAsync(bench));
            bench.Time.Advance(TimeSpan.FromSeconds(1));
        }

        List<string> listed = [];
        string cursor = "";
        do
        {
            JsonElement page = Bench.Body((await bench.CallAsync(
                "list_tasks", $$$"""{"sort":{"direction":"{{{direction}}}"},"pagination":{"max_results":2{{{cursor}}}}}""")).Body);
            Assert.Equal(5, page.GetProperty("query_summary").GetProperty("total_matching").GetInt32());
            listed.AddRange(page.GetProperty("tasks").EnumerateArray().Select(task => task.GetProperty("task_id").GetString()!));
            cursor = page.GetProperty("pagination").TryGetProperty("cursor", out JsonElement next)
                ? $",\"cursor\":\"{next.GetString()}\""
                : "";
        }
        while (cursor.Length > 0);

        Assert.Equal(direction == "asc" ? ids : Enumerable.Reverse(ids), listed);
    }

    [Theory]
    [InlineData("""{"filters":{"status":"submitted"}}""", 2)]
    [InlineData("""{"filters":{"statuses":["submitted","completed"]}}""", 3)]
    [InlineData("""{"filters":{"protocol":"signals"}}""", 0)]
    [InlineData("""{"filters":{"has_webhook":false}}""", 1)]
    [InlineData("""{"filters":{"created_after":"2026-11-24T12:30:00Z"}}""", 1)]
    [InlineData("""{"filters":{"updated_before":"2026-11-24T12:30:00Z"}}""", 1)]
    [InlineData("""{"filters":{"context_contains":"[1]"}}""", 3)]
    [InlineData("""{"filters":{"context_contains":"[2]"}}""", 0)]
    public async Task Filters_select_tasks(string arguments, int expected)
    {
        await using Bench bench = Timed(AdcpVersion.V32);
        string first = await SubmitAsync(bench);
        await SubmitAsync(bench, push: null);
        bench.Time.Advance(TimeSpan.FromHours(1));
        await SubmitAsync(bench);
        await bench.Handler.Tasks.CompleteAsync("buyer", first, new BuyResponse("mb_9"), TestJson.Default.BuyResponse);

        JsonElement listed = Bench.Body((await bench.CallAsync("list_tasks", arguments)).Body);

        Assert.Equal(expected, listed.GetProperty("query_summary").GetProperty("total_matching").GetInt32());
    }

    [Theory]
    [InlineData("get_task_status", "{}", "task_id")]
    [InlineData("get_task_status", """{"task_id":1}""", "task_id")]
    [InlineData("get_task_status", """{"task_id":"a","include_result":"yes"}""", "include_result")]
    [InlineData("list_tasks", """{"filters":[]}""", "filters")]
    [InlineData("list_tasks", """{"filters":{"task_ids":[]}}""", "filters.task_ids")]
    [InlineData("list_tasks", """{"filters":{"created_after":"soon"}}""", "filters.created_after")]
    [InlineData("list_tasks", """{"sort":{"field":"name"}}""", "sort.field")]
    [InlineData("list_tasks", """{"pagination":{"max_results":101}}""", "pagination.max_results")]
    [InlineData("list_tasks", """{"pagination":{"cursor":"%"}}""", "pagination.cursor")]
    public async Task A_malformed_request_is_refused_with_its_field(string tool, string arguments, string field)
    {
        await using Bench bench = new(AdcpVersion.V32);

        ToolReply reply = await bench.CallAsync(tool, arguments);

        Assert.Equal("INVALID_REQUEST", reply.Error?.Code);
        Assert.Equal(field, reply.Error?.Field);
    }

    private static Bench Timed(AdcpVersion version) =>
        new(version, options => options with { Tasks = new InMemoryTaskRegistry(null, options.TimeProvider) });

    private static async Task<string> SubmitAsync(Bench bench, string? account = null, string? push = Bench.Push)
    {
        Assert.Null((await bench.BuyAsync("later", push, account is null ? "" : ",\"account\":" + account)).Error);
        return bench.Platform.Tasks[^1];
    }

    private static async Task<JsonElement> StatusAsync(Bench bench, string id, string more = "")
    {
        ToolReply reply = await bench.CallAsync("get_task_status", $$"""{"task_id":"{{id}}"{{more}}}""");
        Assert.Null(reply.Error);
        return Bench.Body(reply.Body);
    }
}
