using Adcp.Aot.Auditing;
using Adcp.Aot.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Hosting.Tests;

/// <summary>The package Adcp.Aot.Testing.</summary>
public sealed class TestingTests
{
    private static readonly McpWebhook Webhook =
        new() { TaskId = "t", TaskType = TaskType.CreateMediaBuy, Status = AdcpTaskStatus.Completed, Result = "{}"u8.ToArray() };

    [Fact]
    public async Task A_receiver_answers_by_its_script_and_keeps_the_requests()
    {
        await using ScriptedReceiver receiver = new();
        receiver.Then(ReceiverAnswer.WithStatus(503, "Retry-After: 0"), ReceiverAnswer.Reset, ReceiverAnswer.Drip);
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");
        using WebhookSender sender = WebhookSender.FromJwk(
            key.ExportPrivateJwk(), new WebhookSenderOptions { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true });
        InMemoryDeliveryLogSink sink = new();
        await using InMemoryWebhookDeliverySupervisor webhooks = new(
            sender, new WebhookSupervisorOptions { Retry = new RetryPolicy { BaseDelay = TimeSpan.Zero, MaxAttempts = 5 }, Sink = sink });

        DeliveryOutcome outcome = await webhooks.SendMcpAsync(receiver.Destination(), Webhook);
        await webhooks.FlushAuditAsync();

        DeliveryAssert.Ended(DeliveryStatus.Delivered, outcome);
        Assert.InRange(receiver.Count, 3, 4); // a connection that was reset may be replaced within the attempt
        Assert.All(receiver.Requests, request => Assert.Equal(receiver.Requests[0].Body.ToArray(), request.Body.ToArray()));
        Assert.Equal(AttemptOutcome.Failure, sink.Snapshot()[0].Outcome);
        Assert.Throws<DeliveryAssertException>(() => DeliveryAssert.Ended(DeliveryStatus.Rejected, outcome));
    }

    [Fact]
    public async Task An_early_answer_and_a_hang_are_what_they_say()
    {
        await using ScriptedReceiver receiver = new();
        receiver.Then(ReceiverAnswer.Early(401), ReceiverAnswer.Hang);
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");
        FakeTimeProvider time = new();
        WebhookSenderOptions options = new()
        {
            Version = AdcpVersion.V32,
            AllowHttp = true,
            AllowPrivateNetworks = true,
            TimeProvider = time,
        };
        using WebhookSender sender = WebhookSender.FromJwk(key.ExportPrivateJwk(), options);
        PreparedWebhook prepared = sender.Prepare(receiver.Destination(), Webhook);

        WebhookSendResult early = await sender.SendAsync(prepared);
        Task<WebhookSendResult> hanging = sender.SendAsync(prepared).AsTask();
        await receiver.WhenReceived(2);
        time.Advance(options.AttemptTimeout);

        Assert.Equal((401, WebhookSendError.Timeout), (early.StatusCode, (await hanging).Error));
    }

    [Fact]
    public async Task A_recording_sender_freezes_answers_and_keeps()
    {
        using RecordingSender sender = new();
        sender.AnswerWith(503).FailWith(WebhookSendError.Timeout);
        InMemoryDeliveryLogSink sink = new();
        await using InMemoryWebhookDeliverySupervisor webhooks = new(
            sender, new WebhookSupervisorOptions { Retry = new RetryPolicy { BaseDelay = TimeSpan.Zero }, Sink = sink });

        DeliveryOutcome outcome = await webhooks.SendMcpAsync(new WebhookDestination("https://buyer.example/hook", "op_1"), Webhook);
        await webhooks.FlushAuditAsync();

        DeliveryAssert.Ended(DeliveryStatus.Delivered, outcome);
        DeliveryAssert.Attempts(sink, AttemptOutcome.Failure, AttemptOutcome.Failure, AttemptOutcome.Success);
        DeliveryAssert.AreRetries(sender.Attempts);
    }

    [Fact]
    public async Task A_recording_sender_answers_by_webhook_and_attempt_when_its_script_has_ended()
    {
        using RecordingSender sender = new(new WebhookSenderOptions { Version = AdcpVersion.V31 });
        sender.AnswerWith(500);
        sender.Otherwise = static (webhook, attempt, _) => new(new WebhookSendResult(webhook, attempt == 2 ? 503 : 202));
        PreparedWebhook first = sender.Prepare(new WebhookDestination("https://buyer.example/a", "op_1"), Webhook);
        PreparedWebhook second = sender.Prepare(new WebhookDestination("https://buyer.example/b", "op_1"), Webhook);
        Task awaited = sender.WhenSent(4);
        List<int> statuses = [];
        foreach (PreparedWebhook webhook in (PreparedWebhook[])[first, first, first, second])
        {
            Assert.False(awaited.IsCompleted);
            statuses.Add((await sender.SendAsync(webhook)).StatusCode);
        }

        await awaited;
        TimeoutException early = await Assert.ThrowsAsync<TimeoutException>(() => sender.WhenSent(5, TimeSpan.Zero));

        Assert.Equal([500, 503, 202, 202], statuses);
        Assert.Equal((4, AdcpVersion.V31), (sender.Count, sender.Facts.Version));
        Assert.Equal("4 of 5 awaited attempts were made.", early.Message);
        Assert.Equal(sender.Key.KeyId, sender.Facts.KeyId);
    }
}
