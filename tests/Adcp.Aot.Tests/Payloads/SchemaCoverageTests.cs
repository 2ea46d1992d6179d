using System.Text.Json;
using Adcp.Aot.Payloads;
using Adcp.Aot.Payloads.Notifications;
using Adcp.Aot.Payloads.Reporting;

namespace Adcp.Aot.Tests.Payloads;

/// <summary>
/// The schema of each payload in each AdCP version, as a table that is itself tested: no payload, no version and no
/// missing schema is skipped silently.
/// </summary>
public sealed class SchemaCoverageTests
{
    /// <summary>The generation's own schema is among the shared files.</summary>
    private const string Own = "own";

    /// <summary>The generation does not define the payload and the builder refuses to write it.</summary>
    private const string Refused = "refused";

    /// <summary>AdCP has no schema of it in any generation.</summary>
    private const string None = "none";

    private static readonly EnvelopeContext Facts =
        new(AdcpVersion.V32, "whk_0123456789abcdef", DateTimeOffset.UnixEpoch, "op_1", "a-token-of-sixteen", 7);

    public static TheoryData<string, string?, string, string, string> Table { get; } = new()
    {
        // payload, file, 3.0, 3.1, 3.2
        { nameof(McpWebhook), "mcp-webhook-payload.json", Own, Own, Own },
        { nameof(DeliveryReport), "mcp-webhook-payload.json", Refused, Own, Own },
        { nameof(A2ATaskWebhook), null, None, None, None },
        { nameof(ArtifactBatch), "artifact-webhook-payload.json", Own, Own, Own },
        { nameof(PropertyListChanged), "property-list-changed-webhook.json", Own, Own, Own },
        { nameof(CollectionListChanged), "collection-list-changed-webhook.json", Own, Own, Own },
        { nameof(RightsRevocation), "revocation-notification.json", Own, Own, Own },
        { nameof(CreativeStatusChanged), "creative-status-changed-webhook.json", Refused, Own, Own },
        { nameof(CreativePurged), "creative-purged-webhook.json", Refused, Own, Own },
        { nameof(CreativeAssignmentChanged), "creative-assignment-changed-webhook.json", Refused, Refused, Own },
        { nameof(AccountStatusChanged), "account-status-changed-webhook.json", Refused, Refused, Own },
        { nameof(IndicatorsChanged), "indicators-changed-webhook.json", Refused, Refused, Own },
        { nameof(CapabilitiesChanged), "capabilities-changed-webhook.json", Refused, Refused, Own },
        { nameof(WholesaleFeedChanged), "wholesale-feed-webhook.json", Refused, Own, Own },
        { nameof(AccountWebhookChallenge), "webhook-challenge.json", Refused, Own, Own },
        { nameof(AgentWebhookChallenge), "agent-webhook-challenge.json", Refused, Refused, Own },
        { nameof(AccountChangeRecorded), "account-change-recorded-webhook.json", Refused, Refused, Own },
        { nameof(PrincipalChanged), "principal-changed-webhook.json", Refused, Refused, Own },
        { nameof(ReportingDeliveryReady), "reporting-delivery-ready-webhook.json", Refused, Refused, Own },
        { nameof(ReportingStatusChanged), "reporting-status-changed-webhook.json", Refused, Refused, Own },
        { nameof(ReportingLedgerChanged), "reporting-ledger-changed-webhook.json", Refused, Refused, Own },
    };

    [Theory]
    [Needs(Resource.AdcpData)]
    [MemberData(nameof(Table))]
    public void Each_payload_is_held_by_its_generations_schema_or_said_to_have_none(string payload, string? file, string v30,
        string v31, string v32)
    {
        WebhookPayload sample = Sample(payload);
        foreach ((AdcpVersion version, string expected) in ((AdcpVersion, string)[])[(AdcpVersion.V30, v30),
            (AdcpVersion.V31, v31), (AdcpVersion.V32, v32)])
        {
            string? body = AdcpSchemas.TryWrite(sample, Facts with { Version = version });
            bool hasOwn = file is not null && AdcpSchemas.FilesOf(version).Contains(file);
            Assert.Equal(expected, body is null ? Refused : hasOwn ? Own : None);
            if (body is not null && file is not null)
            {
                AdcpSchemas.Validates(AdcpSchemas.IdOf(version, file), body);
            }
        }
    }

