using System.Text;
using System.Text.Json;
using Adcp.Aot.Payloads;
using Adcp.Aot.Payloads.Notifications;
using CsCheck;

namespace Adcp.Aot.Tests.Payloads.Notifications;

public sealed class NotificationTests
{
    private static readonly EnvelopeContext Facts = new(
        AdcpVersion.V32, "whk_0123456789abcdef", new DateTimeOffset(2026, 11, 24, 13, 0, 0, 5, TimeSpan.FromHours(1)), "op_1",
        "a-token-of-sixteen", null);

    private static readonly Gen<string> Name =
        Gen.Select(Gen.Char['!', '~'],
            Gen.String[Gen.OneOf(Gen.Char[' ', '~'], Gen.Char['\u00A1', '\u2000'], Gen.Char['\u3040', '\uD7FF']), 0, 40])
            .Select((a, b) => a + b);
    private static readonly Gen<string> Prose =
        Gen.Select(Name, Gen.String[Gen.OneOf(Gen.Char[' ', '~'], Gen.Const('\n'), Gen.Const('"')), 0, 60]).Select((a, b) => a + b);
    private static readonly Gen<string> Id = Gen.String[Gen.OneOf([.. "AZaz09_.:-"]), 1, 64];
    private static readonly Gen<DateTimeOffset> Time = Gen.Select(Gen.Long[0, 4_000_000_000_000], Gen.Int[-12, 14]).Select((ms, offset) =>
        DateTimeOffset.FromUnixTimeMilliseconds(ms).ToOffset(TimeSpan.FromHours(offset)));
    private static readonly Gen<ReadOnlyMemory<byte>> Ext = Gen.OneOf(
        Gen.Const(default(ReadOnlyMemory<byte>)),
        Name.Select(name => (ReadOnlyMemory<byte>)JsonSerializer.SerializeToUtf8Bytes(
            new Dictionary<string, object> { [name] = new[] { 1, 2 } })));

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Every_creative_status_change_satisfies_its_schema()
    {
        CreativeTransition[] steps = [.. from a in Enum.GetValues<CreativeStatus>() from b in Enum.GetValues<CreativeStatus>() let step =
            Step(a, b) where step is not null select step];
        Assert.Equal(10, steps.Length);
        Holds("/schemas/creative/creative-status-changed-webhook.json",
            Gen.Select(Id, Name, Gen.OneOf(steps), Any<CreativeReasonCode>(), Any<EventInitiator>(), Maybe(Prose), Ext)
            .Select((id, name, step, reason, initiator, detail, ext) => (WebhookPayload)new CreativeStatusChanged
            {
                NotificationId = id,
                SubscriberId = id,
                AccountId = name,
                CreativeId = name,
                Transition = step,
                ReasonCode = reason,
                Initiator = initiator,
                ReasonDetail = detail,
                RevisionId = detail is null ? null : id,
                Ext = ext,
            }));
    }

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Every_recorded_change_of_an_account_satisfies_its_schema() =>
        Holds("account-change-recorded-webhook.json", Gen.Select(Id, Name, Time, Maybe(Name), Gen.Int[0, 12], Ext)
            .Select((id, name, at, cursor, parents, ext) => (WebhookPayload)new AccountChangeRecorded
            {
                NotificationId = id,
                SubscriberId = id,
                AccountId = name,
                RecordedAt = at,
                Resource = new ChangedResource(
                    "media_buy.x-1", name,
                    parents == 0 ? null : Enumerable.Range(0, parents).ToDictionary(i => $"p{i}", _ => name)),
                Action = name,
                ThroughCursor = cursor,
                Ext = ext,
            }));

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Every_change_of_a_principal_satisfies_its_schema() =>
        Holds("principal-changed-webhook.json", Gen.Select(Id, Any<PrincipalChangeReason>(), Time, Gen.Bool, Ext)
            .Select((id, reason, at, full, ext) => (WebhookPayload)new PrincipalChanged
            {
                NotificationId = id,
                SubscriberId = id,
                AgentUrl = "https://seller.example/adcp",
                ChangedAt = at,
                Reason = reason,
                DestinationId = full ? id : null,
                Ext = ext,
            }));

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Every_news_of_reporting_satisfies_its_schema()
    {
        Holds("reporting-delivery-ready-webhook.json",
            Gen.Select(Id, Name, Any<ReportingFeedPurpose>(), Any<ReportingReadiness>(), Any<ReportingFinality>(), Time, Gen.Bool)
            .Select((id, name, purpose, readiness, finality, at, full) => (WebhookPayload)new ReportingDeliveryReady
            {
                NotificationId = id,
                SubscriberId = id,
                AccountId = name,
                DeliveryConfigId = id,
                DeliveryConfigVersion = 3,
                FeedPurpose = purpose,
                RevisionId = id,
                MaterializationId = id,
                Readiness = readiness,
                Finality = finality,
                DataThrough = full ? at : null,
            }));
        Holds("reporting-status-changed-webhook.json",
            Gen.Select(Id, Name, Any<ReportingFeedPurpose>(), Any<ReportingHealth>(), Any<ReportingHealth>(), Gen.Bool, Ext)
            .Select((id, name, purpose, health, previous, full, ext) => (WebhookPayload)new ReportingStatusChanged
            {
                NotificationId = id,
                SubscriberId = id,
                AccountId = name,
                DeliveryConfigId = id,
                DeliveryConfigVersion = 1,
                FeedPurpose = purpose,
                Health = health,
                PreviousHealth = full ? previous : null,
                ObligationId = full ? id : null,
                IssueIds = full || health is ReportingHealth.Delayed or ReportingHealth.ActionRequired ? ["i1", "i2"] : null,
                Ext = ext,
            }));
        Holds("reporting-ledger-changed-webhook.json", Gen.Select(Id, Name, Any<ReportingFinality>(), Gen.Int[0, 2], Ext)
            .Select((id, name, finality, kind, ext) => (WebhookPayload)new ReportingLedgerChanged
            {
                NotificationId = id,
                SubscriberId = id,
                AccountId = name,
                Change = kind == 0
                    ? ReportingLedgerChange.Adjustment(id, "r1")
                    : ReportingLedgerChange.Revision(id, finality, kind == 1 ? null : "r0"),
                Ext = ext,
            }));
    }

