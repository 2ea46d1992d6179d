using System.Data.Common;
using Adcp.Aot.Delivery;

namespace Adcp.Aot.Tests.Delivery;

public sealed class OutboxOptionsTests
{
    [Theory]
    [InlineData("")]
    [InlineData(4097)]
    public void Tenant_and_sequence_key_have_1_to_4096_characters(object bad)
    {
        string value = Text(bad);

        Assert.Throws<ArgumentException>(nameof(OutboxOptions.Tenant), () => new OutboxOptions { Tenant = value });
        Assert.Throws<ArgumentException>(nameof(OutboxOptions.SequenceKey), () => new OutboxOptions { Tenant = "t", SequenceKey = value });
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("a\n")]
    [InlineData(513)]
    public void Breaker_key_has_1_to_512_characters_without_spaces(object bad)
    {
        string value = Text(bad);

        Assert.Throws<ArgumentException>(nameof(OutboxOptions.BreakerKey), () => new OutboxOptions { Tenant = "t", BreakerKey = value });
    }

    [Fact]
    public void Null_tenant_and_empty_notification_type_are_refused()
    {
        Assert.Throws<ArgumentNullException>(nameof(OutboxOptions.Tenant), () => new OutboxOptions { Tenant = null! });
        Assert.Throws<ArgumentException>(
            nameof(OutboxOptions.NotificationType), () => new OutboxOptions { Tenant = "t", NotificationType = "" });
    }

    [Fact]
    public void Longest_values_are_accepted()
    {
        string longest = new('x', 4096);

        OutboxOptions options = new() { Tenant = longest, SequenceKey = longest, BreakerKey = longest[..512], NotificationType = longest };

        Assert.Equal(
            (longest, longest, longest[..512], longest),
            (options.Tenant, options.SequenceKey, options.BreakerKey, options.NotificationType));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task One_webhook_has_one_receipt(int receipts)
    {
        IWebhookOutbox outbox = new Outbox(receipts);

        InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(() => EnqueueAsync(outbox));

        Assert.Contains($"Outbox returned {receipts} receipts for one webhook", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_only_receipt_is_returned()
    {
        OutboxReceipt receipt = await EnqueueAsync(new Outbox(1));

        Assert.Equal(new OutboxReceipt(EnqueueStatus.Enqueued, 1, "key"), receipt);
    }

    private static string Text(object value) => value is int length ? new string('x', length) : (string)value;

    private static async Task<OutboxReceipt> EnqueueAsync(IWebhookOutbox outbox)
    {
        WebhookDestination destination = new("https://buyer.example/hook", "op_1");
        McpWebhook webhook = new() { TaskId = "t", TaskType = TaskType.CreateMediaBuy, Status = AdcpTaskStatus.Working };
        return await outbox.EnqueueAsync(null, destination, webhook, new OutboxOptions { Tenant = "t" });
    }

    private sealed class Outbox(int receipts) : IWebhookOutbox
    {
        public TimeSpan? RetryHorizon => null;

        public ValueTask<OutboxDeliveryState?> FindAsync(string tenant, string deliveryId, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public ValueTask<IReadOnlyList<OutboxReceipt>> EnqueueAsync(
            DbTransaction? transaction, IReadOnlyList<OutboxItem> items, CancellationToken cancellationToken = default) =>
            new([.. Enumerable.Repeat(new OutboxReceipt(EnqueueStatus.Enqueued, 1, "key"), receipts)]);
    }
}
