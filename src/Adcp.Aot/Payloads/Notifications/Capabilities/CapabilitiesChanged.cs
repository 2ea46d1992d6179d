using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// AdCP's <c>capabilities-changed-webhook</c>, since 3.2, for agent-level subscribers. Publish the new document before
/// you send this.
/// </summary>
public sealed class CapabilitiesChanged : SubscriberNotification
{
    /// <summary>The seller agent's canonical url.</summary>
    /// <exception cref="ArgumentException">Not an absolute http or https URI.</exception>
    public required string AgentUrl { get; init => field = JsonWire.WebUri(value, nameof(AgentUrl)); }

    /// <summary>The time when the seller recorded the change.</summary>
    public required DateTimeOffset ChangedAt { get; init; }

    /// <summary>The reason.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a reason.</exception>
    public required CapabilityChangeReason Reason { get; init => field = JsonWire.Defined(value, nameof(Reason)); }

    /// <summary>The document's <c>capabilities_version</c> after the change. 1 to 255 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string CapabilitiesVersion { get; init => field = JsonWire.Name(value, nameof(CapabilitiesVersion), 255); }

    /// <summary>JSON pointers to the changes, such as <c>/account/sandbox</c>; default null, left out.</summary>
    /// <exception cref="ArgumentException">Empty, a duplicate, or not a pointer without white space.</exception>
    public IReadOnlyList<string>? ChangedPaths
    {
        get;
        init => field = value is null ? null : NonEmptyList.Of(value, nameof(ChangedPaths), path =>
            path is ['/', ..] && !path.Any(char.IsWhiteSpace) ? JsonWire.Name(path, nameof(ChangedPaths))
            : throw new ArgumentException("Must begin with / and contain no white space.", nameof(ChangedPaths)));
    }

    private protected override string TypeName => "capabilities.changed";

    private protected override AdcpVersion Since => AdcpVersion.V32;

    private protected override void WriteEvent(Utf8JsonWriter json, AdcpVersion version)
    {
        json.WriteString("agent_url"u8, AgentUrl);
        json.WriteTime("changed_at"u8, ChangedAt);
        json.WriteString("reason"u8, Reason.Wire());
        json.WriteString("capabilities_version"u8, CapabilitiesVersion);
        json.WriteNames("changed_paths"u8, ChangedPaths);
    }
}