    [Fact]
    public void News_of_reporting_that_say_too_little_or_too_much_are_refused()
    {
        ReportingStatusChanged delayed = new()
        {
            NotificationId = "n",
            SubscriberId = "s",
            AccountId = "a",
            DeliveryConfigId = "d",
            DeliveryConfigVersion = 1,
            FeedPurpose = ReportingFeedPurpose.Pacing,
            Health = ReportingHealth.Delayed,
        };
        ReportingDeliveryReady extended = new()
        {
            NotificationId = "n",
            SubscriberId = "s",
            AccountId = "a",
            DeliveryConfigId = "d",
            DeliveryConfigVersion = 1,
            FeedPurpose = ReportingFeedPurpose.Pacing,
            RevisionId = "r",
            MaterializationId = "m",
            Readiness = ReportingReadiness.Available,
            Finality = ReportingFinality.Snapshot,
            DataThrough = null,
            Ext = "{\"x\":1}"u8.ToArray(),
        };

        Assert.Equal("missing_issue_ids", Assert.Throws<WebhookPayloadException>(() => AdcpSchemas.Write(delayed, Facts)).Code);
        Assert.Equal("no_extensions", Assert.Throws<WebhookPayloadException>(() => AdcpSchemas.Write(extended, Facts)).Code);
        Refused<ArgumentException>("type", () => new ChangedResource("Media Buy", "m"));
        Refused<ArgumentException>("parentIds", () =>
            new ChangedResource("m", "m", Enumerable.Range(0, 13).ToDictionary(i => $"p{i}", _ => "x")));
        Refused<ArgumentException>("IssueIds", () => new ReportingStatusChanged
        {
            NotificationId = "n",
            SubscriberId = "s",
            AccountId = "a",
            DeliveryConfigId = "d",
            DeliveryConfigVersion = 1,
            FeedPurpose = ReportingFeedPurpose.Pacing,
            Health = ReportingHealth.Delayed,
            IssueIds = ["same", "same"],
        });
    }

