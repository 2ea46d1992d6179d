using System.Text.Json;

namespace Adcp.Aot.Platform.Idempotency;

/// <summary>A call with an idempotency key.</summary>
/// <param name="Tool">The tool.</param>
/// <param name="Tenant">The authenticated caller.</param>
/// <param name="Identity">Its identity.</param>
/// <param name="Arguments">The arguments, which outlive the caller's own document.</param>
internal sealed record IdempotentRequest(ToolDescription Tool, string Tenant, RequestIdentity Identity, JsonElement Arguments)
{
    /// <summary>Returns the tool's name only.</summary>
    public override string ToString() => Tool.Name;
}
