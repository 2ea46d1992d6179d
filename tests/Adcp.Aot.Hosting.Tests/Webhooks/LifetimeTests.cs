using Adcp.Aot.Auditing;
using Adcp.Aot.AspNetCore.Tests;
using Adcp.Aot.Delivery;
using Adcp.Aot.Operations;
using Adcp.Aot.Signing;
using Adcp.Aot.Storage;
using Adcp.Aot.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Adcp.Aot.Hosting.Tests.Webhooks;

public sealed class LifetimeTests : IDisposable
{
    private static readonly (string, string)[] Local = [("Adcp:Sender:AllowHttp", "true"), ("Adcp:Sender:AllowPrivateNetworks", "true")];

    private static readonly (string, string)[] Encrypted =
        [("Adcp:EncryptionKeys:0:Id", "2026"), ("Adcp:EncryptionKeys:0:Base64", Convert.ToBase64String(new byte[32]))];

    private readonly CapturingLog _log = new();

    [Fact]
    public async Task A_webhook_is_delivered_and_recorded_by_services_of_the_container()
    {
        await using ScriptedReceiver receiver = new();
        HostApplicationBuilder builder = TestHost.Builder(_log, [.. TestHost.Sound, .. Local]);
        InMemoryDeliveryLogSink sink = new(16);
        builder.Services.AddSingleton(sink);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp").AddSink<InMemoryDeliveryLogSink>().AddSink<CountingSink>();
        using IHost host = builder.Build();
        await host.StartAsync();

        DeliveryOutcome outcome = await host.Services.GetRequiredService<IWebhookDeliverySupervisor>()
            .SendAsync(receiver.Destination("op_1"), Payload("task_1"));
        await host.Services.GetRequiredService<InMemoryWebhookDeliverySupervisor>().FlushAuditAsync();

        Assert.Equal(DeliveryStatus.Delivered, outcome.Status);
        Assert.Single(sink.Snapshot());
        Assert.Equal(1, receiver.Count);
        await host.StopAsync();
        Assert.Contains(_log.Lines, static line => line.StartsWith("Information: Webhook delivery has stopped.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Operations_show_the_attempts_and_endpoints_of_the_supervisor()
    {
        await using ScriptedReceiver receiver = new();
        HostApplicationBuilder builder = TestHost.Builder(_log, [.. TestHost.Sound, .. Local]);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp").AddOperations().AddSink<CountingSink>();
        using IHost host = builder.Build();
        await host.StartAsync();

        await host.Services.GetRequiredService<IWebhookDeliverySupervisor>().SendAsync(receiver.Destination("op_1"), Payload("task_1"));
        await host.Services.GetRequiredService<InMemoryWebhookDeliverySupervisor>().FlushAuditAsync();
        IWebhookOperations operations = host.Services.GetRequiredService<IWebhookOperations>();

        Assert.Equal(OperationsFeatures.Attempts, operations.Features);
        Assert.Equal("task_1", Assert.Single((await operations.ListAttemptsAsync()).Items).TaskId);
        Assert.Single((await operations.ListEndpointsAsync()).Items);
        await host.StopAsync();
    }

    [Fact]
    public async Task Operations_of_an_outbox_show_its_dead_letters_and_workers()
    {
        using Folder folder = new();
        await using ScriptedReceiver receiver = new();
        receiver.Otherwise = ReceiverAnswer.WithStatus(410);
        HostApplicationBuilder builder = TestHost.Builder(
            _log,
            [
                .. TestHost.Sound, .. Local, .. Encrypted, ("Adcp:Database:Dialect", "Sqlite"),
                ("ConnectionStrings:adcp", folder["a.db"]),
            ]);
        builder.Services.AddAdcpWebhooks()
            .BindConfiguration("Adcp")
            .UseDatabase(open: static (_, path) => SqliteDataSource.Create(SqliteFactory.Instance, path))
            .AddOutbox()
            .AddOperations(attempts: 100);
        using IHost host = builder.Build();
        await host.StartAsync();

        await host.Services.GetRequiredService<IWebhookOutbox>()
            .EnqueueAsync(null, [new OutboxItem(receiver.Destination("op_1"), Payload("task_1"), new OutboxOptions { Tenant = "acme" })]);
        IWebhookOperations operations = host.Services.GetRequiredService<IWebhookOperations>();
        SqlWebhookOutbox outbox = host.Services.GetRequiredService<SqlWebhookOutbox>();
        await outbox.DrainAsync();

        Assert.Equal("rejected", Assert.Single((await operations.ListDeadLettersAsync()).Items).Reason);
        Assert.Single((await operations.ListWorkersAsync()).Workers);
        await host.StopAsync();
        SqliteConnection.ClearAllPools();
    }

    [Fact]
    public async Task Operations_of_a_process_that_only_enqueues_show_the_dead_letters_of_the_workers()
    {
        using Folder folder = new();
        await using ScriptedReceiver receiver = new();
        receiver.Otherwise = ReceiverAnswer.WithStatus(410);
        using IHost worker = Build();
        await worker.StartAsync();
        await worker.Services.GetRequiredService<IWebhookOutbox>()
            .EnqueueAsync(null, [new OutboxItem(receiver.Destination("op_1"), Payload("task_1"), new OutboxOptions { Tenant = "acme" })]);
        await worker.Services.GetRequiredService<SqlWebhookOutbox>().DrainAsync();
        await worker.StopAsync();

        using IHost producer = Build(("Adcp:Outbox:RunsWorker", "false"));
        await producer.StartAsync();
        IWebhookOperations operations = producer.Services.GetRequiredService<IWebhookOperations>();

        Assert.Equal(
            OperationsFeatures.DeadLetters | OperationsFeatures.Workers | OperationsFeatures.Pause, operations.Features);
        Assert.Equal("acme", Assert.Single((await operations.ListDeadLettersAsync()).Items).Tenant);
        Assert.Equal(1, (await operations.GetStatusAsync()).DeadLetters);
        await producer.StopAsync();
        SqliteConnection.ClearAllPools();

        IHost Build(params (string, string)[] settings)
        {
            HostApplicationBuilder builder = TestHost.Builder(
                _log,
                [
                    .. TestHost.Sound, .. Local, .. Encrypted, ("Adcp:Database:Dialect", "Sqlite"),
                    ("ConnectionStrings:adcp", folder["a.db"]), .. settings,
                ]);
            builder.Services.AddAdcpWebhooks()
                .BindConfiguration("Adcp")
                .UseDatabase(open: static (_, path) => SqliteDataSource.Create(SqliteFactory.Instance, path))
                .AddOutbox()
                .ConfigureOutbox(static (_, options) => options with { TablePrefix = "acme_outbox" })
                .AddOperations(attempts: 100);
            return builder.Build();
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData((1 << 20) + 1)]
    public void A_history_without_room_or_beyond_memory_is_refused(int attempts) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new ServiceCollection().AddAdcpWebhooks().AddOperations(attempts));

    [Fact]
    public async Task Named_instances_have_keys_settings_and_supervisors_of_their_own()
    {
        HostApplicationBuilder builder = TestHost.Builder(
            [.. TestHost.Sound, ("Other:Version", "3.2"), ("Other:Keys:0:Jwk", TestHost.Jwk), ("Other:Retry:MaxAttempts", "9")]);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp");
        builder.Services.AddAdcpWebhooks("other").BindConfiguration("Other");
        using IHost host = builder.Build();
        await host.StartAsync();

        InMemoryWebhookDeliverySupervisor plain = host.Services.GetRequiredService<InMemoryWebhookDeliverySupervisor>();
        InMemoryWebhookDeliverySupervisor other = host.Services.GetRequiredKeyedService<InMemoryWebhookDeliverySupervisor>("other");

        Assert.NotSame(plain, other);
        Assert.Equal((3, 9), (plain.Retry.MaxAttempts, other.Retry.MaxAttempts));
        Assert.Equal(AdcpVersion.V32, host.Services.GetRequiredKeyedService<IWebhookSender>("other").Facts!.Version);
        await host.StopAsync();
    }

    [Fact]
    public async Task The_outbox_gets_its_tables_and_worker_and_empties_before_the_host_ends()
    {
        using Folder folder = new();
        await using ScriptedReceiver receiver = new();
        HostApplicationBuilder builder = TestHost.Builder(
            _log,
            [
                .. TestHost.Sound, .. Local, .. Encrypted, ("Adcp:Database:Dialect", "Sqlite"),
                ("ConnectionStrings:adcp", folder["a.db"]),
            ]);
        builder.Services.AddAdcpWebhooks()
            .BindConfiguration("Adcp")
            .UseDatabase(open: static (_, path) => SqliteDataSource.Create(SqliteFactory.Instance, path))
            .AddOutbox();
        using (IHost host = builder.Build())
        {
            await host.StartAsync();
            IWebhookOutbox outbox = host.Services.GetRequiredService<IWebhookOutbox>();
            await outbox.EnqueueAsync(
                null, [.. Enumerable.Range(0, 20).Select(i => new OutboxItem(
                    receiver.Destination($"op_{i}"), Payload($"task_{i}"), new OutboxOptions { Tenant = "acme" }))]);
            await receiver.WhenReceived(20);
            OutboxStatus empty = await host.Services.GetRequiredService<SqlWebhookOutbox>().DrainAsync();
            Assert.Equal(0, empty.Dead);
            await host.StopAsync();
        }

        Assert.Equal(20, receiver.Count);
        Assert.DoesNotContain(_log.Lines, static line => line.StartsWith("Warning", StringComparison.Ordinal));
        SqliteConnection.ClearAllPools();
    }

    [Fact]
    public async Task Tenants_sign_with_keys_of_their_own_in_memory_and_from_the_outbox()
    {
        using Folder folder = new();
        await using ScriptedReceiver receiver = new();
        HostApplicationBuilder builder = TestHost.Builder(
            _log,
            [
                .. TestHost.Sound, .. Local, .. Encrypted, ("Adcp:Database:Dialect", "Sqlite"),
                ("ConnectionStrings:adcp", folder["a.db"]),
            ]);
        using SigningKey acme = SigningKey.Generate(SignatureAlgorithm.Ed25519, "acme-1");
        using SigningKey bolt = SigningKey.Generate(SignatureAlgorithm.EcdsaP256Sha256, "bolt-1");
        builder.Services.AddSingleton(new Dictionary<string, SigningKey> { ["acme"] = acme, ["bolt"] = bolt });
        builder.Services.AddAdcpWebhooks()
            .BindConfiguration("Adcp")
            .UseDatabase(open: static (_, path) => SqliteDataSource.Create(SqliteFactory.Instance, path))
            .UseTenantKeys(static (services, tenant, _) => new(
                new Rfc9421Signer(services.GetRequiredService<Dictionary<string, SigningKey>>()[tenant])))
            .AddOutbox();
        using IHost host = builder.Build();
        await host.StartAsync();

        IWebhookDeliverySupervisor supervisor = host.Services.GetRequiredService<IWebhookDeliverySupervisor>();
        await supervisor.SendAsync(receiver.Destination("op_1"), Payload("task_1"), new DeliveryOptions { Tenant = "acme" });
        await supervisor.SendAsync(receiver.Destination("op_2"), Payload("task_2"));
        await host.Services.GetRequiredService<IWebhookOutbox>().EnqueueAsync(
            null, [new OutboxItem(receiver.Destination("op_3"), Payload("task_3"), new OutboxOptions { Tenant = "bolt" })]);
        await receiver.WhenReceived(3);
        IWebhookSender single = host.Services.GetRequiredService<IWebhookSenderSource>().GetSender("acme");
        await single.SendAsync(single.Prepare(receiver.Destination("op_4"), Payload("task_4")));
        await host.StopAsync();

        Assert.Equal(
            ["acme-1", "seller-1", "bolt-1", "acme-1"],
            receiver.Requests.Select(static request => request.Header("Signature-Input")!.Split("keyid=\"")[1].Split('"')[0]));
        SqliteConnection.ClearAllPools();
    }

    [Fact]
    public async Task A_sender_of_the_application_sends_from_memory_and_from_the_outbox_also_for_tenants()
    {
        using Folder folder = new();
        HostApplicationBuilder builder = TestHost.Builder(_log, [.. TestHost.Sound, .. TestHost.Outbox(folder)]);
        builder.Services.AddAdcpWebhooks()
            .BindConfiguration("Adcp")
            .UseDatabase(open: static (_, path) => SqliteDataSource.Create(SqliteFactory.Instance, path))
            .UseTenantKeys(static (_, _, _) => throw new InvalidOperationException("No tenant has a key."))
            .AddOutbox();
        builder.Services.AddAdcpWebhooks().UseSender(static (_, sender) => new RecordingSender(sender));
        using IHost host = builder.Build();
        await host.StartAsync();
        RecordingSender sender = Assert.IsType<RecordingSender>(host.Services.GetRequiredService<IWebhookSender>());
        WebhookDestination destination = new("https://buyer.example/hook", "op_1");

        DeliveryOutcome outcome = await host.Services.GetRequiredService<IWebhookDeliverySupervisor>()
            .SendAsync(destination, Payload("task_1"), new DeliveryOptions { Tenant = "acme" });
        SqlWebhookOutbox outbox = host.Services.GetRequiredService<SqlWebhookOutbox>();
        await outbox.EnqueueAsync(null, [new OutboxItem(destination, Payload("task_2"), new OutboxOptions { Tenant = "acme" })]);
        OutboxStatus drained = await outbox.DrainAsync();

        Assert.Equal((DeliveryStatus.Delivered, 0L), (outcome.Status, drained.Dead));
        Assert.Equal(2, sender.Count);
        Assert.Equal((AdcpVersion.V31, "seller-1"), (sender.Facts.Version, sender.Facts.KeyId));
        Assert.Same(sender, host.Services.GetRequiredService<IWebhookSenderSource>().GetSender("acme"));
        Assert.Contains("UseSender sends by RecordingSender",
            Assert.Throws<InvalidOperationException>(host.Services.GetRequiredService<WebhookSender>).Message, StringComparison.Ordinal);
        await host.StopAsync();
        SqliteConnection.ClearAllPools();
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("", true)]
    [InlineData("europe", true)]
    public async Task A_registered_sender_that_would_not_be_used_fails_the_start(string name, bool isKeyed)
    {
        using RecordingSender sender = new();
        HostApplicationBuilder builder = TestHost.Builder(_log, TestHost.Sound);
        builder.Services.AddAdcpWebhooks(name).BindConfiguration("Adcp");
        if (isKeyed)
        {
            builder.Services.AddKeyedSingleton<IWebhookSender>(name, sender);
        }
        else
        {
            builder.Services.AddSingleton<IWebhookSender>(sender);
        }

        using IHost host = builder.Build();

        InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(() => host.StartAsync());

        Assert.StartsWith(
            "The container has RecordingSender as IWebhookSender, and webhook delivery does not use it. Give it to "
            + "AddAdcpWebhooks().UseSender",
            fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Policies_and_thresholds_are_taken_over_while_the_host_runs_and_other_settings_are_refused()
    {
        HostApplicationBuilder builder = TestHost.Builder(_log, TestHost.Sound);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp");
        using IHost host = builder.Build();
        await host.StartAsync();
        IConfigurationRoot configuration = (IConfigurationRoot)host.Services.GetRequiredService<IConfiguration>();
        InMemoryWebhookDeliverySupervisor supervisor = host.Services.GetRequiredService<InMemoryWebhookDeliverySupervisor>();

        configuration["Adcp:Retry:MaxAttempts"] = "8";
        configuration["Adcp:Circuit:FailureThreshold"] = "2";
        configuration["Adcp:Health:MinEndpoints"] = "9";
        configuration["Adcp:Delivery:MaxConcurrency"] = "7";
        configuration.Reload();

        string applied = await _log.WhenWritten(HostingEventIds.SettingsApplied);
        string refused = await _log.WhenWritten(HostingEventIds.SettingsRefused);
        Assert.Equal((8, 2), (supervisor.Retry.MaxAttempts, supervisor.Endpoints.Policy.FailureThreshold));
        Assert.Equal(9, host.Services.GetRequiredKeyedService<WebhookEngine>("").Health.MinEndpoints);
        Assert.EndsWith(
            ": Adcp:Circuit:FailureThreshold, Adcp:Health:MinEndpoints, Adcp:Retry:MaxAttempts. ", applied, StringComparison.Ordinal);
        Assert.Contains(": Adcp:Delivery:MaxConcurrency. Restart", refused, StringComparison.Ordinal);

        configuration["Adcp:Retry:MaxAttempts"] = "0";
        configuration["Adcp:Circuit:FailureThreshold"] = "3";
        configuration.Reload();

        Assert.Equal((8, 2), (supervisor.Retry.MaxAttempts, supervisor.Endpoints.Policy.FailureThreshold));
        Assert.Contains("Adcp:Retry:MaxAttempts: ", await _log.WhenWritten(HostingEventIds.SettingsFaulty), StringComparison.Ordinal);

        configuration["Adcp:Retry:MaxAttempts"] = "8";
        configuration.Reload();

        Assert.Equal((8, 3), (supervisor.Retry.MaxAttempts, supervisor.Endpoints.Policy.FailureThreshold));
        await host.StopAsync();
    }

    [Fact]
    public async Task The_outbox_takes_over_its_retries_and_the_policy_of_its_circuits()
    {
        using Folder folder = new();
        HostApplicationBuilder builder = TestHost.Builder(
            _log,
            [
                .. TestHost.Sound, .. Encrypted, ("Adcp:Database:Dialect", "Sqlite"), ("ConnectionStrings:adcp", folder["a.db"]),
            ]);
        builder.Services.AddAdcpWebhooks()
            .BindConfiguration("Adcp")
            .UseDatabase(open: static (_, path) => SqliteDataSource.Create(SqliteFactory.Instance, path))
            .AddOutbox();
        using IHost host = builder.Build();
        await host.StartAsync();
        IConfigurationRoot configuration = (IConfigurationRoot)host.Services.GetRequiredService<IConfiguration>();
        WebhookEngine engine = host.Services.GetRequiredKeyedService<WebhookEngine>("");

        configuration["Adcp:Outbox:Retry:BaseDelay"] = "00:00:07";
        configuration["Adcp:Circuit:OpenTimeout"] = "00:00:09";
        configuration.Reload();

        Assert.Equal(TimeSpan.FromSeconds(7), engine.Worker!.Retry.BaseDelay);
        Assert.Equal(TimeSpan.FromSeconds(9), engine.Worker.Endpoints.Policy.OpenTimeout);
        Assert.Equal(RetryPolicy.Default, engine.Supervisor.Retry);
        await host.StopAsync();
        SqliteConnection.ClearAllPools();
    }

    [Fact]
    public async Task Options_that_code_sets_win_after_a_reload_too()
    {
        using Folder folder = new();
        HostApplicationBuilder builder = TestHost.Builder(_log, [.. TestHost.Sound, .. TestHost.Outbox(folder)]);
        builder.Services.AddAdcpWebhooks()
            .BindConfiguration("Adcp")
            .UseDatabase(open: static (_, path) => SqliteDataSource.Create(SqliteFactory.Instance, path))
            .AddOutbox()
            .ConfigureDelivery(static (_, options) => options with
            {
                Retry = options.Retry with { MaxAttempts = 11 },
                Circuit = options.Circuit with { FailureThreshold = 7 },
            })
            .ConfigureWorker(static (_, options) => options with
            {
                Attempts = options.Attempts with { Retry = options.Attempts.Retry with { MaxAttempts = 13 } },
            });
        using IHost host = builder.Build();
        await host.StartAsync();
        IConfigurationRoot configuration = (IConfigurationRoot)host.Services.GetRequiredService<IConfiguration>();
        WebhookEngine engine = host.Services.GetRequiredKeyedService<WebhookEngine>("");

        configuration["Adcp:Retry:MaxAttempts"] = "2";
        configuration["Adcp:Retry:BaseDelay"] = "00:00:07";
        configuration["Adcp:Outbox:Retry:MaxAttempts"] = "2";
        configuration["Adcp:Outbox:Retry:BaseDelay"] = "00:00:08";
        configuration["Adcp:Circuit:FailureThreshold"] = "2";
        configuration["Adcp:Circuit:OpenTimeout"] = "00:00:09";
        configuration.Reload();

        await _log.WhenWritten(HostingEventIds.SettingsApplied);
        Assert.Equal((11, TimeSpan.FromSeconds(7)), (engine.Supervisor.Retry.MaxAttempts, engine.Supervisor.Retry.BaseDelay));
        Assert.Equal((13, TimeSpan.FromSeconds(8)), (engine.Worker!.Retry.MaxAttempts, engine.Worker.Retry.BaseDelay));
        CircuitBreakerPolicy[] policies = [engine.Supervisor.Endpoints.Policy, engine.Worker.Endpoints.Policy];
        Assert.All(
            policies, static policy => Assert.Equal((7, TimeSpan.FromSeconds(9)), (policy.FailureThreshold, policy.OpenTimeout)));

        await host.StopAsync();
        SqliteConnection.ClearAllPools();
    }

    [Fact]
    public async Task A_change_before_the_host_has_started_is_taken_over_too()
    {
        HostApplicationBuilder builder = TestHost.Builder(_log, TestHost.Sound);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp");
        using IHost host = builder.Build();
        InMemoryWebhookDeliverySupervisor supervisor = host.Services.GetRequiredService<InMemoryWebhookDeliverySupervisor>();
        IConfigurationRoot configuration = (IConfigurationRoot)host.Services.GetRequiredService<IConfiguration>();
        configuration["Adcp:Retry:MaxAttempts"] = "8";

        await host.StartAsync();

        Assert.Contains("Adcp:Retry:MaxAttempts", await _log.WhenWritten(HostingEventIds.SettingsApplied), StringComparison.Ordinal);
        Assert.Equal(8, supervisor.Retry.MaxAttempts);
        await host.StopAsync();
    }

    [Fact]
    public async Task A_shutdown_time_that_is_too_short_is_said_at_the_start()
    {
        HostApplicationBuilder builder = TestHost.Builder(_log, TestHost.Sound);
        builder.Services.Configure<HostOptions>(static options => options.ShutdownTimeout = TimeSpan.FromSeconds(5));
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp");
        using IHost host = builder.Build();
        await host.StartAsync();

        Assert.Contains("ShutdownTimeout is 00:00:05, and a delivery may take 00:00:12",
            await _log.WhenWritten(HostingEventIds.ShutdownTimeoutShort), StringComparison.Ordinal);
        await host.StopAsync();
    }

    [Fact]
    public async Task A_delivery_under_way_when_the_host_stops_is_finished()
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using ScriptedReceiver receiver = new() { Otherwise = ReceiverAnswer.OkAfter(gate.Task) };
        HostApplicationBuilder builder = TestHost.Builder(_log, [.. TestHost.Sound, .. Local]);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp");
        using IHost host = builder.Build();
        await host.StartAsync();
        Task<DeliveryOutcome> delivery = host.Services.GetRequiredService<IWebhookDeliverySupervisor>()
            .SendAsync(receiver.Destination("op_1"), Payload("task_1")).AsTask();
        await receiver.WhenReceived(1);

        Task stop = host.StopAsync();
        gate.SetResult();
        await stop;

        Assert.Equal(DeliveryStatus.Delivered, (await delivery).Status);
        Assert.Contains("1 deliveries were under way", await _log.WhenWritten(HostingEventIds.Stopped), StringComparison.Ordinal);
    }

    public void Dispose() => _log.Dispose();

    private static McpWebhook Payload(string task) =>
        new() { TaskId = task, TaskType = TaskType.CreateMediaBuy, Status = AdcpTaskStatus.Completed, Result = "{}"u8.ToArray() };

    private sealed class CountingSink(IServiceProvider services) : IDeliveryLogSink
    {
        public ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken)
        {
            Assert.NotNull(services);
            return ValueTask.CompletedTask;
        }
    }
}