    [Fact]
    public void A_product_in_its_canonical_form_is_not_sent_to_a_3_1_receiver()
    {
        Assert.Null(AdcpSchemas.TryWrite(Product(ProductPayloadView.Canonical), Facts with { Version = AdcpVersion.V31 }));
        Assert.DoesNotContain(
            "product_payload_view",
            AdcpSchemas.Write(Product(ProductPayloadView.Legacy), Facts with { Version = AdcpVersion.V31 }), StringComparison.Ordinal);

        static WholesaleFeedChanged Product(ProductPayloadView view) => new()
        {
            Event = WholesaleFeedEvent.ProductCreated(
                Guid.CreateVersion7(), default, FeedScope.Public, "p", view, "{\"product_id\":\"p\"}"u8.ToArray()),
            SubscriberId = "s",
            AccountId = "a",
            FeedVersion = "1",
        };
    }

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Every_creative_purge_satisfies_its_schema() =>
        Holds("/schemas/creative/creative-purged-webhook.json",
            Gen.Select(Id, Name, Any<PurgeKind>(), Time, Any<CreativeReasonCode>(), Maybe(Prose), Ext)
            .Select((id, name, kind, at, reason, detail, ext) => (WebhookPayload)new CreativePurged
            {
                NotificationId = id,
                SubscriberId = id,
                AccountId = name,
                CreativeId = name,
                PurgeKind = kind,
                PurgedAt = at,
                ReasonCode = reason,
                Initiator = EventInitiator.System,
                ReasonDetail = detail,
                Ext = ext,
            }));

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Every_assignment_change_satisfies_its_schema() =>
        Holds("/schemas/creative/creative-assignment-changed-webhook.json", Gen.Select(Id, Name, Any<AssignmentChange>(), Time, Ext)
            .Select((id, name, change, at, ext) => (WebhookPayload)new CreativeAssignmentChanged
            {
                NotificationId = id,
                SubscriberId = id,
                AccountId = name,
                MediaBuyId = name,
                PackageId = name,
                CreativeId = name,
                Change = change,
                ObservedAt = at,
                Ext = ext,
            }));

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Every_account_status_change_satisfies_its_schema() =>
        Holds("/schemas/core/account-status-changed-webhook.json",
            Gen.Select(Id, Name, Any<AccountStatus>(), Any<AccountStatus>(), Any<AccountReasonCode>(), Time, Maybe(Prose), Ext)
            .Select((id, name, before, after, reason, at, detail, ext) => (WebhookPayload)new AccountStatusChanged
            {
                NotificationId = id,
                SubscriberId = id,
                AccountId = name,
                PreviousStatus = before,
                Status = after,
                ReasonCode = reason,
                ObservedAt = at,
                ReasonDetail = detail,
                Ext = ext,
                Setup = detail is null ? null : new AccountSetup(detail, at.Millisecond % 2 == 0 ? at : null),
            }));

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Every_indicator_change_satisfies_its_schema() =>
        Holds("/schemas/core/indicators-changed-webhook.json",
            Gen.Select(Id, Name, Gen.Int[0, 2], Any<IndicatorChange>(), Distinct<IndicatorType>(), Time, Ext)
            .Select((id, name, kind, change, types, at, ext) => (WebhookPayload)new IndicatorsChanged
            {
                NotificationId = id,
                SubscriberId = id,
                AccountId = name,
                Change = change,
                ChangedTypes = types,
                ObservedAt = at,
                Ext = ext,
                Scope = kind switch
                {
                    0 => IndicatorScope.MediaBuy(name),
                    1 => IndicatorScope.Package(name, name),
                    _ =>
                    IndicatorScope.CreativeAssignment(name, name, name)
                },
            }));

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Every_capability_change_satisfies_its_schema() =>
        Holds("/schemas/core/capabilities-changed-webhook.json", Gen.Select(Id, Name, Any<CapabilityChangeReason>(), Time, Gen.Bool, Ext)
            .Select((id, name, reason, at, paths, ext) => (WebhookPayload)new CapabilitiesChanged
            {
                NotificationId = id,
                SubscriberId = id,
                AgentUrl = "https://seller.example/adcp",
                ChangedAt = at,
                Reason = reason,
                CapabilitiesVersion = name,
                ChangedPaths = paths ? ["/account/sandbox", "/x"] : null,
                Ext = ext,
            }));

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Every_event_of_the_wholesale_feed_satisfies_its_schemas() =>
        Holds("/schemas/core/wholesale-feed-webhook.json", Gen.Select(Id, Name, FeedEvent(), Gen.Bool, Ext)
            .Select((id, name, happened, previous, ext) => (WebhookPayload)new WholesaleFeedChanged
            {
                Event = happened,
                SubscriberId = id,
                AccountId = name,
                FeedVersion = name,
                PreviousFeedVersion = previous ? name : null,
                Ext = ext,
            }));

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Every_list_change_satisfies_its_schema()
    {
        Holds("/schemas/property/property-list-changed-webhook.json", Gen.Select(Name, Time, Maybe(Name), Ext)
            .Select((name, at, more, ext) => (WebhookPayload)new PropertyListChanged
            {
                ListId = name,
                ResolvedAt = at,
                ListName = more,
                CacheValidUntil = more is null ? null : at,
                Change = more is null ? null : new ListChange(1, Total: 5),
                Ext = ext,
            }));
        Holds("/schemas/collection/collection-list-changed-webhook.json", Gen.Select(Name, Time, Maybe(Name), Ext)
            .Select((name, at, more, ext) => (WebhookPayload)new CollectionListChanged
            {
                ListId = name,
                ResolvedAt = at,
                ListName = more,
                Change = more is null ? null : new ListChange(1, 0, 5),
                Ext = ext,
            }));
    }

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Every_artifact_batch_satisfies_its_schema() =>
        Holds("/schemas/content-standards/artifact-webhook-payload.json", Gen.Select(Name, Time, Gen.Int[0, 4], Maybe(Name), Ext)
            .Select((name, at, count, more, ext) => (WebhookPayload)new ArtifactBatch
            {
                MediaBuyId = name,
                BatchId = name,
                Ext = ext,
                Page = more is null ? null : new ArtifactPage(1, 2, count),
                Artifacts = [.. Enumerable.Range(0, count)
                .Select(_ => new DeliveredArtifact
                    { Artifact = "{\"artifact_id\":\"a\"}"u8.ToArray(), DeliveredAt = at, ImpressionId = more, PackageId = more })],
            }));

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Every_rights_revocation_satisfies_its_schema() =>
        Holds("/schemas/brand/revocation-notification.json", Gen.Select(Name, Prose, Time, Distinct<RightUse>(), Gen.Bool, Ext)
            .Select((name, reason, at, uses, all, ext) => (WebhookPayload)new RightsRevocation
            {
                RightsId = name,
                BrandId = name,
                Reason = reason,
                EffectiveAt = at,
                RevokedUses = all ? null : uses,
                Context = ext,
                Ext = ext,
            }));

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Every_ownership_challenge_satisfies_its_schema()
    {
        Gen<DeliveryAuthentication> auth =
            Gen.OneOf(DeliveryAuthentication.Rfc9421, DeliveryAuthentication.Bearer(new string('x', 32)),
                DeliveryAuthentication.HmacSha256(new string('y', 40)));
        string[] types = [.. AccountWebhookChallenge.AllowedEventTypes];
        Holds("/schemas/core/webhook-challenge.json", Gen.Select(Id, Name, auth, Gen.Int[1, types.Length])
            .Select((id, name, how, count) => (WebhookPayload)new AccountWebhookChallenge
            {
                SubscriberId = id,
                AccountId = name,
                SellerAgentUrl = "https://seller.example/a",
                DeliveryAuthentication = how,
                EventTypes = types[..count],
            }), keyed: false);
        Holds("/schemas/core/agent-webhook-challenge.json", Gen.Select(Id, auth)
            .Select((id, how) => (WebhookPayload)new AgentWebhookChallenge
            {
                SubscriberId = id,
                SellerAgentUrl = "https://seller.example/a",
                DeliveryAuthentication = how,
            }), keyed: false);
    }

