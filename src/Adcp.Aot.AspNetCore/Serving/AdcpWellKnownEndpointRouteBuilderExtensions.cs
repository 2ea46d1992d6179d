using System.Text.Json;
using Adcp.Aot;
using Adcp.Aot.Signing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Publishes a seller's keys at the paths that receivers read.</summary>
public static class AdcpWellKnownEndpointRouteBuilderExtensions
{
    /// <summary>Maps <c>/.well-known/jwks.json</c> and <c>/.well-known/brand.json</c>, for GET and HEAD.</summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="keys">The signing keys, with distinct ids.</param>
    /// <param name="agentUrl">The seller agent's url for buyers.</param>
    /// <param name="version">The AdCP version that is spoken. It decides the purpose that is stated.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="ArgumentException">Two keys have the same id.</exception>
    public static void MapAdcpWellKnown(this IEndpointRouteBuilder endpoints, IReadOnlyList<SigningKey> keys, Uri agentUrl,
        AdcpVersion version)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(agentUrl);
        string jwks = SigningKey.ExportJwks(keys, version == AdcpVersion.V30 ? KeyPurpose.WebhookSigning : KeyPurpose.RequestSigning);
        using MemoryStream output = new();
        using (Utf8JsonWriter json = new(output))
        {
            json.WriteStartObject();
            json.WriteStartArray("agents"u8);
            json.WriteStartObject();
            json.WriteString("type"u8, "sales"u8);
            json.WriteString("id"u8, "seller"u8);
            json.WriteString("url"u8, agentUrl.OriginalString);
            json.WriteString("jwks_uri"u8, new Uri(agentUrl, "/.well-known/jwks.json").ToString());
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }

        string brand = System.Text.Encoding.UTF8.GetString(output.ToArray());
        Map("/.well-known/jwks.json", jwks);
        Map("/.well-known/brand.json", brand);

        void Map(string path, string document)
        {
            byte[] bytes = System.Text.Encoding.UTF8.GetBytes(document);
            endpoints.MapMethods(path, [HttpMethods.Get, HttpMethods.Head], (RequestDelegate)(http =>
            {
                http.Response.ContentType = "application/json";
                http.Response.ContentLength = bytes.Length;
                return http.Response.Body.WriteAsync(bytes, http.RequestAborted).AsTask();
            }));
        }
    }
}