    [Fact]
    public void The_table_has_every_payload() => Assert.Equal(
        typeof(WebhookPayload).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(WebhookPayload)) && !type.IsAbstract)
        .Select(type => type.Name).Order(),
        Table.Select(row => row.Data.Item1).Order());

    [Theory]
    [Needs(Resource.AdcpData)]
    [InlineData(AdcpVersion.V30)]
    [InlineData(AdcpVersion.V31)]
    [InlineData(AdcpVersion.V32)]
    public void Notification_types_are_words_of_their_generation(AdcpVersion version)
    {
        string path = version switch { AdcpVersion.V30 => "3.0.26", AdcpVersion.V31 => "3.1.24", _ => "3.2.3" };
        using JsonDocument document = SharedFiles.Read($"schemas/versions/{path}/enums/notification-type.json");
        string[] words = [.. document.RootElement.GetProperty("enum").EnumerateArray().Select(word => word.GetString()!)];
        foreach (string payload in Table.Select(row => row.Data.Item1))
        {
            WebhookPayload sample = Sample(payload);
            if (sample.NotificationType is { } type && sample is not WebhookChallenge
                && AdcpSchemas.TryWrite(sample, Facts with { Version = version }) is not null)
            {
                Assert.Contains(type, words);
            }
        }
    }

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Every_notification_type_of_3_2_has_a_payload()
    {
        // Impairments are task webhooks of the buy; cadence types are delivery reports.
        using JsonDocument document = SharedFiles.Read("schemas/versions/3.2.3/enums/notification-type.json");
        string[] reports =
            [.. Enum.GetValues<DeliveryReportType>().Select(static type => JsonNamingPolicy.SnakeCaseLower.ConvertName($"{type}"))];
        IEnumerable<string?> written = Table.Select(static row => Sample(row.Data.Item1).NotificationType)
            .Concat(reports)
            .Concat(AccountWebhookChallenge.AllowedEventTypes.Where(static type =>
                type.StartsWith("product.", StringComparison.Ordinal) || type.StartsWith("signal.", StringComparison.Ordinal)
                || type.StartsWith("wholesale_feed.", StringComparison.Ordinal)))
            .Append("impairment");

        Assert.Empty(document.RootElement.GetProperty("enum").EnumerateArray().Select(static word => word.GetString()).Except(written));
    }

    /// <summary>
    /// A schema that is not there accepts anything. These are not there in a generation, besides those of task results, which are the
    /// seller's own.
    /// </summary>
    [Fact]
    [Needs(Resource.AdcpData)]
    public void Schemas_that_are_not_there_and_accept_anything_are_those_of_the_list()
    {
        string[] known =
        [
            "action-source", "artifact", "attribution-model", "brand-ref", "canonical-pricing-option", "canonical-product",
            "delivery-metric-aggregate", "deployment", "duration", "event-type", "placement-evidence", "pricing-model", "pricing-option",
            "product", "reach-unit", "right-use", "signal-catalog-type", "signal-coverage-forecast", "signal-id", "signal-listing",
            "signal-ref", "signal-value-type", "vendor-metric-value", "vendor-pricing-option", "viewability-standard",
        ];

        IEnumerable<string> missing =
            from version in Enum.GetValues<AdcpVersion>()
            from file in Table.Select(static row => row.Data.Item2).Append("media-buy-delivery-webhook-result.json").Distinct()
            where file is not null && AdcpSchemas.FilesOf(version).Contains(file)
            from id in AdcpSchemas.MissingBehind(AdcpSchemas.IdOf(version, file))
            let name = Path.GetFileNameWithoutExtension(id)
            where !name.Contains("-response", StringComparison.Ordinal) && !name.StartsWith("compact-task-", StringComparison.Ordinal)
            select name;

        Assert.Equal(known, missing.Distinct().Order(StringComparer.Ordinal));
    }

    private static WebhookPayload Sample(string payload) => payload switch
    {
        nameof(McpWebhook) => new McpWebhook
        { TaskId = "t", TaskType = TaskType.CreateMediaBuy, Status = AdcpTaskStatus.Completed, Result = "{}"u8.ToArray() },
        nameof(DeliveryReport) => new DeliveryReport
        {
            TaskId = "t",
            ReportType = DeliveryReportType.Scheduled,
            Period = new ReportingPeriod(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddHours(1)),
            Currency = "EUR",
            MediaBuys = [],
        },
        nameof(A2ATaskWebhook) => new A2ATaskWebhook(A2AEnvelopeMember.Task, "t", "{}"u8.ToArray(), idempotencyKey: Facts.IdempotencyKey),
        nameof(ArtifactBatch) => new ArtifactBatch { MediaBuyId = "m", BatchId = "b", Artifacts = [] },
        nameof(PropertyListChanged) => new PropertyListChanged { ListId = "l", ResolvedAt = default },
        nameof(CollectionListChanged) => new CollectionListChanged { ListId = "l", ResolvedAt = default },
        nameof(RightsRevocation) => new RightsRevocation { RightsId = "r", BrandId = "b", Reason = "x", EffectiveAt = default },
        nameof(CreativeStatusChanged) => new CreativeStatusChanged
        {
            NotificationId = "n",
            SubscriberId = "s",
            AccountId = "a",
            CreativeId = "c",
            Transition = new CreativeTransition(CreativeStatus.PendingReview, CreativeStatus.Approved, default),
            ReasonCode = CreativeReasonCode.LegalErasure,
            Initiator = EventInitiator.Seller,
        },
        nameof(CreativePurged) => new CreativePurged
        {
            NotificationId = "n",
            SubscriberId = "s",
            AccountId = "a",
            CreativeId = "c",
            PurgeKind = PurgeKind.Hard,
            PurgedAt = default,
            ReasonCode = CreativeReasonCode.LegalErasure,
            Initiator = EventInitiator.Seller,
        },
        nameof(CreativeAssignmentChanged) => new CreativeAssignmentChanged
        {
            NotificationId = "n",
            SubscriberId = "s",
            AccountId = "a",
            MediaBuyId = "m",
            PackageId = "p",
            CreativeId = "c",
            Change = Enum.GetValues<AssignmentChange>()[0],
            ObservedAt = default,
        },
        nameof(AccountStatusChanged) => new AccountStatusChanged
        {
            NotificationId = "n",
            SubscriberId = "s",
            AccountId = "a",
            PreviousStatus = Enum.GetValues<AccountStatus>()[0],
            Status = Enum.GetValues<AccountStatus>()[1],
            ReasonCode = Enum.GetValues<AccountReasonCode>()[0],
            ObservedAt = default,
        },
        nameof(IndicatorsChanged) => new IndicatorsChanged
        {
            NotificationId = "n",
            SubscriberId = "s",
            AccountId = "a",
            Change = Enum.GetValues<IndicatorChange>()[0],
            ChangedTypes = [Enum.GetValues<IndicatorType>()[0]],
            ObservedAt = default,
            Scope = IndicatorScope.MediaBuy("m"),
        },
        nameof(CapabilitiesChanged) => new CapabilitiesChanged
        {
            NotificationId = "n",
            SubscriberId = "s",
            AgentUrl = "https://a.example",
            ChangedAt = default,
            Reason = CapabilityChangeReason.Other,
            CapabilitiesVersion = "1",
        },
        nameof(AccountChangeRecorded) => new AccountChangeRecorded
        {
            NotificationId = "n",
            SubscriberId = "s",
            AccountId = "a",
            RecordedAt = default,
            Resource = new ChangedResource("media_buy", "m"),
            Action = "updated",
        },
        nameof(PrincipalChanged) => new PrincipalChanged
        {
            NotificationId = "n",
            SubscriberId = "s",
            AgentUrl = "https://a.example",
            ChangedAt = default,
            Reason = PrincipalChangeReason.Other,
        },
        nameof(ReportingDeliveryReady) => new ReportingDeliveryReady
        {
            NotificationId = "n",
            SubscriberId = "s",
            AccountId = "a",
            DeliveryConfigId = "d",
            DeliveryConfigVersion = 1,
            FeedPurpose = ReportingFeedPurpose.Billing,
            RevisionId = "r",
            MaterializationId = "m",
            Readiness = ReportingReadiness.Available,
            Finality = ReportingFinality.Official,
            DataThrough = null,
        },
        nameof(ReportingStatusChanged) => new ReportingStatusChanged
        {
            NotificationId = "n",
            SubscriberId = "s",
            AccountId = "a",
            DeliveryConfigId = "d",
            DeliveryConfigVersion = 1,
            FeedPurpose = ReportingFeedPurpose.Pacing,
            Health = ReportingHealth.Healthy,
        },
        nameof(ReportingLedgerChanged) => new ReportingLedgerChanged
        {
            NotificationId = "n",
            SubscriberId = "s",
            AccountId = "a",
            Change = ReportingLedgerChange.Adjustment("x", "r"),
        },
        nameof(WholesaleFeedChanged) => new WholesaleFeedChanged
        {
            Event = WholesaleFeedEvent.SignalRemoved(new Guid("0193c0de-0000-7000-8000-000000000001"), default, FeedScope.Public, "s"),
            SubscriberId = "s",
            AccountId = "a",
            FeedVersion = "1",
        },
        nameof(AccountWebhookChallenge) => new AccountWebhookChallenge
        {
            SubscriberId = "s",
            AccountId = "a",
            SellerAgentUrl = "https://seller.example",
            DeliveryAuthentication = DeliveryAuthentication.Rfc9421,
            EventTypes = [AccountWebhookChallenge.AllowedEventTypes[0]],
        },
        nameof(AgentWebhookChallenge) => new AgentWebhookChallenge
        { SubscriberId = "s", SellerAgentUrl = "https://seller.example", DeliveryAuthentication = DeliveryAuthentication.Rfc9421 },
        _ => throw new ArgumentException($"A sample of {payload} is missing.", nameof(payload)),
    };
}
