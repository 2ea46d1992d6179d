namespace Adcp.Aot.Platform.Tests.Tools;

/// <summary>The storyboard read_tool_idempotency: members that a request schema admits and a tool does not use are ignored.</summary>
public sealed class IgnoredRegistrationTests
{
    [Theory]
    [InlineData("get_signals", "{}")]
    [InlineData("sync_accounts", "[]")]
    [InlineData("seller_ping", "7")]
    [InlineData("seller_ping", """{"url":"https://10.1.2.3/h"}""")]
    [InlineData("get_task_status", """{"url":"x"}""")]
    public async Task A_registration_is_ignored_by_a_tool_that_reports_nothing(string tool, string push)
    {
        await using Bench bench = new(AdcpVersion.V31);

        ToolReply reply = await bench.CallAsync(tool, $$"""{"push_notification_config":{{push}},"ext":{"a":1},"governance_context":"g"}""");

        Assert.NotEqual("push_notification_config", reply.Error?.Field?.Split('.')[0]);
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));
        Assert.Empty(bench.Sender.Attempts);
    }

    [Fact]
    public async Task A_registration_is_refused_by_a_tool_that_would_report_and_a_seller_that_cannot()
    {
        await using Bench bench = new(AdcpVersion.V32, options => options with { AcceptsPushConfigs = false });

        ToolReply refused = await bench.BuyAsync("later");
        ToolReply ignored = await bench.CallAsync("sync_accounts", $$"""{"push_notification_config":{{Bench.Push}}}""");

        Assert.Equal("push_notification_config", refused.Error?.Field);
        Assert.Null(ignored.Error);
    }
}
