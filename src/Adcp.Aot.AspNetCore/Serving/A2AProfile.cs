using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Adcp.Aot.AspNetCore;

/// <summary>AdCP's profile of A2A, an extension that a request activates. AdCP 3.0, 3.1 and 3.2 share it.</summary>
internal static class A2AProfile
{
    /// <summary>The extension's name.</summary>
    internal const string Uri = "https://adcontextprotocol.org/extensions/adcp/v3";

    /// <summary>The header that activates extensions: their names, separated by commas.</summary>
    internal const string Header = "A2A-Extensions";

    /// <summary>Returns whether a request activates the profile.</summary>
    internal static bool IsActivated(HttpRequest request)
    {
        foreach (string? line in request.Headers[Header])
        {
            if (line is not null && line.Split(',', StringSplitOptions.TrimEntries).Contains(Uri, StringComparer.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Writes the member <c>extensions</c> of an agent card's capabilities.</summary>
    internal static void WriteExtensions(Utf8JsonWriter json, bool isRequired)
    {
        json.WriteStartArray("extensions"u8);
        json.WriteStartObject();
        json.WriteString("uri"u8, Uri);
        json.WriteString("description"u8, "AdCP structured task invocation profile"u8);
        json.WriteBoolean("required"u8, isRequired);
        json.WriteEndObject();
        json.WriteEndArray();
    }
}
