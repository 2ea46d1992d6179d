using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>AdCP's <c>creative-purged-webhook</c>, since 3.1: a creative was destroyed. Never coalesced with another.</summary>
public sealed class CreativePurged : SubscriberNotification
{
    /// <summary>The account. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string AccountId { get; init => field = JsonWire.Name(value, nameof(AccountId)); }

    /// <summary>The creative. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string CreativeId { get; init => field = JsonWire.Name(value, nameof(CreativeId)); }

    /// <summary>Gets whether a tombstone remains.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a kind.</exception>
    public required PurgeKind PurgeKind { get; init => field = JsonWire.Defined(value, nameof(PurgeKind)); }

    /// <summary>The time when it was destroyed.</summary>
    public required DateTimeOffset PurgedAt { get; init; }

    /// <summary>The reason.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a reason.</exception>
    public required CreativeReasonCode ReasonCode { get; init => field = JsonWire.Defined(value, nameof(ReasonCode)); }

    /// <summary>The initiator.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not an initiator.</exception>
    public required EventInitiator Initiator { get; init => field = JsonWire.Defined(value, nameof(Initiator)); }

    /// <summary>A short text for people, without secrets. At most 500 characters; default null, left out.</summary>
    /// <exception cref="ArgumentException">Too long.</exception>
    public string? ReasonDetail { get; init => field = JsonWire.Text(value, 500, nameof(ReasonDetail), allowControl: true); }

    private protected override string TypeName => "creative.purged";

    private protected override void WriteEvent(Utf8JsonWriter json, AdcpVersion version)
    {
        json.WriteString("account_id"u8, AccountId);
        json.WriteString("creative_id"u8, CreativeId);
        json.WriteString("purge_kind"u8, PurgeKind.Wire());
        json.WriteTime("purged_at"u8, PurgedAt);
        json.WriteString("reason_code"u8, ReasonCode.Wire());
        json.WriteText("reason_detail"u8, ReasonDetail);
        json.WriteString("initiator"u8, Initiator.Wire());
    }
}
