using System.Text.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// The challenge to an agent-level subscriber (AdCP's <c>agent-webhook-challenge</c>, since 3.2), which can only
/// subscribe to <c>capabilities.changed</c>: the schema of the challenge allows no other type, although subscriptions may name others.
/// </summary>
public sealed class AgentWebhookChallenge : WebhookChallenge
{
    private protected override AdcpVersion Since => AdcpVersion.V32;

    private protected override IReadOnlyList<string> Events { get; } = ["capabilities.changed"];

    private protected override void WriteScope(Utf8JsonWriter json) => json.WriteString("scope"u8, "agent"u8);
}