    [Fact]
    [Needs(Resource.AdcpData)]
    public void The_schemas_as_tested_do_refuse()
    {
        string body = AdcpSchemas.Write(
            new WholesaleFeedChanged
            {
                Event = WholesaleFeedEvent.SignalRemoved(Guid.NewGuid(), default, FeedScope.Public, "s"),
                SubscriberId = "s",
                AccountId = "a",
                FeedVersion = "1"
            }, Facts);
        string schema = AdcpSchemas.IdOf(AdcpVersion.V32, "wholesale-feed-webhook.json");
        Assert.True(AdcpSchemas.Accepts(schema, body));
        Assert.False(AdcpSchemas.Accepts(schema, body.Replace("{\"idem", "{\"token\":\"x\",\"idem", StringComparison.Ordinal)));
        Assert.False(AdcpSchemas.Accepts(schema, body.Replace("\"scope\":\"public\"", "\"scope\":\"account\"", StringComparison.Ordinal)));
        Assert.False(AdcpSchemas.Accepts(schema, body.Replace("0001-01-01T", "yesterday", StringComparison.Ordinal)));
        Assert.False(AdcpSchemas.Accepts(schema,
            body.Replace("\"event_type\":\"signal.removed\"", "\"event_type\":\"signal.created\"", StringComparison.Ordinal)));
    }

