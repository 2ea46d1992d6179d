using System.Buffers;
using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// An event of the wholesale feed (AdCP's <c>wholesale-feed-event</c>), created complete by the method named after its
/// type. Products, signals and pricing options are the seller's JSON. They are checked by the event's schema, not by
/// their own. Immutable; one event serves every subscriber.
/// </summary>
public sealed class WholesaleFeedEvent
{
    private WholesaleFeedEvent(Guid eventId, string type, string entityType, string entityId, DateTimeOffset createdAt,
        FeedScope scope, ProductPayloadView? view, Action<Utf8JsonWriter> write)
    {
        if (eventId == Guid.Empty)
        {
            throw new ArgumentException("An event has an id; Guid.CreateVersion7() makes one.", nameof(eventId));
        }

        ArgumentNullException.ThrowIfNull(scope);
        EventId = eventId;
        EventType = type;
        EntityType = entityType;
        EntityId = entityId;
        CreatedAt = createdAt;
        Scope = scope;
        View = view;
        ArrayBufferWriter<byte> payload = new();
        using (Utf8JsonWriter json = new(payload, JsonWire.Compact))
        {
            json.WriteStartObject();
            write(json);
            json.WriteStartObject("applies_to"u8);
            json.WriteString("scope"u8, scope.IsPublic ? "public"u8 : "account"u8);
            json.WriteNames("account_ids"u8, scope.AccountIds);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        Payload = payload.WrittenMemory;
    }

    /// <summary>The event's identity, the same for all subscribers and re-emissions.</summary>
    public Guid EventId { get; }

    /// <summary>The wire name of the type, which is also the notification type.</summary>
    public string EventType { get; }

    /// <summary>The id of the changed product, signal or feed.</summary>
    public string EntityId { get; }

    /// <summary>The time when it happened.</summary>
    public DateTimeOffset CreatedAt { get; }

    /// <summary>The accounts that it applies to.</summary>
    public FeedScope Scope { get; }

    internal string EntityType { get; }

    internal ProductPayloadView? View { get; }

    internal ReadOnlyMemory<byte> Payload { get; }

    /// <summary><c>product.created</c>.</summary>
    /// <param name="eventId">The event's id.</param>
    /// <param name="createdAt">The time when it happened.</param>
    /// <param name="scope">The accounts that it applies to.</param>
    /// <param name="productId">The product.</param>
    /// <param name="view">The form of <paramref name="product"/>.</param>
    /// <param name="product">The product after the change, a JSON object.</param>
    /// <exception cref="ArgumentException">A value breaks its rule.</exception>
    public static WholesaleFeedEvent ProductCreated(
        Guid eventId, DateTimeOffset createdAt, FeedScope scope, string productId, ProductPayloadView view, ReadOnlyMemory<byte> product) =>
        Product("product.created", eventId, createdAt, scope, productId, view, product, null);

    /// <summary><c>product.updated</c>.</summary>
    /// <param name="eventId">The event's id.</param>
    /// <param name="createdAt">The time when it happened.</param>
    /// <param name="scope">The accounts that it applies to.</param>
    /// <param name="productId">The product.</param>
    /// <param name="view">The form of <paramref name="product"/>.</param>
    /// <param name="product">The product after the change, a JSON object.</param>
    /// <param name="changedFields">The changed fields, as a hint; null for none.</param>
    /// <exception cref="ArgumentException">A value breaks its rule.</exception>
    public static WholesaleFeedEvent ProductUpdated(
        Guid eventId, DateTimeOffset createdAt, FeedScope scope, string productId, ProductPayloadView view,
        ReadOnlyMemory<byte> product, IReadOnlyList<string>? changedFields = null) =>
        Product("product.updated", eventId, createdAt, scope, productId, view, product, changedFields);

    /// <summary><c>product.priced</c>.</summary>
    /// <param name="eventId">The event's id.</param>
    /// <param name="createdAt">The time when it happened.</param>
    /// <param name="scope">The accounts that it applies to.</param>
    /// <param name="productId">The product.</param>
    /// <param name="view">The form of <paramref name="pricingOptions"/>.</param>
    /// <param name="pricingOptions">All options after the change, a JSON array of one or more objects.</param>
    /// <param name="previousPricingOptionIds">Options that ended; null for none.</param>
    /// <param name="effectiveAt">The time when the prices begin; null for now.</param>
    /// <param name="retractsEventId">An earlier event that this one retracts; null for none.</param>
    /// <exception cref="ArgumentException">A value breaks its rule.</exception>
    public static WholesaleFeedEvent ProductPriced(
        Guid eventId, DateTimeOffset createdAt, FeedScope scope, string productId, ProductPayloadView view,
        ReadOnlyMemory<byte> pricingOptions,
        IReadOnlyList<string>? previousPricingOptionIds = null, DateTimeOffset? effectiveAt = null, Guid? retractsEventId = null)
    {
        JsonWire.Defined(view, nameof(view));
        ReadOnlyMemory<byte> options = Options(pricingOptions, nameof(pricingOptions));
        return new(eventId, "product.priced", "product", JsonWire.Name(productId, nameof(productId)), createdAt, scope, view, json =>
        {
            json.WriteString("product_id"u8, productId);
            json.WriteJson(view == ProductPayloadView.Canonical ? "canonical_pricing_options"u8 : "pricing_options"u8, options);
            Priced(json, previousPricingOptionIds, effectiveAt, retractsEventId);
        });
    }

    /// <summary><c>product.removed</c>.</summary>
    /// <param name="eventId">The event's id.</param>
    /// <param name="createdAt">The time when it happened.</param>
    /// <param name="scope">The accounts that it applies to.</param>
    /// <param name="productId">The product.</param>
    /// <param name="view">The form that the subscriber asked for.</param>
    /// <param name="reason">The reason; null for none.</param>
    /// <exception cref="ArgumentException">A value breaks its rule.</exception>
    public static WholesaleFeedEvent ProductRemoved(
        Guid eventId, DateTimeOffset createdAt, FeedScope scope, string productId, ProductPayloadView view, RemovalReason? reason = null) =>
        new(eventId, "product.removed", "product", JsonWire.Name(productId, nameof(productId)), createdAt, scope,
            JsonWire.Defined(view, nameof(view)), json =>
        {
            json.WriteString("product_id"u8, productId);
            json.WriteText("removal_reason"u8, Reason(reason));
        });

    /// <summary><c>signal.created</c>.</summary>
    /// <param name="eventId">The event's id.</param>
    /// <param name="createdAt">The time when it happened.</param>
    /// <param name="scope">The accounts that it applies to.</param>
    /// <param name="signal">The signal after the change: a JSON object with <c>signal_agent_segment_id</c>,
    /// <c>name</c>, <c>description</c>, <c>signal_type</c>, <c>deployments</c> and <c>signal_ref</c> or
    /// <c>signal_id</c>.</param>
    /// <exception cref="ArgumentException">A value breaks its rule.</exception>
    public static WholesaleFeedEvent SignalCreated(Guid eventId, DateTimeOffset createdAt, FeedScope scope, ReadOnlyMemory<byte> signal) =>
        Signal("signal.created", eventId, createdAt, scope, signal, null);

    /// <summary><c>signal.updated</c>.</summary>
    /// <param name="eventId">The event's id.</param>
    /// <param name="createdAt">The time when it happened.</param>
    /// <param name="scope">The accounts that it applies to.</param>
    /// <param name="signal">The signal after the change; see <see cref="SignalCreated"/>.</param>
    /// <param name="changedFields">The changed fields, as a hint; null for none.</param>
    /// <exception cref="ArgumentException">A value breaks its rule.</exception>
    public static WholesaleFeedEvent SignalUpdated(
        Guid eventId, DateTimeOffset createdAt, FeedScope scope, ReadOnlyMemory<byte> signal,
        IReadOnlyList<string>? changedFields = null) =>
        Signal("signal.updated", eventId, createdAt, scope, signal, changedFields);

    /// <summary><c>signal.priced</c>.</summary>
    /// <param name="eventId">The event's id.</param>
    /// <param name="createdAt">The time when it happened.</param>
    /// <param name="scope">The accounts that it applies to.</param>
    /// <param name="segmentId">The signal's <c>signal_agent_segment_id</c>.</param>
    /// <param name="pricingOptions">All options after the change, a JSON array of one or more objects.</param>
    /// <param name="previousPricingOptionIds">Options that ended; null for none.</param>
    /// <param name="effectiveAt">The time when the prices begin; null for now.</param>
    /// <param name="retractsEventId">An earlier event that this one retracts; null for none.</param>
    /// <exception cref="ArgumentException">A value breaks its rule.</exception>
    public static WholesaleFeedEvent SignalPriced(
        Guid eventId, DateTimeOffset createdAt, FeedScope scope, string segmentId, ReadOnlyMemory<byte> pricingOptions,
        IReadOnlyList<string>? previousPricingOptionIds = null, DateTimeOffset? effectiveAt = null, Guid? retractsEventId = null)
    {
        ReadOnlyMemory<byte> options = Options(pricingOptions, nameof(pricingOptions));
        return new(eventId, "signal.priced", "signal", JsonWire.Name(segmentId, nameof(segmentId)), createdAt, scope, null, json =>
        {
            json.WriteString("signal_agent_segment_id"u8, segmentId);
            json.WriteJson("pricing_options"u8, options);
            Priced(json, previousPricingOptionIds, effectiveAt, retractsEventId);
        });
    }

    /// <summary><c>signal.removed</c>.</summary>
    /// <param name="eventId">The event's id.</param>
    /// <param name="createdAt">The time when it happened.</param>
    /// <param name="scope">The accounts that it applies to.</param>
    /// <param name="segmentId">The signal's <c>signal_agent_segment_id</c>.</param>
    /// <param name="reason">The reason; null for none.</param>
    /// <exception cref="ArgumentException">A value breaks its rule.</exception>
    public static WholesaleFeedEvent SignalRemoved(Guid eventId, DateTimeOffset createdAt, FeedScope scope, string segmentId,
        RemovalReason? reason = null) =>
        new(eventId, "signal.removed", "signal", JsonWire.Name(segmentId, nameof(segmentId)), createdAt, scope, null, json =>
        {
            json.WriteString("signal_agent_segment_id"u8, segmentId);
            json.WriteText("removal_reason"u8, Reason(reason));
        });

    /// <summary><c>wholesale_feed.bulk_change</c>: too many changes to report one by one.</summary>
    /// <param name="eventId">The event's id.</param>
    /// <param name="createdAt">The time when it happened.</param>
    /// <param name="scope">The accounts that it applies to.</param>
    /// <param name="feedId">The feed's id.</param>
    /// <param name="summary">A text that describes the change.</param>
    /// <param name="signals"><c>true</c> for signals, <c>false</c> for products.</param>
    /// <param name="affectedCount">The approximate number. At least 1.</param>
    /// <param name="recommendResync">Advises the buyer to read the feed again.</param>
    /// <exception cref="ArgumentException">A value breaks its rule.</exception>
    public static WholesaleFeedEvent BulkChange(
        Guid eventId, DateTimeOffset createdAt, FeedScope scope, string feedId, string summary, bool signals, long affectedCount,
        bool recommendResync = true)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(summary);
        JsonWire.Text(summary, 65_536, nameof(summary), allowControl: true);
        ArgumentOutOfRangeException.ThrowIfLessThan(affectedCount, 1);
        return new(eventId, "wholesale_feed.bulk_change", "feed", JsonWire.Name(feedId, nameof(feedId)), createdAt, scope, null, json =>
        {
            json.WriteString("summary"u8, summary);
            json.WriteString("affected_entity_type"u8, signals ? "signal"u8 : "product"u8);
            json.WriteNumber("affected_count"u8, affectedCount);
            if (recommendResync)
            {
                json.WriteString("recommendation"u8, "wholesale_resync"u8);
            }
        });
    }

