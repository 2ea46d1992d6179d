using System.Text.Json;

namespace Adcp.Aot.AspNetCore;

/// <summary>
/// Checks numbers that travel over A2A, whose readers hold them as binary64. An integer beyond 2^53-1 would be rounded on the way.
/// </summary>
internal static class SafeNumbers
{
    private const double Largest = 9_007_199_254_740_991;

    /// <summary>Returns whether no number is an integer that cannot be held exactly.</summary>
    /// <param name="sound">Sound JSON.</param>
    internal static bool Are(ReadOnlySpan<byte> sound)
    {
        Utf8JsonReader reader = new(sound, new JsonReaderOptions { MaxDepth = 1_000 });
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
