using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// AdCP's <c>principal-changed-webhook</c>, since 3.2, for agent-level subscribers: the state that <c>get_principal</c> answers changed,
/// and not by a call of the principal. Make the state readable before you send this.
/// </summary>
public sealed class PrincipalChanged : SubscriberNotification
{
    /// <summary>The seller agent's canonical url.</summary>
    /// <exception cref="ArgumentException">Not an absolute http or https URI.</exception>
    public required string AgentUrl { get; init => field = JsonWire.WebUri(value, nameof(AgentUrl)); }

    /// <summary>The time when the state changed.</summary>
    public required DateTimeOffset ChangedAt { get; init; }

    /// <summary>The reason.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a reason.</exception>
    public required PrincipalChangeReason Reason { get; init => field = JsonWire.Defined(value, nameof(Reason)); }

    /// <summary>
    /// The reporting destination that the change concerns. 1 to 64 of <c>A-Z a-z 0-9 _ . : -</c>; default null, left out.
    /// </summary>
    /// <exception cref="ArgumentException">Does not match its pattern.</exception>
    public string? DestinationId { get; init => field = value is null ? null : JsonWire.Id(value, nameof(DestinationId), 64); }

    private protected override string TypeName => "principal.changed";

    private protected override AdcpVersion Since => AdcpVersion.V32;

    private protected override void WriteEvent(Utf8JsonWriter json, AdcpVersion version)
    {
        json.WriteString("agent_url"u8, AgentUrl);
        json.WriteTime("changed_at"u8, ChangedAt);
        json.WriteString("reason"u8, Reason.Wire());
        json.WriteText("destination_id"u8, DestinationId);
    }
}