    [Fact]
    public void Closed_bodies_hold_neither_operation_id_nor_token_and_open_ones_echo_them()
    {
        string closed = AdcpSchemas.Write(new PropertyListChanged { ListId = "l", ResolvedAt = default }, Facts);
        Assert.DoesNotContain("op_1", closed, StringComparison.Ordinal);
        Assert.DoesNotContain("a-token-of-sixteen", closed, StringComparison.Ordinal);
        Assert.Contains("\"signature\":\"rfc9421\"", closed, StringComparison.Ordinal);
        string open = AdcpSchemas.Write(new RightsRevocation { RightsId = "r", BrandId = "b", Reason = "x", EffectiveAt = default }, Facts);
        Assert.Contains("\"operation_id\":\"op_1\",\"token\":\"a-token-of-sixteen\"", open, StringComparison.Ordinal);
    }

    [Fact]
    public void A_generation_is_not_sent_what_it_does_not_define()
    {
        CapabilitiesChanged changed = new()
        {
            NotificationId = "n",
            SubscriberId = "s",
            AgentUrl = "https://a.example",
            ChangedAt = default,
            Reason = CapabilityChangeReason.Other,
            CapabilitiesVersion = "1"
        };
        CreativePurged purged = new()
        {
            NotificationId = "n",
            SubscriberId = "s",
            AccountId = "a",
            CreativeId = "c",
            PurgeKind = PurgeKind.Hard,
            PurgedAt = default,
            ReasonCode = CreativeReasonCode.LegalErasure,
            Initiator = EventInitiator.Seller
        };
        foreach ((WebhookPayload payload, AdcpVersion version, bool defined) in ((WebhookPayload, AdcpVersion, bool)[])
            [(changed, AdcpVersion.V31, false), (changed, AdcpVersion.V32, true), (purged, AdcpVersion.V30, false),
                (purged, AdcpVersion.V31, true)])
        {
            string? code = null;
            try
            {
                AdcpSchemas.Write(payload, Facts with { Version = version });
            }
            catch (WebhookPayloadException fault)
            {
                code = fault.Code;
            }

            Assert.Equal(defined ? null : "not_in_this_version", code);
        }
    }

