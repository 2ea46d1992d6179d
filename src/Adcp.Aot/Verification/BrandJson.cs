using System.Text.Json;
using Adcp.Aot.Network;

namespace Adcp.Aot.Verification;

/// <summary>
/// Finds the url of an agent's keys: in <c>brand.json</c>, the <c>jwks_uri</c> of the entry of <c>agents[]</c> with the
/// agent's url.
/// </summary>
internal static class BrandJson
{
    private const int MaxDepth = 64;

    /// <summary>
    /// Searches the document's own <c>agents</c>, its house's and its brands'. Urls are compared in canonical form. If
    /// there is no <c>jwks_uri</c>, it is <c>/.well-known/jwks.json</c> at the agent's origin.
    /// </summary>
    /// <returns><c>null</c> if the document is malformed, does not name the agent, or names two urls.</returns>
    internal static TargetUri? FindJwksUri(ReadOnlyMemory<byte> json, TargetUri agent)
    {
        try
        {
            using JsonDocument document =
                JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = MaxDepth });
            TargetUri? found = null;
            foreach (JsonElement entry in Agents(document.RootElement))
            {
                if (Url(entry, "url") is not { } url || url.Value != agent.Value)
                {
                    continue;
                }

                TargetUri? place = entry.TryGetProperty("jwks_uri", out _) ? Url(entry, "jwks_uri") : WellKnown(agent);
                if (place is null || (found is not null && found.Value != place.Value))
                {
                    return null;
                }

                found = place;
            }

            return found;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static IEnumerable<JsonElement> Agents(JsonElement root)
    {
        IEnumerable<JsonElement> holders = [root, .. Members(root, "house"), .. Members(root, "brands")];
        return holders.Where(static holder => holder.ValueKind == JsonValueKind.Object)
            .SelectMany(static holder => Members(holder, "agents"))
            .Where(static entry => entry.ValueKind == JsonValueKind.Object);
    }

    /// <summary>Returns the items of a member that is an array, or the member itself if it is an object.</summary>
    private static JsonElement[] Members(JsonElement holder, string name) => !holder.TryGetProperty(name, out JsonElement member) ? []
        : member.ValueKind == JsonValueKind.Array ? [.. member.EnumerateArray()]
        : member.ValueKind == JsonValueKind.Object ? [member]
        : [];

    private static TargetUri? Url(JsonElement entry, string name) =>
        entry.TryGetProperty(name, out JsonElement member) && member.ValueKind == JsonValueKind.String
            && TargetUri.TryParse(member.GetString(), out TargetUri? url, out _) && !url.HadUserInfo
            ? url
            : null;

    private static TargetUri? WellKnown(TargetUri agent) =>
        TargetUri.TryParse((agent.IsHttps ? "https://" : "http://") + agent.Authority + "/.well-known/jwks.json", out TargetUri? url, out _)
        ? url
        : null;
}
