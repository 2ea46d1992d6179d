using System.Text.Json;

namespace Adcp.Aot.Platform;

/// <summary>Completes a seller's answer to <c>get_adcp_capabilities</c> by the releases that the library serves.</summary>
internal static class Capabilities
{
    /// <summary>The tool's name.</summary>
    internal const string Tool = "get_adcp_capabilities";

    /// <summary>Adds <c>supported_versions</c> to the member <c>adcp</c>, unless the seller states them itself.</summary>
    internal static ReadOnlyMemory<byte> Completed(ReadOnlyMemory<byte> body, AdcpVersion version)
    {
        using JsonDocument document = JsonDocument.Parse(body);
        if (!document.RootElement.TryGetProperty("adcp"u8, out JsonElement adcp) || adcp.ValueKind != JsonValueKind.Object
            || adcp.TryGetProperty("supported_versions"u8, out _))
        {
            return body;
        }

        return WireObject.Of(json =>
        {
            foreach (JsonProperty member in document.RootElement.EnumerateObject())
            {
                if (!member.NameEquals("adcp"u8))
                {
                    member.WriteTo(json);
                    continue;
                }

                json.WriteStartObject("adcp"u8);
                foreach (JsonProperty own in adcp.EnumerateObject())
                {
                    own.WriteTo(json);
                }

                ReleaseNegotiation.WriteSupported(json, version);
                json.WriteEndObject();
            }
        }, body.Length + 64);
    }
}
