using System.Buffers;
using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// A list that a governance agent resolved again. Its body is a closed object with a summary of counts only. It is
/// always signed by RFC 9421: the body's own <c>signature</c> is the marker <c>rfc9421</c>, which receivers ignore.
/// Immutable.
/// </summary>
public abstract class ListChanged : WebhookPayload
{
    private protected ListChanged()
    {
    }

    /// <summary>The list. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string ListId { get; init => field = JsonWire.Name(value, nameof(ListId)); }

    /// <summary>The list's name; default null, left out.</summary>
    /// <exception cref="ArgumentException">Too long or with a control character.</exception>
    public string? ListName { get; init => field = JsonWire.Text(value, 1024, nameof(ListName)); }

    /// <summary>The change in counts; default null, left out.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A negative count.</exception>
    public ListChange? Change
    {
        get;
        init => field = value is { Added: < 0 } or { Removed: < 0 } or { Total: < 0 }
            ? throw new ArgumentOutOfRangeException(nameof(Change), "Counts must not be negative.")
            : value;
    }

    /// <summary>The time when the list was resolved.</summary>
    public required DateTimeOffset ResolvedAt { get; init; }

    /// <summary>The time when the buyer should read it again; default null, left out.</summary>
    public DateTimeOffset? CacheValidUntil { get; init; }

    /// <summary>Extensions, a JSON object as UTF-8; default empty, left out.</summary>
    /// <exception cref="ArgumentException">Not a sound JSON object.</exception>
    public ReadOnlyMemory<byte> Ext { get; init => field = JsonWire.Json(value, JsonTokenType.StartObject, nameof(Ext)); }

    private protected abstract string Kind { get; }

    private protected abstract string Items { get; }

    /// <inheritdoc/>
    public sealed override void Write(IBufferWriter<byte> output, in EnvelopeContext facts)
    {
        ArgumentNullException.ThrowIfNull(output);
        using Utf8JsonWriter json = new(output, JsonWire.Compact);
        json.WriteStartObject();
        json.WriteString("idempotency_key"u8, facts.IdempotencyKey);
        json.WriteString("event"u8, Kind + "_list_changed");
        json.WriteString("list_id"u8, ListId);
        json.WriteText("list_name"u8, ListName);
        if (Change is { } change)
        {
            json.WriteStartObject("change_summary"u8);
            Count(Items + "_added", change.Added);
            Count(Items + "_removed", change.Removed);
            Count("total_" + Items, change.Total);
            json.WriteEndObject();
        }

        json.WriteTime("resolved_at"u8, ResolvedAt);
        json.WriteTime("cache_valid_until"u8, CacheValidUntil);
        json.WriteString("signature"u8, "rfc9421"u8);
        json.WriteJson("ext"u8, Ext);
        json.WriteEndObject();

        void Count(string name, long? count)
        {
            if (count is { } number)
            {
                json.WriteNumber(name, number);
            }
        }
    }
}
