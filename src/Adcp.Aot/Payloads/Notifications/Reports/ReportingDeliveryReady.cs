using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// AdCP's <c>reporting-delivery-ready-webhook</c>, since 3.2: a revision of a report can be read, or was delivered. It holds no rows, urls
/// or credentials. It has no extensions.
/// </summary>
public sealed class ReportingDeliveryReady : SubscriberNotification
{
    /// <summary>The account. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string AccountId { get; init => field = JsonWire.Name(value, nameof(AccountId)); }

    /// <summary>The delivery configuration. 1 to 64 of <c>A-Z a-z 0-9 _ . : -</c>.</summary>
    /// <exception cref="ArgumentException">Does not match its pattern.</exception>
    public required string DeliveryConfigId { get; init => field = JsonWire.Id(value, nameof(DeliveryConfigId), 64); }

    /// <summary>The version of the delivery configuration. At least 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 1.</exception>
    public required long DeliveryConfigVersion
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1, nameof(DeliveryConfigVersion));
            field = value;
        }
    }

    /// <summary>The use of the feed.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a purpose.</exception>
    public required ReportingFeedPurpose FeedPurpose { get; init => field = JsonWire.Defined(value, nameof(FeedPurpose)); }

    /// <summary>The revision. 1 to 255 of <c>A-Z a-z 0-9 _ . : -</c>.</summary>
    /// <exception cref="ArgumentException">Does not match its pattern.</exception>
    public required string RevisionId { get; init => field = JsonWire.Id(value, nameof(RevisionId), 255); }

    /// <summary>The materialization of the revision. 1 to 255 of <c>A-Z a-z 0-9 _ . : -</c>.</summary>
    /// <exception cref="ArgumentException">Does not match its pattern.</exception>
    public required string MaterializationId { get; init => field = JsonWire.Id(value, nameof(MaterializationId), 255); }

    /// <summary>The place of the revision.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a readiness.</exception>
    public required ReportingReadiness Readiness { get; init => field = JsonWire.Defined(value, nameof(Readiness)); }

    /// <summary>The finality of the revision.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a finality.</exception>
    public required ReportingFinality Finality { get; init => field = JsonWire.Defined(value, nameof(Finality)); }

    /// <summary>The time up to which the revision has data; null if it has none.</summary>
    public required DateTimeOffset? DataThrough { get; init; }

    private protected override string TypeName => "reporting.delivery_ready";

    private protected override AdcpVersion Since => AdcpVersion.V32;

    private protected override void WriteEvent(Utf8JsonWriter json, AdcpVersion version)
    {
        if (!Ext.IsEmpty)
        {
            throw new WebhookPayloadException("no_extensions", $"'{TypeName}' has no extensions.", nameof(Ext));
        }

        json.WriteString("account_id"u8, AccountId);
        json.WriteString("delivery_config_id"u8, DeliveryConfigId);
        json.WriteNumber("delivery_config_version"u8, DeliveryConfigVersion);
        json.WriteString("feed_purpose"u8, FeedPurpose.Wire());
        json.WriteString("reporting_revision_id"u8, RevisionId);
        json.WriteString("reporting_materialization_id"u8, MaterializationId);
        json.WriteString("readiness"u8, Readiness.Wire());
        json.WriteString("finality"u8, Finality.Wire());
        if (DataThrough is null)
        {
            json.WriteNull("data_through"u8);
        }

        json.WriteTime("data_through"u8, DataThrough);
    }
}
