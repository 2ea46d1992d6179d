using System.Data.Common;
using Adcp.Aot.AspNetCore.Tests;
using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Storage;
using Adcp.Aot.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
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

    [Fact]
    public async Task A_test_clock_brings_the_outbox_to_each_attempt_that_is_due()
    {
        using Folder folder = new();
        FakeTimeProvider clock = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        HostApplicationBuilder builder = TestHost.Builder(
            [.. TestHost.Sound, .. TestHost.Outbox(folder), ("Adcp:Outbox:Retry:Jitter", "false")]);
        AddOutbox(builder, clock);
        using IHost host = builder.Build();
        await host.StartAsync();
        RecordingSender sender = (RecordingSender)host.Services.GetRequiredService<IWebhookSender>();
        List<TimeSpan> attempts = [];
        DateTimeOffset started = clock.GetUtcNow();
        sender.Otherwise = (webhook, attempt, _) =>
        {
            attempts.Add(clock.GetUtcNow() - started);
            return new(new WebhookSendResult(webhook, attempt < 3 ? 503 : 200));
        };

        IWebhookOutbox outbox = host.Services.GetRequiredService<IWebhookOutbox>();
        await outbox.EnqueueAsync(null, [Item(clock.GetUtcNow().AddHours(2))]);
        OutboxStatus drained = await outbox.DrainAsync();

        Assert.Equal((0L, 0L, 0L), (drained.Waiting, drained.Parked, drained.Dead));
        DeliveryAssert.AreRetries(sender.Attempts);
        Assert.Equal(
            [TimeSpan.FromHours(2), TimeSpan.FromSeconds((2 * 3600) + 5), TimeSpan.FromSeconds((2 * 3600) + 15)],
            attempts.Select(static at => TimeSpan.FromSeconds(Math.Round(at.TotalSeconds))));
        await host.StopAsync();
        SqliteConnection.ClearAllPools();
    }

    [Fact]
    public async Task A_test_clock_moves_past_an_open_circuit()
    {
        using Folder folder = new();
        FakeTimeProvider clock = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        HostApplicationBuilder builder = TestHost.Builder(
        [
            .. TestHost.Sound, .. TestHost.Outbox(folder), ("Adcp:Circuit:FailureThreshold", "2"), ("Adcp:Circuit:OpenTimeout", "00:10:00"),
        ]);
        AddOutbox(builder, clock);
        using IHost host = builder.Build();
        await host.StartAsync();
        RecordingSender sender = (RecordingSender)host.Services.GetRequiredService<IWebhookSender>();
        sender.AnswerWith(503, 503);
        DateTimeOffset started = clock.GetUtcNow();

        IWebhookOutbox outbox = host.Services.GetRequiredService<IWebhookOutbox>();
        await outbox.EnqueueAsync(null, [Item()]);
        OutboxStatus drained = await outbox.DrainAsync();

        Assert.Equal((0L, 3), (drained.Dead, sender.Count));
        Assert.InRange(clock.GetUtcNow() - started, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(13));
        await host.StopAsync();
        SqliteConnection.ClearAllPools();
    }

    [Fact]
    public async Task A_host_with_a_test_clock_that_is_disposed_without_a_stop_does_not_hang()
    {
        using Folder folder = new();
        HostApplicationBuilder builder = TestHost.Builder([.. TestHost.Sound, .. TestHost.Outbox(folder)]);
        AddOutbox(builder, new FakeTimeProvider());
        IHost host = builder.Build();
        await host.StartAsync();
        RecordingSender sender = (RecordingSender)host.Services.GetRequiredService<IWebhookSender>();
        sender.Otherwise = static (webhook, _, _) => new(new WebhookSendResult(webhook, 503));
        IWebhookOutbox outbox = host.Services.GetRequiredService<IWebhookOutbox>();
        await outbox.EnqueueAsync(null, [Item()]);
        await sender.WhenSent(1);

        Task disposed = Task.Run(host.Dispose, TestContext.Current.CancellationToken);

        await disposed.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        SqliteConnection.ClearAllPools();
    }

    [Fact]
    public async Task A_host_with_a_test_clock_stops_although_an_attempt_does_not_end()
    {
        using Folder folder = new();
        FakeTimeProvider clock = new();
        HostApplicationBuilder builder = TestHost.Builder([.. TestHost.Sound, .. TestHost.Outbox(folder)]);
        builder.Services.Configure<HostOptions>(static options => options.ShutdownTimeout = TimeSpan.FromSeconds(1));
        AddOutbox(builder, clock);
        using IHost host = builder.Build();
        await host.StartAsync();
        RecordingSender sender = (RecordingSender)host.Services.GetRequiredService<IWebhookSender>();
        sender.Otherwise = static async (webhook, _, cancellationToken) =>
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return new WebhookSendResult(webhook, 200);
        };
        await host.Services.GetRequiredService<IWebhookOutbox>().EnqueueAsync(null, [Item()]);
        await sender.WhenSent(1);

        await host.StopAsync();

        Assert.Equal(1, sender.Count);
        SqliteConnection.ClearAllPools();
    }

    [Fact]
    public async Task Outboxes_that_cannot_be_drained_or_follow_a_clock_are_refused()
    {
        ArgumentException foreign = await Assert.ThrowsAsync<ArgumentException>(() => new ForeignOutbox().DrainAsync());
        NotSupportedException server = Assert.Throws<NotSupportedException>(static () => new SqlWebhookOutbox(
            new StoreDatabase(SqliteDataSource.Create(SqliteFactory.Instance, "a.db"), SqlDialect.PostgreSql), new RecordingSender(),
            SecretsAtRest.EncryptedWith(new EncryptionKey("a", new byte[EncryptionKey.SizeInBytes])),
            new SqlWebhookOutboxOptions { FollowsTimeProvider = true }));

        Assert.Contains("cannot read a ForeignOutbox", foreign.Message, StringComparison.Ordinal);
        Assert.Contains("the server's clock decides", server.Message, StringComparison.Ordinal);
    }

    private static void AddOutbox(HostApplicationBuilder builder, FakeTimeProvider clock) => builder.Services.AddAdcpWebhooks()
        .BindConfiguration("Adcp")
        .UseDatabase(open: static (_, path) => SqliteDataSource.Create(SqliteFactory.Instance, path))
        .AddOutbox()
        .UseTestClock(clock)
        .UseSender(static (_, sender) => new RecordingSender(sender));

    private static OutboxItem Item(DateTimeOffset? notBefore = null) => new(
        new WebhookDestination("https://buyer.example/hook", "op_1"), Webhook,
        new OutboxOptions { Tenant = "acme", NotBefore = notBefore });

    private sealed class ForeignOutbox : IWebhookOutbox
    {
        public TimeSpan? RetryHorizon => null;

        public ValueTask<IReadOnlyList<OutboxReceipt>> EnqueueAsync(
            DbTransaction? transaction, IReadOnlyList<OutboxItem> items, CancellationToken cancellationToken = default) => default;

        public ValueTask<OutboxDeliveryState?> FindAsync(
            string tenant, string deliveryId, CancellationToken cancellationToken = default) => default;
    }
}
