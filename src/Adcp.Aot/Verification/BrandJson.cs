using System.Text.Json;
using Adcp.Aot.Network;

namespace Adcp.Aot.Verification;

/// <summary>
/// Reads <c>brand.json</c>: the url of an agent's keys, or the other document that this one points to. A malformed document has neither.
/// </summary>
internal readonly record struct BrandJson
{
    /// <summary>The path at which a domain publishes its document.</summary>
    internal const string WellKnownPath = "/.well-known/brand.json";

    private const int MaxDepth = 64;

    /// <summary>
    /// Gets the <c>jwks_uri</c> of the entry of <c>agents[]</c> with the agent's url. If the entry has none, it is
    /// <c>/.well-known/jwks.json</c> at the agent's origin. <see langword="null"/> if the document does not name the agent, or names
    /// two urls.
    /// </summary>
    internal TargetUri? JwksUri { get; private init; }

    /// <summary>Gets the url of the document that is valid instead; <see langword="null"/> if this one is.</summary>
    internal TargetUri? Location { get; private init; }

    /// <summary>
    /// Gets whether <see cref="Location"/> was derived from the domain of a house, and is not an <c>authoritative_location</c>.
    /// </summary>
    internal bool IsDerived { get; private init; }

    /// <summary>
    /// Reads a document. Agents may be its own, its house's and its brands'. Urls are compared in canonical form.
    /// </summary>
    internal static BrandJson Read(ReadOnlyMemory<byte> json, TargetUri agent)
    {
        try
        {
            using JsonDocument document =
                JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = MaxDepth });
            JsonElement root = document.RootElement;
            return root.ValueKind != JsonValueKind.Object ? default
                : IsMoved(root) ? ReadLocation(root)
                : new BrandJson { JwksUri = FindJwksUri(root, agent) };
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return default;
        }
    }

    private static bool IsMoved(JsonElement root) => root.TryGetProperty("authoritative_location", out _)
        || (root.TryGetProperty("house", out JsonElement house) && house.ValueKind == JsonValueKind.String);

    /// <summary>Reads a document that points to another one. It must not do both, and must not list agents of its own.</summary>
    private static BrandJson ReadLocation(JsonElement root)
    {
        if (root.TryGetProperty("agents", out _) || root.TryGetProperty("brands", out _) || root.TryGetProperty("brand_refs", out _))
        {
            return default;
        }

        if (root.TryGetProperty("authoritative_location", out _))
        {
            return root.TryGetProperty("house", out _) ? default : new BrandJson { Location = Url(root, "authoritative_location") };
        }

        string domain = root.GetProperty("house").GetString()!;
        return TargetUri.TryParse("https://" + domain + WellKnownPath, out TargetUri? url, out _) && !url.HadUserInfo
            && url.Authority == url.Host && url.PathAndQuery == WellKnownPath
            ? new BrandJson { Location = url, IsDerived = true }
            : default;
    }

    private static TargetUri? FindJwksUri(JsonElement root, TargetUri agent)
    {
        TargetUri? found = null;
        foreach (JsonElement entry in Agents(root))
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
