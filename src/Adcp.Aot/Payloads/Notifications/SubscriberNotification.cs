using System.Buffers;
using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// A notification to one entry of <c>notification_configs[]</c>. Its body is a closed object: neither operation id nor
/// token of the destination is written into it. A rule of one member is checked when the member is set; rules of the
/// AdCP version are checked when the body is written. Immutable.
/// </summary>
public abstract class SubscriberNotification : WebhookPayload
{
    private protected SubscriberNotification()
    {
    }

    /// <summary>
    /// The event's identity, the same for every subscriber and every re-emission. 1 to 255 of <c>A-Z a-z 0-9 _ . :
    /// -</c>.
    /// </summary>
    /// <exception cref="ArgumentException">Does not match its pattern.</exception>
    public override required string? NotificationId { get; init => field = JsonWire.Id(value, nameof(NotificationId), 255); }

    /// <summary>The subscriber's <c>subscriber_id</c>, echoed. 1 to 64 of <c>A-Z a-z 0-9 _ . : -</c>.</summary>
    /// <exception cref="ArgumentException">Does not match its pattern.</exception>
    public required string SubscriberId { get; init => field = JsonWire.Id(value, nameof(SubscriberId), 64); }

    /// <summary>Extensions, a JSON object as UTF-8; default empty, left out.</summary>
    /// <exception cref="ArgumentException">Not a sound JSON object.</exception>
    public ReadOnlyMemory<byte> Ext { get; init => field = JsonWire.Json(value, JsonTokenType.StartObject, nameof(Ext)); }

    /// <summary>Gets the type, which the payload's class decides.</summary>
    /// <exception cref="ArgumentException">Set to another type.</exception>
    public sealed override string? NotificationType
    {
        get => TypeName;
        init
        {
            if (value != TypeName)
            {
                throw new ArgumentException($"The notification type of this payload is '{TypeName}'.", nameof(NotificationType));
            }
        }
    }

    private protected abstract string TypeName { get; }

    private protected virtual AdcpVersion Since => AdcpVersion.V31;

    /// <inheritdoc/>
    public sealed override void Write(IBufferWriter<byte> output, in EnvelopeContext facts)
    {
        ArgumentNullException.ThrowIfNull(output);
        JsonWire.Since(facts.Version, Since, TypeName);
        using Utf8JsonWriter json = new(output, JsonWire.Compact);
        json.WriteStartObject();
        json.WriteString("idempotency_key"u8, facts.IdempotencyKey);
        json.WriteString("notification_id"u8, NotificationId);
        json.WriteString("notification_type"u8, TypeName);
        json.WriteTime("fired_at"u8, facts.Timestamp);
        json.WriteString("subscriber_id"u8, SubscriberId);
        WriteEvent(json, facts.Version);
        json.WriteJson("ext"u8, Ext);
        json.WriteEndObject();
    }

    /// <summary>Writes the members of the event. A member that the version does not define is left out.</summary>
    private protected abstract void WriteEvent(Utf8JsonWriter json, AdcpVersion version);
}