    [Theory]
    [Needs(Resource.AdcpData)]
    [InlineData(typeof(AccountReasonCode), "core/account-status-changed-webhook.json", "reason_code")]
    [InlineData(typeof(CapabilityChangeReason), "core/capabilities-changed-webhook.json", "reason")]
    [InlineData(typeof(IndicatorChange), "core/indicators-changed-webhook.json", "change_kind")]
    [InlineData(typeof(AssignmentChange), "creative/creative-assignment-changed-webhook.json", "change_kind")]
    [InlineData(typeof(PurgeKind), "creative/creative-purged-webhook.json", "purge_kind")]
    [InlineData(typeof(EventInitiator), "creative/creative-purged-webhook.json", "initiator")]
    [InlineData(typeof(ProductPayloadView), "core/wholesale-feed-webhook.json", "product_payload_view")]
    [InlineData(typeof(PrincipalChangeReason), "core/principal-changed-webhook.json", "reason")]
    [InlineData(typeof(ReportingReadiness), "core/reporting-delivery-ready-webhook.json", "readiness")]
    public void Words_are_the_schemas(Type type, string path, string member)
    {
        using JsonDocument document = SharedFiles.Read("schemas/versions/3.2.3/" + path);
        Assert.Equal(
            document.RootElement.GetProperty("properties").GetProperty(member).GetProperty("enum").EnumerateArray()
            .Select(word => word.GetString()!).Order(StringComparer.Ordinal),
            Enum.GetNames(type).Select(JsonNamingPolicy.SnakeCaseLower.ConvertName).Order(StringComparer.Ordinal));
    }

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Account_subscribers_may_ask_for_what_the_schema_lists()
    {
        using JsonDocument document = SharedFiles.Read("schemas/versions/3.2.3/core/notification-config.json");
        Assert.Equal(
            document.RootElement.GetProperty("properties").GetProperty("event_types").GetProperty("items").GetProperty("enum")
            .EnumerateArray().Select(word => word.GetString()).Order(),
            AccountWebhookChallenge.AllowedEventTypes.Order());
        using JsonDocument earlier = SharedFiles.Read("schemas/versions/3.1.24/enums/notification-type.json");
        Assert.Subset(
            earlier.RootElement.GetProperty("enum").EnumerateArray().Select(word => word.GetString()!).ToHashSet(),
            AccountWebhookChallenge.EventTypesOf(AdcpVersion.V31).ToHashSet());
        Assert.Empty(AccountWebhookChallenge.EventTypesOf(AdcpVersion.V30));
    }

    [Fact]
    public void Members_check_themselves_and_name_themselves()
    {
        Refused<ArgumentException>("SubscriberId", () => Assignment(subscriber: "with space"));
        Refused<ArgumentException>("NotificationId", () => Assignment(id: new string('a', 256)));
        Refused<ArgumentException>("AccountId", () => Assignment(account: " "));
        Refused<ArgumentOutOfRangeException>("Change", () => Assignment(change: (AssignmentChange)9));
        Refused<WebhookPayloadException>("Ext", () =>
            new PropertyListChanged { ListId = "l", ResolvedAt = default, Ext = "{\"a\":1,\"a\":2}"u8.ToArray() });
        Refused<ArgumentException>("Ext", () => new PropertyListChanged { ListId = "l", ResolvedAt = default, Ext = "[]"u8.ToArray() });
        Refused<ArgumentOutOfRangeException>("Change", () =>
            new PropertyListChanged { ListId = "l", ResolvedAt = default, Change = new ListChange(-1) });
        Refused<ArgumentException>("to", () => new CreativeTransition(CreativeStatus.Rejected, CreativeStatus.Approved, default));
        Refused<ArgumentException>("RevokedUses", () =>
            new RightsRevocation { RightsId = "r", BrandId = "b", Reason = "x", EffectiveAt = default, RevokedUses = [] });
        Refused<ArgumentException>("RevokedUses", () => new RightsRevocation
        { RightsId = "r", BrandId = "b", Reason = "x", EffectiveAt = default, RevokedUses = [RightUse.Name, RightUse.Name] });
        Refused<ArgumentException>("SellerAgentUrl", () => new AgentWebhookChallenge
        { SubscriberId = "s", SellerAgentUrl = "not a url", DeliveryAuthentication = DeliveryAuthentication.Rfc9421 });
        Refused<ArgumentException>("credentials", () => DeliveryAuthentication.Bearer("short"));
        Refused<ArgumentException>("NotificationType", () => Assignment(type: "impairment"));
        Refused<ArgumentException>("pricingOptions", () =>
            WholesaleFeedEvent.SignalPriced(Guid.NewGuid(), default, FeedScope.Public, "s", "[]"u8.ToArray()));
        Refused<ArgumentException>("signal", () =>
            WholesaleFeedEvent.SignalCreated(Guid.NewGuid(), default, FeedScope.Public, "{\"name\":\"x\"}"u8.ToArray()));
        Refused<ArgumentException>("eventId", () => WholesaleFeedEvent.SignalRemoved(Guid.Empty, default, FeedScope.Public, "s"));
    }

