using System.Data.Common;
using System.Text.Json;
using Adcp.Aot.Delivery;
using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Signing;
using Adcp.Aot.Storage;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Platform.Tests.Boot;

public sealed class BootTests : IDisposable
{
    private readonly RecordingSender _sender = TestSenders.Of(AdcpVersion.V32);
    private readonly DurableSupervisor _durable = new();

    private PlatformOptions Sound => new()
    {
        Version = AdcpVersion.V32,
        SigningKeys = [_sender.Key],
        WebhookSigning = new WebhookSigningCapability { Algorithms = [SignatureAlgorithm.Ed25519], RetryHorizon = TimeSpan.FromHours(24) },
    };

    [Fact]
    public async Task A_seller_with_nothing_wrong_boots()
    {
        using RecordingSender sender = TestSenders.Of(AdcpVersion.V31);
        await using PlatformHandler durable = AdcpServer.CreateFromPlatform(new TestPlatform(), Sound, null, _durable);
        await using PlatformHandler earlier = AdcpServer.CreateFromPlatform(
            new TestPlatform(), Sound with
            {
                Version = AdcpVersion.V31,
                WebhookSigning = Sound.WebhookSigning! with { RetryHorizon = null }
            }, sender);
        await using PlatformHandler without =
            AdcpServer.CreateFromPlatform(new TestPlatform(),
                new PlatformOptions { Version = AdcpVersion.V32, AcceptsPushConfigs = false });
        await using PlatformHandler external = AdcpServer.CreateFromPlatform(
            new TestPlatform(), Sound with { TaskWebhooksAreExternal = true, ExternalRetryHorizon = TimeSpan.FromDays(2) });
        await using PlatformHandler outbox = AdcpServer.CreateFromPlatform(new TestPlatform(), Sound with { Outbox = new Outbox() });
    }

    [Fact]
    public void Nobody_who_delivers() => Gap("webhook_sender_or_supervisor", new PlatformOptions { Version = AdcpVersion.V30 }, null, null);

    [Fact]
    public void A_promise_without_a_key() => Gap("webhook_sender_with_rfc9421_key", Sound with { SigningKeys = [] }, null, _durable);

    [Fact]
    public void Algorithms_that_are_not_the_keys() => Gap(
        "webhook_signing_algorithm_alignment",
        Sound with { WebhookSigning = Sound.WebhookSigning! with { Algorithms = [SignatureAlgorithm.EcdsaP256Sha256] } }, null, _durable);

    [Fact]
    public void Webhooks_without_the_capability() => Gap("webhook_signing.supported", Sound with { WebhookSigning = null }, null, _durable);

    [Fact]
    public void Webhooks_declared_unsigned() =>
        Gap("webhook_signing.supported", Sound with { WebhookSigning = new WebhookSigningCapability { IsSupported = false } },
            null, _durable);

    [Fact]
    public void A_3_2_seller_without_a_horizon() => Gap(
        "webhook_signing.delivery_retry_horizon_seconds",
        Sound with { WebhookSigning = Sound.WebhookSigning! with { RetryHorizon = null } }, null, _durable);

    [Theory]
    [InlineData(86_399)]
    [InlineData(604_801)]
    [InlineData(90_000.5)]
    public void A_horizon_out_of_range(double seconds) => Gap(
        "webhook_signing.delivery_retry_horizon_seconds",
        Sound with { WebhookSigning = Sound.WebhookSigning! with { RetryHorizon = TimeSpan.FromSeconds(seconds) } }, null,
        new DurableSupervisor { RetryHorizon = TimeSpan.FromDays(30) });

    [Fact]
    public void A_horizon_before_3_2() =>
        Gap("webhook_signing.delivery_retry_horizon_seconds", Sound with { Version = AdcpVersion.V31 }, null, _durable);

