using Adcp.Aot.Delivery;
using Adcp.Aot.Receiving;
using Adcp.Aot.Storage;
using Adcp.Aot.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Snippets;

/// <summary>The C# of docs/testing.md.</summary>
internal static class TestingDocs
{
    public static async Task DeliverAsync(InMemoryWebhookDeliverySupervisor webhooks, McpWebhook report)
    {
        // snippet: test-delivery
        await using ScriptedReceiver receiver = new();
        receiver.Then(ReceiverAnswer.WithStatus(503), ReceiverAnswer.WithStatus(200));

        DeliveryOutcome outcome = await webhooks.SendMcpAsync(receiver.Destination(), report);

        DeliveryAssert.Ended(DeliveryStatus.Delivered, outcome);
        // receiver.Requests: two, with the same body
        // end
    }

    public static async Task TestAppAsync(HostApplicationBuilder builder, OutboxItem report)
    {
        // snippet: test-app
        FakeTimeProvider clock = new(DateTimeOffset.UtcNow);
        builder.Services.AddAdcpWebhooks() // after the application's own call: the same instance
            .UseTestClock(clock)
            .UseSender((_, sender) => new RecordingSender(sender));

        using IHost host = builder.Build();
        await host.StartAsync();
        RecordingSender sent = (RecordingSender)host.Services.GetRequiredService<IWebhookSender>();
        sent.AnswerWith(503, 200);

        IWebhookOutbox outbox = host.Services.GetRequiredService<IWebhookOutbox>();
        await outbox.EnqueueAsync(null, [report]);
        OutboxStatus drained = await outbox.DrainAsync(); // the clock goes on to the second attempt

        DeliveryAssert.AreRetries(sent.Attempts);
        // drained.Dead: 0
        // end
    }

    public static async Task CheckAsync(CancellationToken cancellationToken)
    {
        // snippet: rules
        foreach (string rule in ClaimStoreContract.Rules)
        {
            await new RedisClaimTests().CheckAsync(rule, cancellationToken);
        }
        // end
    }
}

// snippet: contract
public sealed class RedisClaimTests : ClaimStoreContract
{
    private readonly FakeClock _clock = new();
    private readonly string _prefix = Guid.NewGuid().ToString("N"); // each rule has an empty store

    protected override ValueTask<IWebhookClaimStore> OpenAsync(int maxKeysPerSender, CancellationToken cancellationToken) =>
        new(new RedisClaims(_prefix, maxKeysPerSender, _clock));

    protected override ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        _clock.Now += time;
        return default;
    }
}
// end

/// <summary>An adopter's clock.</summary>
internal sealed class FakeClock : TimeProvider
{
    public DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch;

    public override DateTimeOffset GetUtcNow() => Now;
}

/// <summary>An adopter's store. Its keys begin with a prefix.</summary>
internal sealed class RedisClaims(string prefix, int maxKeysPerSender, TimeProvider time) : IWebhookClaimStore
{
    private readonly DevelopmentWebhookClaimStore _inner = new(maxKeysPerSender, time);

    public bool IsDurable => false;

    public ValueTask<WebhookClaim> ClaimAsync(
        string sender, string idempotencyKey, ReadOnlyMemory<byte> fingerprint, TimeSpan lease, TimeSpan retention,
        CancellationToken cancellationToken) =>
        _inner.ClaimAsync(prefix + sender, idempotencyKey, fingerprint, lease, retention, cancellationToken);

    public ValueTask<bool> RenewAsync(WebhookClaim claim, TimeSpan lease, CancellationToken cancellationToken) =>
        _inner.RenewAsync(claim, lease, cancellationToken);

    public ValueTask<bool> CompleteAsync(WebhookClaim claim, CancellationToken cancellationToken) =>
        _inner.CompleteAsync(claim, cancellationToken);

    public ValueTask<bool> ReleaseAsync(WebhookClaim claim, CancellationToken cancellationToken) =>
        _inner.ReleaseAsync(claim, cancellationToken);
}