    [Fact]
    public void An_answer_proves_ownership_only_when_it_is_the_value()
    {
        AgentWebhookChallenge challenge = new()
        { SubscriberId = "s", SellerAgentUrl = "https://seller.example", DeliveryAuthentication = DeliveryAuthentication.Rfc9421 };
        using JsonDocument sent = JsonDocument.Parse(AdcpSchemas.Write(challenge, Facts));
        string value = sent.RootElement.GetProperty("challenge").GetString()!;
        Assert.Equal(43, value.Length);
        Assert.Equal(ChallengeAnswer.Proven, Check(200, $"{{\"challenge\":\"{value}\"}}"));
        Assert.Equal(ChallengeAnswer.Proven, Check(299, $" {{ \"token\" : \"{value}\" }} "));
        Assert.Equal(ChallengeAnswer.NotAccepted, Check(302, $"{{\"challenge\":\"{value}\"}}"));
        Assert.Equal(ChallengeAnswer.Mismatch, Check(200, $"{{\"challenge\":\"{value[..^1]}\"}}"));
        Assert.Equal(ChallengeAnswer.Mismatch, Check(200, "{\"challenge\":\"\"}"));
        foreach (string malformed in (string[])["", "{}", value, $"\"{value}\"",
            $"{{\"challenge\":\"{value}\",\"token\":\"{value}\"}}", $"{{\"challenge\":\"{value}\",\"challenge\":\"{value}\"}}",
            $"{{\"challenge\":\"{value}\",\"x\":1}}", "{\"challenge\":1}", $"[{{\"challenge\":\"{value}\"}}]",
            $"{{\"challenge\":\"{value}\"", new string(' ', 20_000) + "{}", """{"challenge":"\ud800"}""", """{"\udc00":"x"}""",
            $$"""{"challenge":"{{value}}","token":"\udbff\ud800"}"""])
        {
            Assert.Equal(ChallengeAnswer.Malformed, Check(200, malformed));
        }

        Assert.DoesNotContain(value, challenge.ToString(), StringComparison.Ordinal);
        ChallengeAnswer Check(int status, string body) => challenge.Check(status, Encoding.UTF8.GetBytes(body));
    }

    [Fact]
    public void A_challenge_states_the_credentials_fingerprint_and_never_the_credential()
    {
        DeliveryAuthentication bearer = DeliveryAuthentication.Bearer("0123456789abcdef0123456789abcdef");
        Assert.Equal("3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9", bearer.CredentialFingerprint);
        Assert.Equal("Bearer", bearer.ToString());
    }

    [Fact]
    public void Revocations_have_their_own_schedule()
    {
        RetryPolicy policy = RetryPolicy.RightsRevocation;
        Assert.Equal(6, policy.MaxAttempts);
        Assert.Equal([0, 1, 5, 30, 300, 1800], Enumerable.Range(1, 6)
            .Select(attempt => (int)policy.DelayBeforeAttempt(attempt).TotalSeconds));
    }

