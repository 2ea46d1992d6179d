using Adcp.Aot.Signing;

namespace Adcp.Aot.Auditing;

/// <summary>Urls as they may be shown: no query, no fragment, and no path segment that looks like a secret (PUB-82).</summary>
internal static class RedactedUrl
{
    internal static string Of(TargetUri target)
    {
        string pathAndQuery = target.PathAndQuery;
        int query = pathAndQuery.IndexOf('?', StringComparison.Ordinal);
        ReadOnlySpan<char> path = query < 0 ? pathAndQuery : pathAndQuery.AsSpan(0, query);
        string origin = (target.IsHttps ? "https://" : "http://") + target.Authority;
        System.Text.StringBuilder shown = new(origin, origin.Length + path.Length);
        foreach (Range range in path[1..].Split('/'))
        {
            ReadOnlySpan<char> segment = path[1..][range];
            shown.Append('/').Append(LooksSecret(segment) ? "redacted" : segment);
        }

        return shown.ToString();
    }

    /// <summary>A UUID, or 20 and more characters without words in it: letters and digits mixed, as keys and tokens have them.</summary>
    private static bool LooksSecret(ReadOnlySpan<char> segment)
    {
        if (Guid.TryParse(segment, out _))
        {
            return true;
        }

        if (segment.Length < 20)
        {
            return false;
        }

        int digits = 0;
        int letters = 0;
        int separators = 0;
        foreach (char c in segment)
        {
            digits += char.IsAsciiDigit(c) ? 1 : 0;
            letters += char.IsAsciiLetter(c) ? 1 : 0;
            separators += c is '-' or '.' or ',' ? 1 : 0;
        }

        return digits >= 3 && letters >= 3 && separators <= segment.Length / 12;
    }
}
