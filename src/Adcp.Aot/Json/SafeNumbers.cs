using System.Text.Json;

namespace Adcp.Aot.Json;

/// <summary>
/// Checks numbers for readers that hold them as binary64, as those of A2A do. An integer beyond 2^53-1 would be rounded on the way, so
/// AdCP writes it as a string there.
/// </summary>
public static class SafeNumbers
{
    private const double Largest = 9_007_199_254_740_991;

    /// <summary>Returns whether no number is an integer that cannot be held exactly.</summary>
    /// <param name="json">Sound JSON in UTF-8 of at most 1,000 levels.</param>
    /// <exception cref="JsonException">Not JSON.</exception>
    public static bool Are(ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = 1_000 });
        while (reader.Read())
        {
            // Each binary64 beyond the limit is an integer.
            if (reader.TokenType == JsonTokenType.Number && (!reader.TryGetDouble(out double value) || !(Math.Abs(value) <= Largest)))
            {
                return false;
            }
        }

        return true;
    }
}
