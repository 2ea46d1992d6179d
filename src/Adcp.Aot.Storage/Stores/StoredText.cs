using System.Text;
using System.Text.Json;

namespace Adcp.Aot.Storage;

/// <summary>Checks text that each of the three databases keeps and compares to the byte.</summary>
internal static class StoredText
{
    /// <summary>
    /// Returns whether a text has no control characters (PostgreSQL keeps no NUL) and no lone surrogates (two different
    /// ones would be stored as the same character).
    /// </summary>
    internal static bool Fits(string text, int maxBytes)
    {
        if (text.Length > maxBytes || Encoding.UTF8.GetByteCount(text) > maxBytes)
        {
            return false;
        }

        for (int i = 0; i < text.Length; i++)
        {
            bool pair = char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]);
            if (char.IsControl(text[i]) || (char.IsSurrogate(text[i]) && !pair))
            {
                return false;
            }

            i += pair ? 1 : 0;
        }

        return true;
    }

    /// <summary>
    /// Returns whether two texts are the same JSON. A JSON column of an adopter's table may have reformatted it.
    /// </summary>
    internal static bool IsSameJson(string stored, string written)
    {
        if (string.Equals(stored, written, StringComparison.Ordinal))
        {
            return true;
        }

        try
        {
            using JsonDocument first = JsonDocument.Parse(stored);
            using JsonDocument second = JsonDocument.Parse(written);
            return JsonElement.DeepEquals(first.RootElement, second.RootElement);
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
