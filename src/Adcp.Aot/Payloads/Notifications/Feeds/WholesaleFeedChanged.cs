using System.Buffers;
using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// AdCP's <c>wholesale-feed-webhook</c>, since 3.1: one event of the feed, for one subscriber. Notification type and id
/// are the event's. The cache scope follows from the event's scope. The body is a closed object. For AdCP 3.1, products have the legacy
/// form. Immutable.
/// </summary>
public sealed class WholesaleFeedChanged : WebhookPayload
{
    /// <summary>The event.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public required WholesaleFeedEvent Event { get; init => field = value ?? throw new ArgumentNullException(nameof(Event)); }

    /// <summary>The subscriber's <c>subscriber_id</c>, echoed. 1 to 64 of <c>A-Z a-z 0-9 _ . : -</c>.</summary>
    /// <exception cref="ArgumentException">Does not match its pattern.</exception>
    public required string SubscriberId { get; init => field = JsonWire.Id(value, nameof(SubscriberId), 64); }

    /// <summary>The account. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string AccountId { get; init => field = JsonWire.Name(value, nameof(AccountId)); }

    /// <summary>The feed's version after the event. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string FeedVersion { get; init => field = JsonWire.Name(value, nameof(FeedVersion)); }

    /// <summary>The feed's version before; default null, left out.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public string? PreviousFeedVersion { get; init => field = value is null ? null : JsonWire.Name(value, nameof(PreviousFeedVersion)); }

    /// <summary>Extensions, a JSON object as UTF-8; default empty, left out.</summary>
    /// <exception cref="ArgumentException">Not a sound JSON object.</exception>
    public ReadOnlyMemory<byte> Ext { get; init => field = JsonWire.Json(value, JsonTokenType.StartObject, nameof(Ext)); }

    /// <summary>The event's type.</summary>
    /// <exception cref="ArgumentException">Set. It follows from the event.</exception>
    public override string? NotificationType
    {
        get => Event.EventType;
        init => throw new ArgumentException("The notification type is the event's.", nameof(NotificationType));
    }

    /// <summary>The event's id.</summary>
    /// <exception cref="ArgumentException">Set. It follows from the event.</exception>
    public override string? NotificationId
    {
        get => Event.EventId.ToString("D");
        init => throw new ArgumentException("The notification id is the event's.", nameof(NotificationId));
    }

    /// <inheritdoc/>
    public override void Write(IBufferWriter<byte> output, in EnvelopeContext facts)
    {
        ArgumentNullException.ThrowIfNull(output);
        JsonWire.Since(facts.Version, AdcpVersion.V31, Event.EventType);
        if (Event.View == ProductPayloadView.Canonical && Event.HasProduct)
        {
            JsonWire.Since(facts.Version, AdcpVersion.V32, "the canonical form of a product");
        }

        using Utf8JsonWriter json = new(output, JsonWire.Compact);
        json.WriteStartObject();
        json.WriteString("idempotency_key"u8, facts.IdempotencyKey);
        json.WriteString("notification_id"u8, Event.EventId);
        json.WriteString("notification_type"u8, Event.EventType);
        json.WriteTime("fired_at"u8, facts.Timestamp);
        json.WriteString("subscriber_id"u8, SubscriberId);
        json.WriteString("account_id"u8, AccountId);
        json.WriteString("wholesale_feed_version"u8, FeedVersion);
        json.WriteText("previous_wholesale_feed_version"u8, PreviousFeedVersion);
        json.WriteText("product_payload_view"u8, facts.Version >= AdcpVersion.V32 ? Event.View?.Wire() : null);
        json.WriteString("cache_scope"u8, Event.Scope.IsPublic ? "public"u8 : "account"u8);
        Event.Write(json);
        json.WriteJson("ext"u8, Ext);
        json.WriteEndObject();
    }
}
