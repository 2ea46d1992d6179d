using Adcp.Aot.Network;
using Adcp.Aot.Sending;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform.Tests.Notifications;

public sealed class RegistrationTests
{
    [Theory]
    [InlineData(AdcpVersion.V30, null)]
    [InlineData(AdcpVersion.V31, "push_notification_config.operation_id")]
    [InlineData(AdcpVersion.V32, "push_notification_config.operation_id")]
    public async Task The_operation_id_is_required_from_3_1(AdcpVersion version, string? field)
    {
        await using Bench bench = new(version);
        ToolReply reply = await bench.BuyAsync(push: """{"url":"https://buyer.example/h"}""");
        Assert.Equal(field is null ? null : "INVALID_REQUEST", reply.Error?.Code);
        Assert.Equal(field, reply.Error?.Field);
        Assert.Equal(field is null ? 1 : 0, bench.Platform.Performed);
    }

    [Theory]
    [InlineData("[]", "push_notification_config")]
    [InlineData("{}", "push_notification_config.url")]
    [InlineData("""{"url":7,"operation_id":"o"}""", "push_notification_config.url")]
    [InlineData("""{"url":"nonsense","operation_id":"o"}""", "push_notification_config.url")]
    [InlineData("""{"url":"https://u:p@b.example/","operation_id":"o"}""", "push_notification_config.url")]
    [InlineData("""{"url":"https://b.example/","operation_id":"with space"}""", "push_notification_config.operation_id")]
    [InlineData("""{"url":"https://b.example/","operation_id":"o","token":"short"}""", "push_notification_config.token")]
    [InlineData("""{"url":"https://b.example/","operation_id":"o","authentication":{"schemes":["Bearer"],"credentials":"short"}}""",
        "push_notification_config.authentication.credentials")]
    [InlineData(
        """{"url":"https://b.example/","operation_id":"o","authentication":{"schemes":"""
        + """["Bearer","HMAC-SHA256"],"credentials":"0123456789abcdef0123456789abcdef"}}""",
        "push_notification_config.authentication.schemes")]
    [InlineData(
        """{"url":"https://b.example/","operation_id":"o","authentication":{"schemes":"""
        + """["Basic"],"credentials":"0123456789abcdef0123456789abcdef"}}""", "push_notification_config.authentication.schemes")]
    [InlineData("""{"url":"https://b.example/","operation_id":"o","authentication":{"schemes":["Bearer"]}}""",
        "push_notification_config.authentication.credentials")]
    [InlineData(
        """{"url":"https://b.example/","operation_id":"o","authentication":{"schemes":"""
        + """["Bearer"],"credentials":"0123456789abcdef0123456789abcdef","x":1}}""", "push_notification_config.authentication")]
    public async Task A_broken_registration_is_refused_before_the_tool_is_performed(string push, string field)
    {
        await using Bench bench = new(AdcpVersion.V32);
        ToolReply reply = await bench.BuyAsync(push: push);
        Assert.Equal("INVALID_REQUEST", reply.Error?.Code);
        Assert.Equal(field, reply.Error?.Field);
        Assert.Equal(0, bench.Platform.Performed);
        Assert.DoesNotContain("0123456789abcdef", Bench.Text(reply), StringComparison.Ordinal);
        Assert.Contains("\"context\":{\"k\":[1]}", Bench.Text(reply), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Bearer")]
    [InlineData("HMAC-SHA256")]
    public async Task Credentials_over_4096_characters_are_refused(string scheme)
    {
        await using Bench bench = new(AdcpVersion.V32);
        string credentials = new string('a', 500_000) + "bcdefghijklmnopq";

        ToolReply reply = await bench.BuyAsync(
            push: $$$"""
            {"url":"https://b.example/","operation_id":"o","authentication":{"schemes":["{{{scheme}}}"],"credentials":"{{{credentials}}}"}}
            """);

        Assert.Equal("push_notification_config.authentication.credentials", reply.Error?.Field);
        Assert.Equal(0, bench.Platform.Performed);
    }

    [Fact]
    public async Task Authentication_switches_the_mode_of_this_registration()
    {
        await using Bench bench = new(AdcpVersion.V32);
        await bench.BuyAsync("later",
            """{"url":"https://b.example/","operation_id":"o","authentication":{"schemes":"""
            + """["HMAC-SHA256"],"credentials":"0123456789abcdef0123456789ABCDEF"}}""");
        await bench.Handler.Tasks.EnterAsync("buyer", bench.Platform.Tasks[0], AdcpTaskStatus.Canceled);
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(AuthenticationScheme.HmacSha256, Assert.Single(bench.Sender.Attempts).Destination.Authentication?.Scheme);
    }

    [Fact]
    public async Task What_the_seller_cannot_honour_is_refused_at_the_call()
    {
        await using Bench modern = new(AdcpVersion.V32, options =>
            options with { WebhookSigning = options.WebhookSigning! with { AllowsLegacyAuthentication = false } });
        Assert.Equal("push_notification_config.authentication", (await modern.BuyAsync(push:
            """{"url":"https://b.example/","operation_id":"o","authentication":{"schemes":"""
                + """["Bearer"],"credentials":"0123456789abcdef0123456789abcdef"}}""")).Error?.Field);

        await using Bench closed = new(AdcpVersion.V32, options => options with { AcceptsPushConfigs = false });
        Assert.Equal("INVALID_REQUEST", (await closed.BuyAsync()).Error?.Code);
        Assert.Null((await closed.BuyAsync(push: null)).Error);

        await using Bench guarded = new(AdcpVersion.V32, options =>
            options with { Guard = new DestinationGuard(new DestinationGuardOptions()) });
        ToolReply refused = await guarded.BuyAsync(push: """{"url":"https://10.1.2.3/h","operation_id":"o"}""");
        Assert.Equal("push_notification_config.url", refused.Error?.Field);
        Assert.DoesNotContain("10.1.2.3", Bench.Text(refused), StringComparison.Ordinal);

        await using Bench bench = new(AdcpVersion.V32);
        Assert.Null((await bench.CallAsync("seller_ping", $$"""{"push_notification_config":{{Bench.Push}}}""")).Error);
    }

    [Fact]
    public async Task A_tool_that_is_no_task_type_cannot_be_handed_off()
    {
        await using Bench bench = new(AdcpVersion.V32);
        ToolCall call = new(bench.Handler.Tasks, new ToolDescription("seller_ping"), "buyer", null, null, default, null);
        await Assert.ThrowsAsync<InvalidOperationException>(() => call.HandOffAsync().AsTask());
    }

    [Fact]
    public async Task Answers_hold_no_credentials_and_errors_no_internals()
    {
        await using Bench bench = new(AdcpVersion.V32);
        string accounts = Bench.Text(await bench.CallAsync("sync_accounts", "{}"));
        Assert.EndsWith(
            """"accounts":[{"account_id":"a1","authentication":{"schemes":["Bearer"]},"billing_entity":{"name":"ACME"}}]}"""", accounts,
            StringComparison.Ordinal);
        ToolReply broken = await bench.BuyAsync("break");
        Assert.Equal("INTERNAL_ERROR", broken.Error?.Code);
        Assert.DoesNotContain("secret detail", Bench.Text(broken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Calls_that_do_not_fit_are_answered_with_the_rule()
    {
        await using Bench bench = new(AdcpVersion.V32);
        Assert.Equal("INVALID_REQUEST", (await bench.CallAsync("nothing", "{}")).Error?.Code);
        Assert.Equal("INVALID_REQUEST", (await bench.CallAsync("create_media_buy", "[]")).Error?.Code);
        Assert.Equal("budget", (await bench.CallAsync("create_media_buy", """{"budget":"much"}""")).Error?.Field);
        Assert.Equal("context", (await bench.CallAsync("create_media_buy", """{"context":1}""")).Error?.Field);
        Assert.Equal("buyer", Bench.Body((await bench.CallAsync("seller_ping", "{}")).Body).GetProperty("media_buy_id").GetString());
        Assert.Equal(
            ["create_media_buy", "sync_accounts", "get_signals", "get_products", "seller_ping", "get_task_status", "list_tasks"],
            bench.Handler.Tools.Select(tool => tool.Name));
    }
}
