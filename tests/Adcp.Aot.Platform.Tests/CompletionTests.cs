using System.Text;
using System.Text.Json;
using Adcp.Aot.Resilience;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform.Tests;

public sealed class CompletionTests
{
    [Fact]
    public async Task A_3_0_seller_tells_once_of_each_successful_mutating_call()
    {
        await using Bench bench = new(AdcpVersion.V30);
        ToolReply reply = await bench.BuyAsync();
        Assert.Equal("mb_1", Bench.Body(reply.Body).GetProperty("media_buy_id").GetString());
        Assert.Equal("""{"k":[1]}""", Bench.Body(reply.Body).GetProperty("context").GetRawText());
        await bench.Sender.WhenSent(1);
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));
        PreparedWebhook sent = Assert.Single(bench.Sender.Attempts);
        JsonElement body = Bench.Body(sent.Body);
        Assert.Equal("completed", body.GetProperty("status").GetString());
        Assert.Equal("create_media_buy", body.GetProperty("task_type").GetString());
        Assert.StartsWith("sync-", body.GetProperty("task_id").GetString(), StringComparison.Ordinal);
        Assert.Equal("op_1", body.GetProperty("operation_id").GetString());
        Assert.Equal("a-token-of-sixteen", body.GetProperty("token").GetString());
        Assert.Equal("""{"k":[1]}""", body.GetProperty("context").GetRawText());
        Assert.Equal("mb_1", body.GetProperty("result").GetProperty("media_buy_id").GetString());
    }

    [Fact]
    public async Task A_3_0_completion_is_not_sent_without_registration_for_reads_failures_or_when_it_is_off()
    {
        await using Bench bench = new(AdcpVersion.V30);
        await bench.BuyAsync(push: null);
        await bench.BuyAsync("refuse");
        await bench.CallAsync("get_signals", $$"""{"push_notification_config":{{Bench.Push}}}""");
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));
        Assert.Empty(bench.Sender.Attempts);

        bool isOn = new PlatformOptions { Version = AdcpVersion.V30 }.EmitsInlineCompletions;
        Assert.False(isOn);
        await using Bench off = new(AdcpVersion.V30, options => options with { EmitsInlineCompletions = isOn });
        await off.BuyAsync();
        await off.Handler.DrainAsync(TimeSpan.FromMinutes(1));
        Assert.Empty(off.Sender.Attempts);
    }

    [Fact]
    public async Task The_answer_never_waits_for_the_webhook_and_shutdown_does()
    {
        await using Bench bench = new(AdcpVersion.V30);
        TaskCompletionSource gate = bench.HoldAttempts();
        ToolReply reply = await bench.BuyAsync();
        Assert.Null(reply.Error);
        await bench.Sender.WhenSent(1);
        Task drained = bench.Handler.DrainAsync(TimeSpan.FromMinutes(1)).AsTask();
        Assert.False(drained.IsCompleted);
        gate.SetResult();
        await drained.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(0, bench.Handler.PendingDeliveries);
    }

    [Theory]
    [InlineData(AdcpVersion.V31)]
    [InlineData(AdcpVersion.V32)]
    public async Task From_3_1_a_final_answer_is_followed_by_silence(AdcpVersion version)
    {
        await using Bench bench = new(version);
        Assert.Null((await bench.BuyAsync()).Error);
        bench.Time.Advance(TimeSpan.FromSeconds(5));
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));
        Assert.Empty(bench.Sender.Attempts);
    }

    [Theory]
    [InlineData(AdcpVersion.V30)]
    [InlineData(AdcpVersion.V31)]
    [InlineData(AdcpVersion.V32)]
    public async Task Each_status_of_a_handed_off_task_is_told_and_the_end_once(AdcpVersion version)
    {
        await using Bench bench = new(version);
        ToolReply reply = await bench.BuyAsync("later");
        string task = Assert.Single(bench.Platform.Tasks);
        Assert.EndsWith(
            $$$""""status":"submitted","task_id":"{{{task}}}","context":{"k":[1]}}"""", Bench.Text(reply), StringComparison.Ordinal);
        Assert.Equal(AdcpTaskStatus.Submitted, reply.Status);

        Assert.Equal(TaskTransition.Entered,
            await bench.Handler.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.Working, message: "half way"));
        await bench.Sender.WhenSent(1);
        Assert.Equal(TaskTransition.Entered, await Complete("mb_9"));
        await bench.Sender.WhenSent(2);
        Assert.Equal(TaskTransition.Repeated, await Complete("mb_9"));
        Assert.Equal(TaskTransition.Conflict, await Complete("mb_other"));
        Assert.Equal(TaskTransition.Conflict, await bench.Handler.Tasks.FailAsync("buyer", task, new AdcpError("X", "x")));
        Assert.Equal(TaskTransition.Repeated, await bench.Handler.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.Working));
        Assert.Equal(TaskTransition.Unknown, await bench.Handler.Tasks.EnterAsync("another", task, AdcpTaskStatus.Working));
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(
            ["working", "completed"],
            bench.Sender.Attempts.Select(sent => Bench.Body(sent.Body).GetProperty("status").GetString()));
        Assert.All(bench.Sender.Attempts, sent => Assert.Equal(
            (task, "op_1", "a-token-of-sixteen", """{"k":[1]}"""),
            (Bench.Body(sent.Body).GetProperty("task_id").GetString(), Bench.Body(sent.Body).GetProperty("operation_id").GetString(),
                Bench.Body(sent.Body).GetProperty("token").GetString(), Bench.Body(sent.Body).GetProperty("context").GetRawText())));
        Assert.NotEqual(bench.Sender.Attempts[0].IdempotencyKey, bench.Sender.Attempts[1].IdempotencyKey);

        ValueTask<TaskTransition> Complete(string id) =>
            bench.Handler.Tasks.CompleteAsync("buyer", task, new BuyResponse(id), TestJson.Default.BuyResponse);
    }

    [Fact]
    public async Task Interim_statuses_can_be_kept_quiet_and_the_terminal_one_cannot()
    {
        await using Bench bench = new(AdcpVersion.V32, options => options with { EmitsInterimStatuses = false });
        await bench.BuyAsync("later");
        await bench.Handler.Tasks.EnterAsync("buyer", bench.Platform.Tasks[0], AdcpTaskStatus.Working);
        await bench.Handler.Tasks.FailAsync("buyer", bench.Platform.Tasks[0], new AdcpError("SOLD_OUT", "Gone."));
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));
        JsonElement body = Bench.Body(Assert.Single(bench.Sender.Attempts).Body);
        Assert.Equal("failed", body.GetProperty("status").GetString());
        Assert.Equal("SOLD_OUT", body.GetProperty("result").GetProperty("errors")[0].GetProperty("code").GetString());
    }

    [Fact]
    public async Task Three_503_then_200_is_one_key_one_body_and_an_unopened_circuit()
    {
        await using Bench bench = new(AdcpVersion.V32);
        bench.Sender.AnswerWith(503, 503, 503);
        await bench.BuyAsync("later");
        DateTimeOffset started = bench.Time.GetUtcNow();
        await bench.Handler.Tasks.CompleteAsync("buyer", bench.Platform.Tasks[0], new BuyResponse("mb_1"), TestJson.Default.BuyResponse);
        await bench.SettleAsync();
        Assert.True(bench.Time.GetUtcNow() - started <= TimeSpan.FromSeconds(90));
        Assert.Equal(4, bench.Sender.Attempts.Count);
        Assert.Single(bench.Sender.Attempts.Select(sent => sent.IdempotencyKey).Distinct());
        Assert.Single(bench.Sender.Attempts.Select(sent => Encoding.UTF8.GetString(sent.Body.Span)).Distinct());
        Assert.All(bench.Supervisor.Endpoints.Snapshot(), endpoint => Assert.Equal(CircuitState.Closed, endpoint.State));
    }

    [Fact]
    public async Task A_terminal_webhook_outlives_an_open_circuit_under_its_own_key()
    {
        await using Bench bench = new(AdcpVersion.V32);
        bench.Sender.AnswerWith([.. Enumerable.Repeat(503, 12)]);
        await bench.BuyAsync("later");
        await bench.Handler.Tasks.CompleteAsync("buyer", bench.Platform.Tasks[0], new BuyResponse("mb_1"), TestJson.Default.BuyResponse);
        await bench.SettleAsync();
        Assert.Equal(13, bench.Sender.Attempts.Count);
        Assert.Single(bench.Sender.Attempts.Select(sent => sent.IdempotencyKey).Distinct());
    }

    [Fact]
    public async Task Circuits_are_a_tenants_own()
    {
        await using Bench bench = new(AdcpVersion.V32);
        foreach (string tenant in (string[])["one", "two"])
        {
            await bench.CallAsync("create_media_buy", $$"""{"plan":"later","push_notification_config":{{Bench.Push}}}""", tenant);
            await bench.Handler.Tasks.EnterAsync(tenant, bench.Platform.Tasks[^1], AdcpTaskStatus.Canceled);
        }

        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(
            ["one https://buyer.example/hooks/a", "two https://buyer.example/hooks/a"],
            bench.Supervisor.Endpoints.Snapshot().Select(endpoint => endpoint.Key).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_sender_alone_makes_one_attempt_and_a_supervisor_wins_over_it()
    {
        await using Bench alone = new(AdcpVersion.V30, senderOnly: true);
        alone.Sender.AnswerWith(503);
        await alone.BuyAsync();
        await alone.Handler.DrainAsync(TimeSpan.FromMinutes(1));
        Assert.Single(alone.Sender.Attempts);
        Assert.Empty(alone.Supervisor.Endpoints.Snapshot());

        await using Bench both = new(AdcpVersion.V30);
        await both.BuyAsync();
        await both.Handler.DrainAsync(TimeSpan.FromMinutes(1));
        Assert.Single(both.Supervisor.Endpoints.Snapshot());
    }

    [Fact]
    public async Task A2A_registrations_get_A2As_envelope()
    {
        await using Bench bench = new(AdcpVersion.V32);
        using JsonDocument arguments = JsonDocument.Parse(Bench.Keyed("""{"plan":"later"}"""));
        PushRegistration a2a = new(PushChannel.A2A, new WebhookDestination("https://buyer.example/a2a", null, "a-token-of-sixteen"));
        await bench.Handler.CallAsync("create_media_buy", arguments.RootElement, "buyer", a2a);
        string task = bench.Platform.Tasks[0];
        await bench.Handler.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.Working);
        await bench.Sender.WhenSent(1);
        await bench.Handler.Tasks.CompleteAsync("buyer", task, new BuyResponse("mb_1"), TestJson.Default.BuyResponse);
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));
        JsonElement interim = Bench.Body(bench.Sender.Attempts[0].Body).GetProperty("statusUpdate");
        Assert.Equal("TASK_STATE_WORKING", interim.GetProperty("status").GetProperty("state").GetString());
        Assert.Equal("ROLE_AGENT", interim.GetProperty("status").GetProperty("message").GetProperty("role").GetString());
        JsonElement final = Bench.Body(bench.Sender.Attempts[1].Body).GetProperty("task");
        Assert.Equal(task, final.GetProperty("id").GetString());
        Assert.Equal("mb_1", final.GetProperty("artifacts")[0].GetProperty("parts")[0].GetProperty("data")
            .GetProperty("media_buy_id").GetString());
        Assert.DoesNotContain("a-token-of-sixteen", Encoding.UTF8.GetString(bench.Sender.Attempts[1].Body.Span), StringComparison.Ordinal);
    }

    /// <summary>A2A's readers would round it. Nothing is changed, so the seller can write it as a string.</summary>
    [Theory]
    [InlineData("9007199254740992", false)]
    [InlineData("\"9007199254740992\"", true)]
    [InlineData("9007199254740991", true)]
    public async Task A_task_that_is_reported_over_A2A_is_not_completed_with_an_integer_that_is_rounded(string number, bool isSafe)
    {
        await using Bench bench = new(AdcpVersion.V32);
        PushRegistration a2a = new(PushChannel.A2A, new WebhookDestination("https://buyer.example/a2a", null, "a-token-of-sixteen"));
        JsonElement arguments = Bench.Body(Encoding.UTF8.GetBytes(Bench.Keyed("""{"plan":"later"}""")));
        await bench.Handler.CallAsync("create_media_buy", arguments, "buyer", a2a);
        byte[] result = Encoding.UTF8.GetBytes($$"""{"media_buy_id":"m","count":{{number}}}""");

        ArgumentException? fault = await Record.ExceptionAsync(() => bench.Handler.Tasks.EnterAsync(
            "buyer", bench.Platform.Tasks[0], AdcpTaskStatus.Completed, result).AsTask()) as ArgumentException;

        Assert.Equal(isSafe ? null : "result", fault?.ParamName);
        SellerTask? task = await bench.Handler.Options.Tasks.FindAsync("buyer", bench.Platform.Tasks[0]);
        Assert.Equal(isSafe ? AdcpTaskStatus.Completed : AdcpTaskStatus.Submitted, task!.Status);
    }
}
