using System.Text.Json;

namespace Adcp.Aot.Platform.Idempotency;

/// <summary>A request whose outcome is not known.</summary>
public sealed class UnresolvedRequest
{
    internal UnresolvedRequest(string tool, string tenant, string idempotencyKey, string requestId, JsonElement arguments)
    {
        Tool = tool;
        Tenant = tenant;
        IdempotencyKey = idempotencyKey;
        RequestId = requestId;
        Arguments = arguments;
    }

    /// <summary>Gets the tool's name.</summary>
    public string Tool { get; }

    /// <summary>Gets the authenticated caller.</summary>
    public string Tenant { get; }

    /// <summary>Gets the request's key. It is a capability: never log it or send it on.</summary>
    public string IdempotencyKey { get; }

    /// <summary>Gets the identity of the request within its caller, as <see cref="ToolCall.RequestId"/>.</summary>
    public string RequestId { get; }

    /// <summary>Gets the arguments. They are those of the first attempt or equivalent to them.</summary>
    public JsonElement Arguments { get; }

    /// <summary>Returns the tool's name only.</summary>
    public override string ToString() => Tool;
}
