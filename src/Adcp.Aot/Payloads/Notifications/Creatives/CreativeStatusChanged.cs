using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// AdCP's <c>creative-status-changed-webhook</c>, since 3.1: the seller or its system changed a creative's status.
/// </summary>
public sealed class CreativeStatusChanged : SubscriberNotification
{
    /// <summary>The account. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string AccountId { get; init => field = JsonWire.Name(value, nameof(AccountId)); }

    /// <summary>The creative. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string CreativeId { get; init => field = JsonWire.Name(value, nameof(CreativeId)); }

    /// <summary>The status before and after, and the time when the change was observed.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public required CreativeTransition Transition { get; init => field = value ?? throw new ArgumentNullException(nameof(Transition)); }

    /// <summary>
    /// The revision that the status belongs to, for sellers that advertise revisions. 1 to 255 characters; default null, left out. Since
    /// 3.2; left out for earlier versions.
    /// </summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public string? RevisionId { get; init => field = value is null ? null : JsonWire.Name(value, nameof(RevisionId), 255); }

    /// <summary>The reason.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a reason.</exception>
    public required CreativeReasonCode ReasonCode { get; init => field = JsonWire.Defined(value, nameof(ReasonCode)); }

    /// <summary>The initiator.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not an initiator.</exception>
    public required EventInitiator Initiator { get; init => field = JsonWire.Defined(value, nameof(Initiator)); }

    /// <summary>A short text for people, without secrets. At most 500 characters; default null, left out.</summary>
    /// <exception cref="ArgumentException">Too long.</exception>
    public string? ReasonDetail { get; init => field = JsonWire.Text(value, 500, nameof(ReasonDetail), allowControl: true); }

    private protected override string TypeName => "creative.status_changed";

    private protected override void WriteEvent(Utf8JsonWriter json, AdcpVersion version)
    {
        json.WriteString("account_id"u8, AccountId);
        json.WriteString("creative_id"u8, CreativeId);
        json.WriteText("revision_id"u8, version >= AdcpVersion.V32 ? RevisionId : null);
        json.WriteStartObject("transition"u8);
        json.WriteString("from"u8, Transition.From.Wire());
        json.WriteString("to"u8, Transition.To.Wire());
        json.WriteTime("observed_at"u8, Transition.ObservedAt);
        json.WriteEndObject();
        json.WriteString("reason_code"u8, ReasonCode.Wire());
        json.WriteText("reason_detail"u8, ReasonDetail);
        json.WriteString("initiator"u8, Initiator.Wire());
    }
}