    [Fact]
    public async Task A_horizon_over_a_supervisor_that_is_not_durable()
    {
        await using InMemoryWebhookDeliverySupervisor memory = new(_sender, new WebhookSupervisorOptions());
        string message = Gap("atomic_durable_webhook_outbox", Sound, null, memory);
        Assert.Contains("WebhookSigning.RetryHorizon", message, StringComparison.Ordinal);
        Assert.Contains("IsDurable", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_horizon_longer_than_the_supervisors() =>
        Gap("atomic_durable_webhook_outbox", Sound, null, new DurableSupervisor { RetryHorizon = TimeSpan.FromHours(23) });

    [Fact]
    public void A_horizon_over_a_sender_alone() => Gap("atomic_durable_webhook_outbox", Sound, _sender, null);

    [Fact]
    public void Two_owners_of_the_same_delivery()
    {
        Gap("single_task_webhook_owner", Sound with { Outbox = new Outbox() }, null, _durable);
        Gap("single_task_webhook_owner",
            Sound with { TaskWebhooksAreExternal = true, ExternalRetryHorizon = TimeSpan.FromDays(2) }, null, _durable);
    }

    [Fact]
    public void An_external_owner_that_promises_less() =>
        Gap("external_durable_webhook_outbox", Sound with { TaskWebhooksAreExternal = true }, null, null);

    [Fact]
    public void A_tool_that_is_there_twice() => Gap("unique_tools", Sound, null, _durable, new Twice());

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_sender_that_speaks_another_version(bool isSupervised)
    {
        using WebhookSender sender = new(new Rfc9421Signer(_sender.Key), new WebhookSenderOptions { Version = AdcpVersion.V32 });
        await using InMemoryWebhookDeliverySupervisor supervisor = new(sender);
        PlatformOptions options =
            Sound with { Version = AdcpVersion.V31, WebhookSigning = Sound.WebhookSigning! with { RetryHorizon = null } };

        string message = Gap("adcp_version_alignment", options, sender, isSupervised ? supervisor : null);

        Assert.Contains("V31", message, StringComparison.Ordinal);
        Assert.Contains("V32", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Published_keys_that_are_not_the_key_that_signs()
    {
        using SigningKey other = SigningKey.Generate(SignatureAlgorithm.Ed25519, "other");
        using WebhookSender sender = new(new Rfc9421Signer(other), new WebhookSenderOptions { Version = AdcpVersion.V31 });

        string message = Gap(
            "webhook_signing_key_alignment",
                Sound with { Version = AdcpVersion.V31, WebhookSigning = Sound.WebhookSigning! with { RetryHorizon = null } }, sender,
                    null);

        Assert.Contains("'other'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_outbox_whose_sender_speaks_another_version_or_signs_with_a_key_that_is_not_published()
    {
        using SigningKey other = SigningKey.Generate(SignatureAlgorithm.Ed25519, "other");
        using WebhookSender earlier = new(new Rfc9421Signer(_sender.Key), new WebhookSenderOptions { Version = AdcpVersion.V31 });
        using WebhookSender foreign = new(new Rfc9421Signer(other), new WebhookSenderOptions { Version = AdcpVersion.V32 });

        string version = Gap("adcp_version_alignment", Sound with { Outbox = new Outbox { Sender = earlier } }, null, null);
        string key = Gap("webhook_signing_key_alignment", Sound with { Outbox = new Outbox { Sender = foreign } }, null, null);

        Assert.Contains("V31", version, StringComparison.Ordinal);
        Assert.Contains("'other'", key, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_outbox_whose_sender_makes_no_signatures_boots_because_its_worker_may_sign()
    {
        using WebhookSender keyless =
            WebhookSender.FromBearerToken("kq8Zt3Vw0xN5yRb7Jm2Hc9Lf4Pd6Gs1A", new WebhookSenderOptions { Version = AdcpVersion.V32 });

        await using PlatformHandler handler =
            AdcpServer.CreateFromPlatform(new TestPlatform(), Sound with { Outbox = new Outbox { Sender = keyless } });
    }

    [Fact]
    public async Task The_guard_of_an_outboxs_sender_judges_registrations()
    {
        using WebhookSender sender = new(new Rfc9421Signer(_sender.Key), new WebhookSenderOptions { Version = AdcpVersion.V32 });
        await using PlatformHandler handler =
            AdcpServer.CreateFromPlatform(new TestPlatform(), Sound with { Outbox = new Outbox { Sender = sender } });
        using JsonDocument arguments = JsonDocument.Parse(
            Bench.Keyed("""{"push_notification_config":{"url":"https://10.1.2.3/h","operation_id":"o"}}"""));

        ToolReply reply = await handler.CallAsync("create_media_buy", arguments.RootElement, "buyer");

        Assert.Equal("push_notification_config.url", reply.Error?.Field);
    }

    [Fact]
    public void A_promise_of_signatures_over_a_sender_that_makes_none()
    {
        using WebhookSender sender =
            WebhookSender.FromBearerToken("kq8Zt3Vw0xN5yRb7Jm2Hc9Lf4Pd6Gs1A", new WebhookSenderOptions { Version = AdcpVersion.V31 });
        Gap("webhook_sender_with_rfc9421_key",
            Sound with { Version = AdcpVersion.V31, WebhookSigning = Sound.WebhookSigning! with { RetryHorizon = null } }, sender, null);
    }

    [Fact]
    public async Task A_sender_that_fits_boots_and_its_guard_judges_registrations()
    {
        using WebhookSender sender = new(new Rfc9421Signer(_sender.Key), new WebhookSenderOptions { Version = AdcpVersion.V31 });
        await using PlatformHandler handler = AdcpServer.CreateFromPlatform(
            new TestPlatform(),
                Sound with { Version = AdcpVersion.V31, WebhookSigning = Sound.WebhookSigning! with { RetryHorizon = null } }, sender);
        using JsonDocument arguments =
            JsonDocument.Parse(Bench.Keyed("""{"push_notification_config":{"url":"https://10.1.2.3/h","operation_id":"o"}}"""));

        ToolReply reply = await handler.CallAsync("create_media_buy", arguments.RootElement, "buyer");

        Assert.Equal("push_notification_config.url", reply.Error?.Field);
    }

    [Fact]
    public async Task Stores_whose_tables_are_missing_are_named_with_what_creates_them()
    {
        using Microsoft.Data.Sqlite.SqliteConnection keepsItOpen = new("Data Source=boot-tests;Mode=Memory;Cache=Shared");
        await using DbDataSource database = Microsoft.Data.Sqlite.SqliteFactory.Instance.CreateDataSource(keepsItOpen.ConnectionString);
        SqlTaskRegistry tasks = new(database, SqlDialect.Sqlite, SecretsAtRest.EncryptedWith(new EncryptionKey("k", new byte[32])));
        SqlIdempotencyStore answers = new(database, SqlDialect.Sqlite);
        await keepsItOpen.OpenAsync();
        await using PlatformHandler handler = AdcpServer.CreateFromPlatform(
            new TestPlatform(),
                new PlatformOptions { Version = AdcpVersion.V31, AcceptsPushConfigs = false, Tasks = tasks, Idempotency = answers });

        PlatformBootException missing = await Assert.ThrowsAsync<PlatformBootException>(() => handler.CheckStoresAsync().AsTask());
        await tasks.CreateIfAbsentAsync();
        await answers.CreateIfAbsentAsync();
        await handler.CheckStoresAsync();

        Assert.Equal(["task_registry", "idempotency_store"], missing.Gaps.Select(gap => gap.Code));
        Assert.Contains("SqlTaskRegistry.CreateIfAbsentAsync", missing.Message, StringComparison.Ordinal);
        Assert.Contains("SqlIdempotencyStore.CreateIfAbsentAsync", missing.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_outbox_whose_tables_are_missing_is_named_with_what_creates_them()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("adcp-boot-");
        try
        {
            await using DbDataSource database =
                SqliteDataSource.Create(Microsoft.Data.Sqlite.SqliteFactory.Instance, Path.Combine(folder.FullName, "seller.db"));
            await using SqlWebhookOutbox outbox = new(
                new StoreDatabase(database, SqlDialect.Sqlite), _sender, SecretsAtRest.EncryptedWith(new EncryptionKey("k", new byte[32])));
            await using PlatformHandler handler = AdcpServer.CreateFromPlatform(new TestPlatform(), Sound with { Outbox = outbox });

            PlatformBootException missing = await Assert.ThrowsAsync<PlatformBootException>(() => handler.CheckStoresAsync().AsTask());
            await outbox.CreateIfAbsentAsync();
            await handler.CheckStoresAsync();

            Assert.Equal(["webhook_outbox"], missing.Gaps.Select(gap => gap.Code));
            Assert.Contains("SqlWebhookOutbox.CreateIfAbsentAsync", missing.Message, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task An_outbox_on_another_database_than_the_tasks_is_found_before_the_first_call_and_fails_a_status_instead_of_losing_it()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("adcp-boot-");
        try
        {
            SecretsAtRest secrets = SecretsAtRest.EncryptedWith(new EncryptionKey("k", new byte[32]));
            await using DbDataSource seller = Open("seller.db");
            await using DbDataSource elsewhere = Open("outbox.db");
            SqlTaskRegistry tasks = new(seller, SqlDialect.Sqlite, secrets);
            await tasks.CreateIfAbsentAsync();
            await using SqlWebhookOutbox beside = new(new StoreDatabase(seller, SqlDialect.Sqlite), _sender, secrets);
            await using SqlWebhookOutbox apart = new(new StoreDatabase(elsewhere, SqlDialect.Sqlite), _sender, secrets);
            await beside.CreateIfAbsentAsync();
            await apart.CreateIfAbsentAsync();
            TestPlatform platform = new();
            await using PlatformHandler handler =
                AdcpServer.CreateFromPlatform(platform, Sound with { Outbox = apart, Tasks = tasks });

            PlatformBootException fault = await Assert.ThrowsAsync<PlatformBootException>(() => handler.CheckStoresAsync().AsTask());

            Assert.Equal(["webhook_outbox_transaction"], fault.Gaps.Select(gap => gap.Code));
            Assert.Contains("in one database", fault.Message, StringComparison.Ordinal);
            string task = await BeginAsync(handler, platform);
            ArgumentException refusal = await Assert.ThrowsAnyAsync<ArgumentException>(
                () => handler.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.Canceled).AsTask());
            Assert.Equal("transaction", refusal.ParamName);
            Assert.Equal(AdcpTaskStatus.Submitted, (await tasks.FindAsync("buyer", task))!.Status);

            TestPlatform second = new();
            await using PlatformHandler sound = AdcpServer.CreateFromPlatform(second, Sound with { Outbox = beside, Tasks = tasks });
            await sound.CheckStoresAsync();
            long before = (await beside.GetStatusAsync()).Waiting;
            task = await BeginAsync(sound, second);
            Assert.Equal(TaskTransition.Entered, await sound.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.Canceled));
            Assert.Equal(AdcpTaskStatus.Canceled, (await tasks.FindAsync("buyer", task))!.Status);
            Assert.Equal(before + 1, (await beside.GetStatusAsync()).Waiting);
            Assert.Equal(0, (await apart.GetStatusAsync()).Waiting);

            DbDataSource Open(string file) =>
                SqliteDataSource.Create(Microsoft.Data.Sqlite.SqliteFactory.Instance, Path.Combine(folder.FullName, file));
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        static async Task<string> BeginAsync(PlatformHandler handler, TestPlatform platform)
        {
            string plan = $$"""{"plan":"later","push_notification_config":{{Bench.Push}}}""";
            using JsonDocument arguments = JsonDocument.Parse(Bench.Keyed(plan));
            await handler.CallAsync("create_media_buy", arguments.RootElement, "buyer");
            return platform.Tasks[^1];
        }
    }

    [Fact]
    public void Every_gap_is_in_one_error()
    {
        PlatformBootException fault = Assert.Throws<PlatformBootException>(() => AdcpServer.CreateFromPlatform(
            new TestPlatform(), new PlatformOptions
            { Version = AdcpVersion.V32, WebhookSigning = new WebhookSigningCapability { RetryHorizon = TimeSpan.FromHours(1) } }));
        Assert.Equal(
            ["webhook_sender_or_supervisor", "webhook_sender_with_rfc9421_key", "webhook_signing_algorithm_alignment",
                "webhook_signing.delivery_retry_horizon_seconds", "atomic_durable_webhook_outbox"],
            fault.Gaps.Select(gap => gap.Code));
        Assert.All(fault.Gaps, gap => Assert.Contains($"[{gap.Code}] {gap.Message}", fault.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void The_capability_is_written_from_the_same_options()
    {
        using MemoryStream output = new();
        using (Utf8JsonWriter json = new(output))
        {
            json.WriteStartObject();
            Sound.WebhookSigning!.Write(json, AdcpVersion.V32);
            json.WriteEndObject();
        }

        Assert.Equal(
            """{"webhook_signing":{"supported":true,"profile":"adcp/webhook-signing/v1","algorithms":"""
            + """["ed25519"],"legacy_hmac_fallback":false,"delivery_retry_horizon_seconds":86400}}""",
            System.Text.Encoding.UTF8.GetString(output.ToArray()));
    }

    public void Dispose() => _sender.Dispose();

    private static string Gap(string code, PlatformOptions options, IWebhookSender? sender,
        IWebhookDeliverySupervisor? supervisor, IAdcpPlatform? platform = null)
    {
        PlatformBootException fault =
            Assert.Throws<PlatformBootException>(() =>
                AdcpServer.CreateFromPlatform(platform ?? new TestPlatform(), options, sender, supervisor));
        Assert.Equal(code, Assert.Single(fault.Gaps).Code);
        return fault.Message;
    }

    private sealed class DurableSupervisor : IWebhookDeliverySupervisor
    {
        public bool IsDurable => true;

        public TimeSpan? RetryHorizon { get; init; } = TimeSpan.FromHours(24);

        public ValueTask<DeliveryOutcome> SendMcpAsync(WebhookDestination destination, McpWebhook webhook,
            DeliveryOptions? options = null, CancellationToken cancellationToken = default) => default;

        public ValueTask<DeliveryOutcome> SendAsync(WebhookDestination destination, WebhookPayload payload,
            DeliveryOptions? options = null, CancellationToken cancellationToken = default) => default;

        public ValueTask<DeliveryOutcome> DeliverAsync(PreparedWebhook webhook, DeliveryOptions? options = null,
            CancellationToken cancellationToken = default) => default;

        public long NextSequence(string key) => 1;
    }

    private sealed class Outbox : IWebhookOutbox
    {
        public TimeSpan? RetryHorizon => TimeSpan.FromDays(1);

        public IWebhookSender? Sender { get; init; }

        public ValueTask<OutboxDeliveryState?> FindAsync(string tenant, string deliveryId, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public ValueTask<IReadOnlyList<OutboxReceipt>> EnqueueAsync(
            DbTransaction? transaction, IReadOnlyList<OutboxItem> items, CancellationToken cancellationToken = default) => new([]);
    }

    private sealed class Twice : IAdcpPlatform
    {
        public IReadOnlyList<ToolDescription> Tools => [new("seller_x"), new("seller_x")];

        public ValueTask<ToolReply> InvokeAsync(string tool, JsonElement arguments, ToolCall call, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }
}