    /// <summary>
    /// Checks every AdCP version that defines the payload. The table of <see cref="SchemaCoverageTests"/> lists the
    /// versions and schemas.
    /// </summary>
    private static void Holds(string schema, Gen<WebhookPayload> payloads, bool keyed = true)
    {
        foreach (AdcpVersion version in Enum.GetValues<AdcpVersion>())
        {
            payloads.Sample(payload =>
            {
                if (AdcpSchemas.TryWrite(payload, Facts with { Version = version }) is { } body)
                {
                    AdcpSchemas.Validates(AdcpSchemas.IdOf(version, Path.GetFileName(schema)), body);
                    Assert.Equal(keyed, body.Contains("whk_0123456789abcdef", StringComparison.Ordinal));
                }
            }, iter: 200);
        }
    }

    private static void Refused<T>(string member, Func<object> make)
        where T : ArgumentException => Assert.Equal(member, Assert.Throws<T>(make).ParamName);

    private static Gen<T> Any<T>()
        where T : struct, Enum => Gen.OneOf(Enum.GetValues<T>());

    private static Gen<string?> Maybe(Gen<string> gen) => Gen.Select(gen, Gen.Bool).Select((text, there) => there ? text : null);

    private static Gen<IReadOnlyList<T>> Distinct<T>()
        where T : struct, Enum => Gen.Int[1, Enum.GetValues<T>().Length].Select(count => (IReadOnlyList<T>)Enum.GetValues<T>()[..count]);

    private static Gen<WholesaleFeedEvent> FeedEvent() =>
        Gen.Select(Gen.Int[0, 8], Name, Time, Any<ProductPayloadView>(), Gen.Int[0, 2], Any<RemovalReason>(), Gen.Bool)
        .Select((type, name, at, view, whom, reason, full) =>
    {
        Guid id = Guid.CreateVersion7();
        FeedScope scope = whom switch { 0 => FeedScope.Public, 1 => FeedScope.Accounts(), _ => FeedScope.Accounts("a", "b") };
        ReadOnlyMemory<byte> product = "{\"product_id\":\"p\"}"u8.ToArray();
        ReadOnlyMemory<byte> options = "[{\"pricing_option_id\":\"o\"}]"u8.ToArray();
        ReadOnlyMemory<byte> signal = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
        {
            ["signal_agent_segment_id"] = name,
            ["name"] = name,
            ["description"] = name,
            ["signal_type"] = "marketplace",
            ["deployments"] = new[] { new { type = "platform" } },
            ["signal_ref"] = new { id = name },
        });
        IReadOnlyList<string>? fields = full ? [name] : null;
        return type switch
        {
            0 => WholesaleFeedEvent.ProductCreated(id, at, scope, name, view, product),
            1 => WholesaleFeedEvent.ProductUpdated(id, at, scope, name, view, product, fields),
            2 => WholesaleFeedEvent.ProductPriced(id, at, scope, name, view, options, fields, full ? at : null, full ? id : null),
            3 => WholesaleFeedEvent.ProductRemoved(id, at, scope, name, view, full ? reason : null),
            4 => WholesaleFeedEvent.SignalCreated(id, at, scope, signal),
            5 => WholesaleFeedEvent.SignalUpdated(id, at, scope, signal, fields),
            6 => WholesaleFeedEvent.SignalPriced(id, at, scope, name, options, fields, full ? at : null, full ? id : null),
            7 => WholesaleFeedEvent.SignalRemoved(id, at, scope, name, full ? reason : null),
            _ => WholesaleFeedEvent.BulkChange(id, at, scope, name, name, full, 1 + name.Length, full),
        };
    });

    private static CreativeTransition? Step(CreativeStatus from, CreativeStatus to)
    {
        try
        {
            return new CreativeTransition(from, to, DateTimeOffset.UnixEpoch);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static CreativeAssignmentChanged Assignment(
        string subscriber = "s", string id = "n", string account = "a", AssignmentChange change = AssignmentChange.Assigned,
        string type = "creative.assignment_changed") => new()
        {
            NotificationId = id,
            SubscriberId = subscriber,
            AccountId = account,
            MediaBuyId = "m",
            PackageId = "p",
            CreativeId = "c",
            Change = change,
            ObservedAt = default,
            NotificationType = type,
        };
}
