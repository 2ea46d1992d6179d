using System.Data.Common;
using System.Net;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Delivery;
using Adcp.Aot.Json;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Platform.Tests.Notifications;

/// <summary>Checks that happen before a call is performed, so that nothing can fail when its task ends.</summary>
public sealed class AdmissionTests
{
    private static readonly AdcpTaskStatus[] Statuses =
        [.. Enum.GetValues<AdcpTaskStatus>().Where(static status => status != AdcpTaskStatus.Unknown)];

    [Theory]
    [InlineData("a-token-of-sixteen", true)]
    [InlineData("a token with spaces", false)]
    [InlineData("a-token-with-ümlaut", false)]
    [InlineData("a-token-with-\u007f-delete", false)]
    public async Task A_token_that_cannot_stand_in_A2As_header_is_refused_when_it_is_registered(string token, bool isAccepted)
    {
        await using Bench bench = new(AdcpVersion.V32);
        await bench.BuyAsync("later", push: null);
        SellerTask task = (await bench.Handler.Options.Tasks.FindAsync("buyer", bench.Platform.Tasks[0]))!;
        if (token.Contains('\u007f', StringComparison.Ordinal))
        {
            Assert.Throws<ArgumentException>(() => A2A(token));
            return;
        }

        ToolReply reply = await CallA2AAsync(bench, A2A(token));
        AdcpErrorException? fault = null;
        try
        {
            await bench.Handler.RegisterA2AAsync(task, A2A(token), CancellationToken.None);
        }
        catch (AdcpErrorException refused)
        {
            fault = refused;
        }

        string? field = isAccepted ? null : "taskPushNotificationConfig.token";
        Assert.Equal((field, field), (reply.Error?.Field, fault?.Error.Field));
        Assert.DoesNotContain(
            "with", isAccepted ? "" : fault!.Error.Message.Replace("without", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"a":1,"a":2}""")]
    [InlineData("""{"a":{"b":1,"\u0062":2}}""")]
    [InlineData("""{"a":"\ud800"}""")]
    [InlineData("""{"\udc00":1}""")]
    [InlineData("[1]")]
    [InlineData("""{}, "plan":"\ud800" """)]
    public async Task A_context_that_no_webhook_could_echo_is_refused(string context)
    {
        await using Bench bench = new(AdcpVersion.V32);

        ToolReply reply =
            await bench.CallAsync(
                "create_media_buy", $$"""{"plan":"later","context":{{context}},"push_notification_config":{{Bench.Push}}}""");

        Assert.Equal("INVALID_REQUEST", reply.Error?.Code);
        Assert.Equal(0, bench.Platform.Performed);
        Assert.DoesNotContain(bench.Log.Lines, line => line.Level == LogLevel.Error);
    }

    [Theory]
    [InlineData(64 << 10, true)]
    [InlineData((64 << 10) + 1, false)]
    public async Task A_context_has_64_KiB_at_most(int bytes, bool isTaken)
    {
        await using Bench bench = new(AdcpVersion.V32);
        string context = $$"""{"k":"{{new string('x', bytes - 8)}}"}""";

        ToolReply reply = await bench.CallAsync("create_media_buy", $$"""{"plan":"later","context":{{context}}}""");

        Assert.Equal(isTaken ? null : "INVALID_REQUEST", reply.Error?.Code);
        Assert.Equal(isTaken ? null : "context", reply.Error?.Field);
        Assert.Equal(!isTaken, reply.Error?.Message.Contains("65536", StringComparison.Ordinal) ?? false);
    }

    [Theory]
    [InlineData(56, true)]
    [InlineData(57, false)]
    public async Task A_context_and_a_result_have_56_levels_at_most(int levels, bool isTaken)
    {
        await using Bench bench = new(AdcpVersion.V32);
        string deep = string.Concat(Enumerable.Repeat("{\"a\":", levels - 1)) + "{}" + new string('}', levels - 1);
        using JsonDocument arguments =
            JsonDocument.Parse(Bench.Keyed($$"""{"plan":"later","context":{{deep}}}"""), new JsonDocumentOptions { MaxDepth = 128 });

        ToolReply reply = await bench.Handler.CallAsync("create_media_buy", arguments.RootElement, "buyer", A2A("a-token-of-sixteen"));
        await bench.BuyAsync("later");
        ValueTask<TaskTransition> End() =>
            bench.Handler.Tasks.EnterAsync("buyer", bench.Platform.Tasks[^1], AdcpTaskStatus.Completed, Encoding.UTF8.GetBytes(deep));

        Assert.Equal(isTaken ? null : "context", reply.Error?.Field);
        if (isTaken)
        {
            Assert.Equal(TaskTransition.Entered, await End());
            return;
        }

        Assert.Equal("result", (await Assert.ThrowsAsync<ArgumentException>(() => End().AsTask())).ParamName);
    }

    [Theory]
    [InlineData(AdcpVersion.V30, false)]
    [InlineData(AdcpVersion.V30, true)]
    [InlineData(AdcpVersion.V31, false)]
    [InlineData(AdcpVersion.V32, false)]
    [InlineData(AdcpVersion.V32, true)]
    public async Task Whatever_registration_is_accepted_can_be_completed_in_every_status_and_on_every_channel(
        AdcpVersion version, bool hasOutbox)
    {
        Outbox outbox = new();
        await using Bench bench = new(version, options => hasOutbox ? options with { Outbox = outbox } : options, unwired: hasOutbox);
        Random random = new(20261128);
        int accepted = 0;
        for (int round = 0; round < 400; round++)
        {
            (string arguments, PushRegistration? a2a) = Drawn(random);
            int before = bench.Platform.Tasks.Count;
            using JsonDocument document = JsonDocument.Parse(Bench.Keyed(arguments));
            ToolReply reply = await bench.Handler.CallAsync("create_media_buy", document.RootElement, "buyer", a2a);
            if (reply.Error is { } error)
            {
                Assert.True(error.Code == "INVALID_REQUEST", $"{error.Code}: {arguments}");
                continue;
            }

            accepted++;
            string task = bench.Platform.Tasks[before];
            AdcpTaskStatus interim = Statuses[random.Next(Statuses.Length)];
            if (!interim.IsTerminal())
            {
                Assert.Equal(TaskTransition.Entered, await bench.Handler.Tasks.EnterAsync("buyer", task, interim, message: "half way"));
            }

            AdcpTaskStatus end =
                Statuses.Where(static status => status.IsTerminal()).ElementAt(
                    random.Next(Statuses.Count(static status => status.IsTerminal())));
            Assert.Equal(
                TaskTransition.Entered, await bench.Handler.Tasks.EnterAsync(
                    "buyer", task, end, end == AdcpTaskStatus.Completed ? """{"x":"\u0001é"}"""u8.ToArray() : default));
        }

        Assert.InRange(accepted, 20, 390);
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));
        int told = hasOutbox ? outbox.Kept : bench.Sender.Attempts.Count;
        Assert.True(told >= accepted / 2, $"{told} webhooks of {accepted} tasks");
        Assert.DoesNotContain(bench.Log.Lines, line => line.Id == 2001);
    }

    [Fact]
    public async Task A_webhook_that_cannot_be_built_any_more_is_logged_and_keeps_no_task_from_ending()
    {
        // Registered with a seller of AdCP 3.0, which requires no operation id, and ended by one of 3.1.
        Outbox outbox = new();
        using InMemoryTaskRegistry tasks = new();
        await tasks.CreateAsync(new SellerTask(
            "buyer", "t1", TaskType.CreateMediaBuy, AdcpTaskStatus.Submitted, new PushRegistration(
                PushChannel.Adcp, new WebhookDestination("https://buyer.example/h")), null, default));
        await using Bench bench =
            new(AdcpVersion.V31, options =>
                options with { Tasks = tasks, Outbox = outbox, WebhookSigning = null, SigningKeys = [] }, unwired: true);

        TaskTransition end = await bench.Handler.Tasks.EnterAsync("buyer", "t1", AdcpTaskStatus.Completed, "{}"u8.ToArray());

        Assert.Equal((TaskTransition.Entered, 0), (end, outbox.Kept));
        string line = Assert.Single(bench.Log.Lines, line => line.Id == 2001).Text;
        foreach (string part in (string[])["t1", "completed", "buyer.example", "missing_operation_id", "operation_id"])
        {
            Assert.Contains(part, line, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("""{"a":1,"a":2}""")]
    [InlineData("""{"a":"\ud800"}""")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("""{"a":"x"} {}""")]
    public async Task A_result_that_no_webhook_could_carry_is_refused_before_the_status_is_entered(string result)
    {
        await using Bench bench = new(AdcpVersion.V32);
        await bench.BuyAsync("later");
        string task = bench.Platform.Tasks[0];

        await Assert.ThrowsAsync<ArgumentException>(
            () => bench.Handler.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.Completed, Encoding.UTF8.GetBytes(result)).AsTask());
        await Assert.ThrowsAsync<ArgumentException>(
            () => bench.Handler.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.Working, message: "\ud800").AsTask());
        await Assert.ThrowsAsync<ArgumentException>(
            () => bench.Handler.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.Working, message: new string('x', 65_537)).AsTask());

        Assert.Equal(AdcpTaskStatus.Submitted, (await bench.Handler.Options.Tasks.FindAsync("buyer", task))!.Status);
        Assert.Equal(
            TaskTransition.Entered, await bench.Handler.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.Completed, "{}"u8.ToArray()));
    }

    [Fact]
    public async Task A_tenant_has_so_many_open_tasks_and_another_has_its_own()
    {
        await using Bench bench =
            new(AdcpVersion.V32, options => options with { Limits = new PlatformLimits { MaxOpenTasksPerTenant = 2 } });
        await bench.BuyAsync("later");
        await bench.BuyAsync("later");

        ToolReply third = await bench.BuyAsync("later");
        ToolReply other = await bench.CallAsync("create_media_buy", """{"plan":"later"}""", "another");
        await bench.Handler.Tasks.EnterAsync("buyer", bench.Platform.Tasks[0], AdcpTaskStatus.Canceled);
        ToolReply next = await bench.BuyAsync("later");

        Assert.Equal(("RATE_LIMITED", ErrorRecovery.Transient), (third.Error?.Code, third.Error?.Recovery));
        Assert.Equal(60, Bench.Body(third.Body).GetProperty("adcp_error").GetProperty("retry_after").GetInt32());
        Assert.Null(other.Error);
        Assert.Null(next.Error);
        Assert.Contains(bench.Log.Lines, line => line.Id == 2010 && line.Text.Contains("MaxOpenTasksPerTenant", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Four_hosts_of_a_tenant_are_looked_up_at_once_and_the_rest_is_told_to_come_again()
    {
        TaskCompletionSource answers = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int asked = 0;
        WebhookSenderOptions slow = new()
        {
            Version = AdcpVersion.V32,
            ConnectTimeout = TimeSpan.FromMinutes(5),
            Resolver = async (_, cancellationToken) =>
            {
                Interlocked.Increment(ref asked);
                await answers.Task.WaitAsync(cancellationToken);
                return [IPAddress.Parse("8.8.8.8")];
            },
        };
        await using Bench bench = new(AdcpVersion.V32, options => options with { Guard = slow.CreateGuard() });

        Task<ToolReply>[] calls =
            [.. Enumerable.Range(0, 100).Select(
                i => bench.BuyAsync("later", $$"""{"url":"https://h{{i}}.example/","operation_id":"o"}""").AsTask())];
        Task<ToolReply> other =
            bench.CallAsync(
                "create_media_buy", """{"push_notification_config":{"url":"https://other.example/","operation_id":"o"}}""", "another")
                    .AsTask();
        while (calls.Count(static call => call.IsCompleted) < 96 || asked < 5)
        {
            // The pause is not for ordering: the loop only checks again.
            await Task.Delay(5);
        }

        ToolReply[] refused = await Task.WhenAll(calls.Where(static call => call.IsCompleted));
        answers.SetResult();
        ToolReply[] all = await Task.WhenAll(calls);

        Assert.Equal(96, refused.Length);
        Assert.All(refused, reply => Assert.Equal("RATE_LIMITED", reply.Error?.Code));
        Assert.Equal(4, all.Count(static reply => reply.Error is null));
        Assert.Null((await other).Error);
        Assert.Equal(5, asked);
    }

    [Fact]
    public async Task A_refused_destination_is_explained_to_the_operator_and_not_to_the_buyer()
    {
        WebhookSenderOptions sending = new()
        {
            Version = AdcpVersion.V32,
            Resolver = (host, _) =>
                host == "none.example" ? throw new System.Net.Sockets.SocketException(11001)
                    : Task.FromResult<IPAddress[]>([IPAddress.Parse("10.1.2.3")]),
        };
        await using Bench bench = new(AdcpVersion.V32, options => options with { Guard = sending.CreateGuard() });

        ToolReply[] replies =
            await Task.WhenAll(
                ((string[])["https://10.1.2.3/h", "https://internal.example/h", "https://none.example/h", "http://plain.example/h"]).Select(
            url => bench.BuyAsync("later", $$"""{"url":"{{url}}","operation_id":"o"}""").AsTask()));

        Assert.Single(replies.Select(reply => Bench.Text(reply)).Distinct());
        (int Id, LogLevel Level, string Text)[] lines = [.. bench.Log.Lines.Where(line => line.Id == 2009)];
        Assert.Equal(4, lines.Length);
        Assert.All(lines, line => Assert.Contains("AllowPrivateNetworks", line.Text, StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Text.Contains("internal.example", StringComparison.Ordinal));
    }

    private static PushRegistration A2A(string token) =>
        new(PushChannel.A2A, new WebhookDestination("https://buyer.example/a2a", null, token));

    private static async Task<ToolReply> CallA2AAsync(Bench bench, PushRegistration registration)
    {
        using JsonDocument arguments = JsonDocument.Parse(Bench.Keyed("""{"plan":"later"}"""));
        return await bench.Handler.CallAsync("create_media_buy", arguments.RootElement, "buyer", registration);
    }

    /// <summary>Returns a registration of valid and of broken parts.</summary>
    private static (string Arguments, PushRegistration? A2A) Drawn(Random random)
    {
        string[] tokens =
        [
            "a-token-of-sixteen", "a token with blanks", "ein-Token-für-alle", "\"quotes\\and\\slashes", "<&>'+-=/~!#$%^*()_",
                "emoji-😀-token-here",
            "tab\tin-the-middle-of", new('t', 4096), new('t', 4097),
        ];
        string[] urls =
        [
            "https://buyer.example/h", "https://buyer.example/h?op=op_1&x=%2f", "https://[2001:db8::1]:8443/", "https://bücher.example/ü",
            "https://buyer.example/" + new string('p', 2000), "ftp://x/", "https://u:p@b.example/",
        ];
        string?[] operations = ["op_1", new('o', 255), null, "with space", "é", new('o', 256)];
        string[] contexts =
            ["{}", """{"k":[1e0,null,"\u0000\u2028é😀"]}""", """{"n":1e999}""", """{"a":1,"a":2}""", """{"a":"\ud800"}""", "7"];
        string[] credentials = ["kq8Zt3Vw0xN5yRb7Jm2Hc9Lf4Pd6Gs1A", "kq8Zt3Vw0xN5yRb7Jm2Hc9Lf4Pd6Gsé ", "short"];
        Dictionary<string, object?> push = new()
        {
            ["url"] = Pick(urls),
            ["token"] = random.Next(3) == 0 ? null : Pick(tokens),
            ["operation_id"] = Pick(operations),
        };
        if (random.Next(4) == 0)
        {
            push["authentication"] = new Dictionary<string, object>
            {
                ["schemes"] = (string[])[Pick(["Bearer", "HMAC-SHA256"])],
                ["credentials"] = Pick(credentials),
            };
        }

        string context = random.Next(2) == 0 ? "" : $",\"context\":{Pick(contexts)}";
        string config = random.Next(4) == 0 ? "" : $",\"push_notification_config\":{JsonSerializer.Serialize(push)}";
        PushRegistration? a2a = null;
        try
        {
            WebhookDestination destination = new(Pick(urls), null, random.Next(3) == 0 ? null : Pick(tokens));
            PushRegistration drawn = new(PushChannel.A2A, destination) { ConfigId = Pick(["c1", "é 😀", new string('c', 512)]) };
            a2a = random.Next(2) == 0 ? null : drawn;
        }
        catch (ArgumentException)
        {
            // The endpoint itself answers such a request.
        }

        return ($"{{\"plan\":\"later\"{context}{config}}}", a2a);

        T Pick<T>(T[] from) => from[random.Next(from.Length)];
    }

    /// <summary>An outbox that writes its items, as a real one does in the registry's transaction.</summary>
    private sealed class Outbox : IWebhookOutbox
    {
        public int Kept { get; private set; }

        public TimeSpan? RetryHorizon => null;

        public ValueTask<OutboxDeliveryState?> FindAsync(string tenant, string deliveryId, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public ValueTask<IReadOnlyList<OutboxReceipt>> EnqueueAsync(
            DbTransaction? transaction, IReadOnlyList<OutboxItem> items, CancellationToken cancellationToken = default)
        {
            Kept += items.Count;
            return new([.. items.Select(static _ => new OutboxReceipt(EnqueueStatus.Enqueued, 1, "k"))]);
        }
    }
}
