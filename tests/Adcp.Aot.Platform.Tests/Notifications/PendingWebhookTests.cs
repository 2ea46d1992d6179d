using System.Text;

namespace Adcp.Aot.Platform.Tests.Notifications;

/// <summary>Webhooks that wait are bounded, never lost silently, and drained when the seller stops.</summary>
public sealed class PendingWebhookTests
{
    private static readonly byte[] Large = Encoding.UTF8.GetBytes($$"""{"k":"{{new string('x', 40 << 10)}}"}""");

    [Fact]
    public async Task Webhooks_over_a_tenants_bytes_wait_in_the_registry_and_are_delivered_when_there_is_room()
    {
        await using Bench bench =
            new(AdcpVersion.V32, options => options with { Limits = new PlatformLimits { MaxPendingWebhookBytesPerTenant = 100 << 10 } });
        TaskCompletionSource gate = bench.HoldAttempts();
        for (int i = 0; i < 10; i++)
        {
            await bench.BuyAsync("later");
        }

        foreach (string task in bench.Platform.Tasks)
        {
            await bench.Handler.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.Completed, Large);
        }

        await bench.Sender.WhenSent(2);
        ToolReply refused = await bench.BuyAsync("later");
        ToolReply unregistered = await bench.BuyAsync("later", push: null);
        ToolReply other =
            await bench.CallAsync("create_media_buy", $$"""{"plan":"later","push_notification_config":{{Bench.Push}}}""", "another");
        int inMemory = bench.Sender.Attempts.Count;
        int pending = bench.Handler.PendingDeliveries;
        gate.SetResult();
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));

        Assert.Equal((2, 10), (inMemory, pending));
        Assert.Equal(("RATE_LIMITED", ErrorRecovery.Transient), (refused.Error?.Code, refused.Error?.Recovery));
        Assert.NotNull(refused.Error?.RetryAfter);
        Assert.Null(unregistered.Error);
        Assert.Null(other.Error);
        Assert.Equal(
            bench.Platform.Tasks.Take(10).Order(StringComparer.Ordinal),
            bench.Sender.Attempts.Select(sent => Bench.Body(sent.Body).GetProperty("task_id").GetString()!).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(bench.Log.Lines, line => line.Id == 2001);
    }

    [Fact]
    public async Task Calls_of_a_tenant_over_the_bound_are_told_to_come_again_and_a_tool_that_goes_on_counts()
    {
        await using Bench bench = new(
            AdcpVersion.V32,
            options => options with { CallTimeout = TimeSpan.FromSeconds(1), Limits = new PlatformLimits { MaxCallsPerTenant = 2 } });
        Task<ToolReply> waiting = bench.BuyAsync("wait").AsTask();
        Task<ToolReply> deaf = bench.BuyAsync("deaf").AsTask();
        await bench.Platform.Waiting.WaitAsync();
        await bench.Platform.Waiting.WaitAsync();

        ToolReply refused = await bench.BuyAsync();
        ToolReply other = await bench.CallAsync("create_media_buy", """{"plan":"now"}""", "another");
        while (!waiting.IsCompleted || !deaf.IsCompleted)
        {
            // The pause orders nothing, it merely asks again.
            bench.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(5);
        }

        ToolReply second = await bench.BuyAsync("refuse");
        Task<ToolReply> third = bench.BuyAsync("deaf").AsTask();
        await bench.Platform.Waiting.WaitAsync();
        ToolReply full = await bench.BuyAsync();
        bench.Platform.Go.SetResult();
        await third;

        Assert.Equal(("RATE_LIMITED", ErrorRecovery.Transient), (refused.Error?.Code, refused.Error?.Recovery));
        Assert.NotNull(refused.Error?.RetryAfter);
        Assert.Null(other.Error);
        Assert.Equal("BUDGET_TOO_LOW", second.Error?.Code);
        Assert.Equal("RATE_LIMITED", full.Error?.Code);
        Assert.Null((await bench.BuyAsync()).Error);
    }

    [Theory]
    [InlineData(503)]
    [InlineData(429)]
    [InlineData(408)]
    public async Task Call_directs_at_most_a_hundred_requests_at_a_host_that_is_not_its_own(int status)
    {
        await using Bench bench = new(AdcpVersion.V32);
        bench.Sender.AnswerWith([.. Enumerable.Repeat(status, 10_000)]);
        DateTimeOffset began = bench.Time.GetUtcNow();
        await bench.BuyAsync("later");
        await bench.Handler.Tasks.EnterAsync("buyer", bench.Platform.Tasks[0], AdcpTaskStatus.Completed, "{}"u8.ToArray());

        await bench.SettleAsync();

        Assert.InRange(bench.Sender.Attempts.Count, 20, 100);
        Assert.InRange(bench.Time.GetUtcNow() - began, TimeSpan.FromHours(22), TimeSpan.FromHours(24));
        Assert.Single(bench.Log.Lines, line => line.Id == 2001);
    }

    [Fact]
    public async Task An_interim_status_without_room_is_logged_and_the_terminal_one_still_comes()
    {
        await using Bench bench =
            new(AdcpVersion.V32, options => options with { Limits = new PlatformLimits { MaxPendingWebhooksPerTenant = 1 } });
        TaskCompletionSource gate = bench.HoldAttempts();
        await bench.BuyAsync("later");
        await bench.Handler.Tasks.EnterAsync("buyer", bench.Platform.Tasks[0], AdcpTaskStatus.Working);
        await bench.Sender.WhenSent(1);

        await bench.Handler.Tasks.EnterAsync("buyer", bench.Platform.Tasks[0], AdcpTaskStatus.InputRequired);
        await bench.Handler.Tasks.EnterAsync("buyer", bench.Platform.Tasks[0], AdcpTaskStatus.Completed, "{}"u8.ToArray());
        gate.SetResult();
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(
            ["working", "completed"],
            bench.Sender.Attempts.Select(sent => Bench.Body(sent.Body).GetProperty("status").GetString()));
        Assert.Contains("input-required", Assert.Single(bench.Log.Lines, line => line.Id == 2001).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_shutdown_tries_at_once_what_waits_for_a_later_try()
    {
        await using Bench bench = new(AdcpVersion.V32);
        bench.Sender.AnswerWith([.. Enumerable.Repeat(503, 5)]);
        await bench.BuyAsync("later");
        await bench.Handler.Tasks.EnterAsync("buyer", bench.Platform.Tasks[0], AdcpTaskStatus.Completed, "{}"u8.ToArray());
        using CancellationTokenSource guard = new(TimeSpan.FromSeconds(30));
        for (TimeSpan wait = await bench.Time.NextWaitAsync(
            guard.Token); bench.Sender.Attempts.Count < 5; wait = await bench.Time.NextWaitAsync(guard.Token))
        {
            bench.Time.Advance(wait);
        }

        Task drained = bench.Handler.DrainAsync(TimeSpan.FromMinutes(2)).AsTask();
        while (!drained.IsCompleted)
        {
            bench.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.WhenAny(drained, Task.Delay(5, guard.Token));
            guard.Token.ThrowIfCancellationRequested();
        }

        Assert.Equal(6, bench.Sender.Attempts.Count);
        Assert.DoesNotContain(bench.Log.Lines, line => line.Id is 2001 or 2008);
    }

    [Fact]
    public async Task A_shutdown_whose_patience_ends_names_each_webhook_that_is_left_and_how_many()
    {
        await using Bench bench = new(AdcpVersion.V32);
        TaskCompletionSource gate = bench.HoldAttempts();
        for (int i = 0; i < 3; i++)
        {
            await bench.BuyAsync("later");
            await bench.Handler.Tasks.EnterAsync("buyer", bench.Platform.Tasks[i], AdcpTaskStatus.Completed, "{}"u8.ToArray());
        }

        await bench.Sender.WhenSent(3);
        Task drained = bench.Handler.DrainAsync(TimeSpan.FromSeconds(20)).AsTask();
        while (!drained.IsCompleted)
        {
            bench.Time.Advance(TimeSpan.FromSeconds(5));
            await Task.WhenAny(drained, Task.Delay(5));
        }

        await drained;
        string[] lines = [.. bench.Log.Lines.Where(line => line.Id == 2001).Select(line => line.Text)];
        Assert.Equal(3, lines.Length);
        Assert.All(bench.Platform.Tasks, task => Assert.Contains(lines, line => line.Contains(task, StringComparison.Ordinal)));
        Assert.All(lines, line => Assert.Contains("buyer.example was not delivered: shutdown", line, StringComparison.Ordinal));
        Assert.Contains("3 webhooks", Assert.Single(bench.Log.Lines, line => line.Id == 2008).Text, StringComparison.Ordinal);
        Assert.Equal(0, bench.Handler.PendingDeliveries);
    }

    [Fact]
    public async Task The_patience_of_a_shutdown_is_one_attempt_and_the_longest_delay_unless_it_is_set()
    {
        await using Bench bench = new(AdcpVersion.V32);
        await using Bench set = new(AdcpVersion.V32, options => options with { DrainPatience = TimeSpan.FromSeconds(7) });

        // Ten seconds for an attempt, and five attempts with delays of 1, 2, 4 and 8 seconds.
        Assert.Equal(TimeSpan.FromSeconds(18), bench.Handler.DrainPatience);
        Assert.Equal(TimeSpan.FromSeconds(7), set.Handler.DrainPatience);
        Assert.Equal(
            "DrainPatience", Assert.Throws<ArgumentOutOfRangeException>(
                () => bench.Handler.Options with { DrainPatience = TimeSpan.FromHours(2) }).ParamName);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => bench.Handler.DrainAsync(TimeSpan.FromSeconds(-1)).AsTask());
    }

    [Fact]
    public async Task A_lost_webhook_is_logged_with_task_tenant_endpoint_and_cause()
    {
        await using Bench bench = new(AdcpVersion.V32);
        bench.Sender.Otherwise = static (webhook, _, _) =>
            new(new WebhookSendResult(webhook, WebhookSendError.DestinationRefused, "https is required"));
        await bench.BuyAsync("later");
        await bench.Handler.Tasks.EnterAsync("buyer", bench.Platform.Tasks[0], AdcpTaskStatus.Canceled);
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));

        string line = Assert.Single(bench.Log.Lines, line => line.Id == 2001).Text;

        foreach (string part in (string[])[
            bench.Platform.Tasks[0], "canceled", "of buyer", "buyer.example", "destination_refused", "https is required", "AllowHttp"])
        {
            Assert.Contains(part, line, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("hooks/a", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("MaxContextBytes")]
    [InlineData("MaxResultBytes")]
    [InlineData("MaxOpenTasksPerTenant")]
    [InlineData("MaxPendingWebhooksPerTenant")]
    [InlineData("MaxPendingWebhooks")]
    [InlineData("MaxPendingWebhookBytesPerTenant")]
    [InlineData("MaxPendingWebhookBytes")]
    [InlineData("MaxLookupsPerTenant")]
    [InlineData("MaxListsPerTenant")]
    [InlineData("MaxCallsPerTenant")]
    public void A_limit_has_its_range(string name) => Assert.Equal(name, Assert.Throws<ArgumentOutOfRangeException>(() => name switch
    {
        "MaxContextBytes" => new PlatformLimits { MaxContextBytes = 0 },
        "MaxResultBytes" => new PlatformLimits { MaxResultBytes = 9 << 20 },
        "MaxOpenTasksPerTenant" => new PlatformLimits { MaxOpenTasksPerTenant = 0 },
        "MaxPendingWebhooksPerTenant" => new PlatformLimits { MaxPendingWebhooksPerTenant = 0 },
        "MaxPendingWebhooks" => new PlatformLimits { MaxPendingWebhooks = 0 },
        "MaxPendingWebhookBytesPerTenant" => new PlatformLimits { MaxPendingWebhookBytesPerTenant = 0 },
        "MaxPendingWebhookBytes" => new PlatformLimits { MaxPendingWebhookBytes = 0 },
        "MaxLookupsPerTenant" => new PlatformLimits { MaxLookupsPerTenant = 0 },
        "MaxCallsPerTenant" => new PlatformLimits { MaxCallsPerTenant = 0 },
        _ => new PlatformLimits { MaxListsPerTenant = 0 },
    }).ParamName);
}
