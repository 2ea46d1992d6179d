using System.Data.Common;
using System.Text.Json;
using Adcp.Aot.Delivery;
using Adcp.Aot.Payloads.Notifications;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Platform.Tests.Notifications;

public sealed class OutboxSeamTests
{
    [Fact]
    public async Task Status_and_webhook_are_kept_together_or_not_at_all()
    {
        FailingOutbox outbox = new();
        using InMemoryTaskRegistry tasks = new();
        TestPlatform platform = new();
        await using PlatformHandler handler = new(platform, OptionsOf(tasks, outbox));
        string task = await SubmitAsync(handler, platform);

        await Assert.ThrowsAsync<IOException>(() => handler.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.Canceled).AsTask());
        Assert.Equal(AdcpTaskStatus.Submitted, (await tasks.FindAsync("buyer", task))!.Status);

        outbox.Fails = false;
        Assert.Equal(TaskTransition.Entered, await handler.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.Canceled));
        Assert.Equal("buyer", Assert.Single(outbox.Kept).Tenant);
    }

    [Fact]
    public async Task End_of_a_task_has_a_delivery_id_and_statuses_that_may_come_again_have_none()
    {
        FailingOutbox outbox = new() { Fails = false };
        using InMemoryTaskRegistry tasks = new();
        TestPlatform platform = new();
        await using PlatformHandler handler = new(platform, OptionsOf(tasks, outbox));
        string task = await SubmitAsync(handler, platform);

        await handler.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.Working);
        await handler.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.InputRequired);
        await handler.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.Working);
        await handler.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.Canceled);

        Assert.All(outbox.Kept.SkipLast(1), static options => Assert.Null(options.DeliveryId));
        Assert.StartsWith(task + "/", outbox.Kept[^1].DeliveryId, StringComparison.Ordinal);
        Assert.InRange(outbox.Kept.Count, 2, 5);
    }

    [Fact]
    public async Task A_full_registry_makes_room_for_the_oldest_that_ended_and_refuses_otherwise()
    {
        using InMemoryTaskRegistry tasks = new(new InMemoryLimits { Capacity = 2 });
        await tasks.CreateAsync(New("a"));
        await tasks.CreateAsync(New("b"));
        await Assert.ThrowsAsync<ArgumentException>(() => tasks.CreateAsync(New("a")).AsTask());
        Assert.Equal("RATE_LIMITED", (await Assert.ThrowsAsync<AdcpErrorException>(() => tasks.CreateAsync(New("c")).AsTask())).Error.Code);
        await tasks.TransitionAsync("t", "b", AdcpTaskStatus.Completed, "{\"x\":1,\"y\":1.0}"u8.ToArray());
        Assert.Equal(TaskTransition.Repeated,
            await tasks.TransitionAsync("t", "b", AdcpTaskStatus.Completed, "{ \"y\":1, \"x\":1e0 }"u8.ToArray()));
        await tasks.CreateAsync(New("c"));
        Assert.Null(await tasks.FindAsync("t", "b"));
        Assert.Null(await tasks.FindAsync("another", "a"));
        Assert.NotNull(await tasks.FindAsync("t", "a"));

        static SellerTask New(string id) => new("t", id, TaskType.CreateMediaBuy, AdcpTaskStatus.Submitted, null, null, default);
    }

    [Theory]
    [InlineData(200, true, ChallengeAnswer.Proven)]
    [InlineData(200, false, ChallengeAnswer.Mismatch)]
    [InlineData(403, true, ChallengeAnswer.NotAccepted)]
    public async Task Ownership_is_proven_by_the_value_alone(int status, bool echoes, ChallengeAnswer expected)
    {
        using RecordingSender sender = TestSenders.Of(AdcpVersion.V32);
        sender.Otherwise = (webhook, attempt, _) => new(attempt == 1
            ? new WebhookSendResult(webhook, WebhookSendError.ConnectionFailed, "connection reset")
            : new WebhookSendResult(webhook, status)
            {
                ResponseBody = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string>
                {
                    ["challenge"] = echoes ? Bench.Body(webhook.Body).GetProperty("challenge").GetString()! : new string('x', 43),
                }),
            });
        AgentWebhookChallenge challenge = new()
        { SubscriberId = "s", SellerAgentUrl = "https://seller.example", DeliveryAuthentication = DeliveryAuthentication.Rfc9421 };
        Assert.Equal(expected, await OwnershipProof.ProveAsync(sender, new WebhookDestination("https://b.example/"), challenge));
        Assert.Equal(2, sender.Attempts.Count);
        Assert.Same(sender.Attempts[0], sender.Attempts[1]);
    }

    private static PlatformOptions OptionsOf(InMemoryTaskRegistry tasks, IWebhookOutbox outbox) =>
        new() { Version = AdcpVersion.V31, Tasks = tasks, Outbox = outbox };

    /// <summary>Submits a media buy whose buyer asks for a webhook, and returns its task.</summary>
    private static async Task<string> SubmitAsync(PlatformHandler handler, TestPlatform platform)
    {
        using JsonDocument arguments = JsonDocument.Parse(Bench.Keyed($$"""{"plan":"later","push_notification_config":{{Bench.Push}}}"""));
        await handler.CallAsync("create_media_buy", arguments.RootElement, "buyer");
        return platform.Tasks[0];
    }

    private sealed class FailingOutbox : IWebhookOutbox
    {
        public bool Fails { get; set; } = true;

        public List<OutboxOptions> Kept { get; } = [];

        public TimeSpan? RetryHorizon => null;

        public ValueTask<OutboxDeliveryState?> FindAsync(string tenant, string deliveryId, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public ValueTask<IReadOnlyList<OutboxReceipt>> EnqueueAsync(
            DbTransaction? transaction, IReadOnlyList<OutboxItem> items, CancellationToken cancellationToken = default)
        {
            if (Fails)
            {
                throw new IOException("disk full");
            }

            Kept.AddRange(items.Select(static item => item.Options));
            return new([.. items.Select(static _ => new OutboxReceipt(EnqueueStatus.Enqueued, 1, "k"))]);
        }
    }
}