    /// <summary>Gets whether the event holds a product or its prices, whose form the view decides.</summary>
    internal bool HasProduct => EntityType == "product" && EventType != "product.removed";

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("event"u8);
        json.WriteString("event_id"u8, EventId);
        json.WriteString("event_type"u8, EventType);
        json.WriteString("entity_type"u8, EntityType);
        json.WriteString("entity_id"u8, EntityId);
        json.WriteTime("created_at"u8, CreatedAt);
        json.WriteJson("payload"u8, Payload);
        json.WriteEndObject();
    }

    private static WholesaleFeedEvent Product(
        string type, Guid eventId, DateTimeOffset createdAt, FeedScope scope, string productId, ProductPayloadView view,
        ReadOnlyMemory<byte> product, IReadOnlyList<string>? changedFields)
    {
        JsonWire.Defined(view, nameof(view));
        ReadOnlyMemory<byte> body = JsonWire.Required(product, JsonTokenType.StartObject, nameof(product));
        IReadOnlyList<string>? fields = Names(changedFields, nameof(changedFields));
        return new(eventId, type, "product", JsonWire.Name(productId, nameof(productId)), createdAt, scope, view, json =>
        {
            json.WriteString("product_id"u8, productId);
            json.WriteJson(view == ProductPayloadView.Canonical ? "canonical_product"u8 : "product"u8, body);
            json.WriteNames("changed_fields"u8, fields);
        });
    }

    private static WholesaleFeedEvent Signal(
        string type, Guid eventId, DateTimeOffset createdAt, FeedScope scope, ReadOnlyMemory<byte> signal,
        IReadOnlyList<string>? changedFields)
    {
        ReadOnlyMemory<byte> body = JsonWire.Required(signal, JsonTokenType.StartObject, nameof(signal));
        IReadOnlyList<string>? fields = Names(changedFields, nameof(changedFields));
        string segmentId = FeedSignal.Check(body, nameof(signal));
        return new(eventId, type, "signal", segmentId, createdAt, scope, null, json =>
        {
            json.WriteString("signal_agent_segment_id"u8, segmentId);
            json.WriteJson("signal"u8, body);
            json.WriteNames("changed_fields"u8, fields);
        });
    }

    private static ReadOnlyMemory<byte> Options(ReadOnlyMemory<byte> options, string name)
    {
        ReadOnlyMemory<byte> array = JsonWire.Required(options, JsonTokenType.StartArray, name);
        using JsonDocument document = JsonDocument.Parse(array);
        return document.RootElement.GetArrayLength() > 0
            && document.RootElement.EnumerateArray().All(option => option.ValueKind == JsonValueKind.Object)
            ? array
            : throw new ArgumentException("Must be one or more pricing options, each a JSON object.", name);
    }

    private static void Priced(Utf8JsonWriter json, IReadOnlyList<string>? previous, DateTimeOffset? effectiveAt, Guid? retracts)
    {
        json.WriteNames("previous_pricing_option_ids"u8, Names(previous, nameof(previous)));
        json.WriteTime("effective_at"u8, effectiveAt);
        if (retracts is { } id)
        {
            json.WriteString("retracts_event_id"u8, id);
        }
    }

    private static IReadOnlyList<string>? Names(IReadOnlyList<string>? names, string name) =>
        names is null ? null : [.. names.Select(each => JsonWire.Name(each, name))];

    private static string? Reason(RemovalReason? reason) => reason is { } stated ? JsonWire.Defined(stated, nameof(reason)).Wire() : null;
}
