using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Adcp.Aot.Platform;

/// <summary>
/// The fingerprint of an AdCP <c>account</c>. An account is named by its id, or by brand and operator; the seller alone knows if two forms
/// name the same account.
/// </summary>
internal static class TaskAccount
{
    private const string ById = "id:";
    private const string ByBrand = "brand:";

    /// <summary>Returns the fingerprint of the arguments' account; <c>null</c> if they name none.</summary>
    internal static string? Of(JsonElement arguments)
    {
        if (!arguments.TryGetProperty("account"u8, out JsonElement account) || account.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        if (Text(account, "account_id") is { } id)
        {
            return ById + Hash(id);
        }

        return account.TryGetProperty("brand"u8, out JsonElement brand) && brand.ValueKind == JsonValueKind.Object
            && Text(brand, "domain") is { } domain
            ? ByBrand + Hash($"{domain}\n{Text(brand, "brand_id")}\n{Text(account, "operator")}")
            : null;
    }

    /// <summary>Returns whether a caller that names <paramref name="asked"/> may see a task of <paramref name="kept"/>.</summary>
    internal static bool Sees(string? asked, string? kept) =>
        asked is null || kept is null || asked == kept || asked.StartsWith(ById, StringComparison.Ordinal)
        != kept.StartsWith(ById, StringComparison.Ordinal);

    private static string? Text(JsonElement value, string name) =>
        value.TryGetProperty(name, out JsonElement member) && member.ValueKind == JsonValueKind.String ? member.GetString() : null;

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..32];
}
