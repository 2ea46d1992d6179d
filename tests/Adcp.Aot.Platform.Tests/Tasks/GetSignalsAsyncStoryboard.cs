using System.Text;
using System.Text.Json;

namespace Adcp.Aot.Platform.Tests.Tasks;

[Trait("storyboard", "signals_baseline/get_signals_async")]
public sealed class GetSignalsAsyncStoryboard : Storyboard
{
    private const string Result = """{"signals":["async_curated"],"context":{"correlation_id":"terminal_result"}}""";

    private string _task = "";

    [Fact]
    public async Task Get_signals_submitted()
    {
        await SubmitAsync();

        Assert.Equal("submitted", Answer.GetProperty("status").GetString());
        Assert.NotEmpty(_task);
        foreach (string member in (string[])["signals", "proposals", "result"])
        {
            Assert.False(Answer.TryGetProperty(member, out _));
        }
    }

    [Fact]
    public async Task List_signals_task()
    {
        await SubmitAsync();

        await ListAsync(Account);

        Assert.Equal(1, Answer.GetProperty("query_summary").GetProperty("total_matching").GetInt32());
        Assert.Equal(1, Answer.GetProperty("query_summary").GetProperty("returned").GetInt32());
        JsonElement listed = Answer.GetProperty("tasks")[0];
        Assert.Equal(
            (_task, "get_signals", "signals", "submitted", true),
            (listed.GetProperty("task_id").GetString(), listed.GetProperty("task_type").GetString(),
                listed.GetProperty("domain").GetString(), listed.GetProperty("status").GetString(),
                listed.GetProperty("has_webhook").GetBoolean()));
    }

    [Fact]
    public async Task List_signals_task_wrong_account()
    {
        await SubmitAsync();

        await ListAsync(OtherAccount);

        Assert.Equal(0, Answer.GetProperty("query_summary").GetProperty("total_matching").GetInt32());
        Assert.Equal(0, Answer.GetProperty("query_summary").GetProperty("returned").GetInt32());
    }

    [Fact]
    public async Task Get_signals_task_status_wrong_account()
    {
        await SubmitAsync();
        await CompleteAsync();

        await StatusAsync(OtherAccount);

        AssertError("REFERENCE_NOT_FOUND", "correctable");
    }

    [Fact]
    public async Task Get_signals_task_status_completed()
    {
        await SubmitAsync();
        await CompleteAsync();

        await StatusAsync(Account);

        Assert.Equal(
            (_task, "get_signals", "signals", "completed", true),
            (Answer.GetProperty("task_id").GetString(), Answer.GetProperty("task_type").GetString(),
                Answer.GetProperty("protocol").GetString(), Answer.GetProperty("status").GetString(),
                Answer.GetProperty("has_webhook").GetBoolean()));
        Assert.Equal("async_curated", Answer.GetProperty("result").GetProperty("signals")[0].GetString());
    }

    [Fact]
    public async Task Expect_signals_terminal_webhook()
    {
        await SubmitAsync();
        await CompleteAsync();
        await Sender.WhenSent(1);

        JsonElement sent = JsonElement.Parse(Encoding.UTF8.GetString(Sender.Attempts[0].Body.Span));

        Assert.Equal(
            ("op_terminal", _task, "get_signals", "signals", "completed"),
            (sent.GetProperty("operation_id").GetString(), sent.GetProperty("task_id").GetString(),
                sent.GetProperty("task_type").GetString(), sent.GetProperty("protocol").GetString(),
                sent.GetProperty("status").GetString()));
        Assert.Equal("terminal_result", sent.GetProperty("result").GetProperty("context").GetProperty("correlation_id").GetString());
        Assert.True(sent.GetProperty("idempotency_key").GetString()!.Length >= 16);
    }

    private async Task SubmitAsync(string? key = null)
    {
        Platform.HandsOff = true;
        await CallAsync("get_signals", "submitted", key ?? Key(),
            """ "brief":"Curate.","push_notification_config":{"url":"https://buyer.example/hooks/a","operation_id":"op_terminal"} """);
        _task = Answer.GetProperty("task_id").GetString()!;
    }

    /// <summary>Completes the task, as the storyboard's test controller does.</summary>
    private async Task CompleteAsync() => Assert.Equal(
        TaskTransition.Entered,
        await Handler.Tasks.EnterAsync("buyer", _task, AdcpTaskStatus.Completed, Encoding.UTF8.GetBytes(Result)));

    private Task ListAsync(string account) => CallAsync("list_tasks", "list", null,
        $$""" "filters":{"task_ids":["{{_task}}"],"task_type":"get_signals"},"pagination":{"max_results":1} """, account);

    private Task StatusAsync(string account) => CallAsync("get_task_status", "status", null,
        $$""" "task_id":"{{_task}}","include_result":true """, account);
}
