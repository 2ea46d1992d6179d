using System.Text.Json;
using Adcp.Aot.AspNetCore;
using Adcp.Aot.Platform;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Microsoft.AspNetCore.Builder;

/// <summary>
/// Publishes an A2A 1.0 agent card that describes the endpoint of <see cref="AdcpA2AEndpointRouteBuilderExtensions"/>,
/// and no more.
/// </summary>
public static class AdcpA2ACardEndpointRouteBuilderExtensions
{
    /// <summary>Maps <c>/.well-known/agent-card.json</c>, for GET and HEAD.</summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="platform">The wired platform, whose tools are the card's skills.</param>
    /// <param name="agentUrl">The A2A endpoint's url for buyers.</param>
    /// <param name="name">The agent's name.</param>
    /// <param name="takesBearer">Whether callers authenticate by a bearer token.</param>
    /// <param name="requiresProfile">
    /// Whether requests must activate AdCP's profile: the opposite of <see cref="AdcpEndpointOptions.AllowsA2AWithoutProfile"/>.
    /// </param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="ArgumentException">The name is blank.</exception>
    public static IEndpointConventionBuilder MapAdcpA2ACard(
        this IEndpointRouteBuilder endpoints,
        PlatformHandler platform,
        Uri agentUrl,
        string name = "AdCP seller",
        bool takesBearer = false,
        bool requiresProfile = true)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(platform);
        ArgumentNullException.ThrowIfNull(agentUrl);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        byte[] card = Card(platform, agentUrl, name, takesBearer, requiresProfile);
        return endpoints.MapMethods("/.well-known/agent-card.json", [HttpMethods.Get, HttpMethods.Head], (RequestDelegate)(http =>
        {
            http.Response.ContentType = "application/json";
            http.Response.ContentLength = card.Length;
            return http.Response.Body.WriteAsync(card, http.RequestAborted).AsTask();
        }));
    }

    private static byte[] Card(PlatformHandler platform, Uri agentUrl, string name, bool takesBearer, bool requiresProfile)
    {
        using MemoryStream output = new();
        using (Utf8JsonWriter json = new(output))
        {
            json.WriteStartObject();
            json.WriteString("name"u8, name);
            json.WriteString("description"u8, "Sells by AdCP: a message is one data part with a skill and its input."u8);
            json.WriteString("version"u8, "1.0.0"u8);
            json.WriteStartArray("supportedInterfaces"u8);
            json.WriteStartObject();
            json.WriteString("url"u8, agentUrl.ToString());
            json.WriteString("protocolBinding"u8, "JSONRPC"u8);
            json.WriteString("protocolVersion"u8, "1.0"u8);
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteStartObject("capabilities"u8);
            json.WriteBoolean("streaming"u8, false);
            json.WriteBoolean("pushNotifications"u8, platform.TellsByWebhook);
            json.WriteBoolean("extendedAgentCard"u8, false);
            A2AProfile.WriteExtensions(json, requiresProfile);
            json.WriteEndObject();
            if (takesBearer)
            {
                Bearer(json);
            }

            Modes(json, "defaultInputModes"u8);
            Modes(json, "defaultOutputModes"u8);
            Skills(json, platform.Tools);
            json.WriteEndObject();
        }

        return output.ToArray();
    }

    private static void Bearer(Utf8JsonWriter json)
    {
        json.WriteStartObject("securitySchemes"u8);
        json.WriteStartObject("bearer"u8);
        json.WriteStartObject("httpAuthSecurityScheme"u8);
        json.WriteString("scheme"u8, "Bearer"u8);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteStartArray("securityRequirements"u8);
        json.WriteStartObject();
        json.WriteStartObject("schemes"u8);
        json.WriteStartObject("bearer"u8);
        json.WriteStartArray("list"u8);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void Modes(Utf8JsonWriter json, ReadOnlySpan<byte> member)
    {
        json.WriteStartArray(member);
        json.WriteStringValue("application/json"u8);
        json.WriteEndArray();
    }

    private static void Skills(Utf8JsonWriter json, IReadOnlyList<ToolDescription> tools)
    {
        json.WriteStartArray("skills"u8);
        foreach (ToolDescription tool in tools)
        {
            json.WriteStartObject();
            json.WriteString("id"u8, tool.Name);
            json.WriteString("name"u8, tool.Name);
            json.WriteString("description"u8, tool.Description is { Length: > 0 } said ? said : $"AdCP's {tool.Name}.");
            json.WriteStartArray("tags"u8);
            json.WriteStringValue("adcp"u8);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
