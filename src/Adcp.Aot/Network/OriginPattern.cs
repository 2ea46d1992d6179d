using System.Net;

namespace Adcp.Aot.Network;

/// <summary>
/// A rule's origins: <c>https://buyer.example</c>, with a port if it is not the scheme's own, <c>https://*.buyer.example</c> for the
/// subdomains of a name, or <c>*</c> for all. Immutable.
/// </summary>
internal sealed class OriginPattern
{
    /// <summary>The most origins of one rule.</summary>
    internal const int MaxOrigins = 1024;

    private readonly string? _host;
    private readonly string? _suffix;
    private readonly bool _isHttps;
    private readonly int _port;

    private OriginPattern(string? host, string? suffix, bool isHttps, int port)
    {
        _host = host;
        _suffix = suffix;
        _isHttps = isHttps;
        _port = port;
    }

    /// <summary>Returns the origins of a rule.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    /// <exception cref="ArgumentException">Empty, too many, or not origins.</exception>
    internal static OriginPattern[] Parse(IReadOnlyList<string> origins, string name)
    {
        ArgumentNullException.ThrowIfNull(origins, name);
        return origins.Count is >= 1 and <= MaxOrigins
            ? [.. origins.Select(origin => Parse(origin, name))]
            : throw new ArgumentException($"A rule has 1 to {MaxOrigins} origins.", name);
    }

    /// <summary>Returns whether the url is at one of the origins. Allocates nothing.</summary>
    internal static bool Match(OriginPattern[] patterns, TargetUri target)
    {
        foreach (OriginPattern pattern in patterns)
        {
            if (pattern.Matches(target))
            {
                return true;
            }
        }

        return false;
    }

    private static OriginPattern Parse(string origin, string name)
    {
        if (origin == "*")
        {
            return new OriginPattern(null, null, false, 0);
        }

        bool isWild = origin is not null && origin.Contains("://*.", StringComparison.Ordinal);
        string plain = isWild ? origin!.Replace("://*.", "://", StringComparison.Ordinal) : origin ?? "";
        return TargetUri.TryParse(plain, out TargetUri? url, out _) && !url.HadUserInfo && url.PathAndQuery == "/"
            && !(isWild && IPAddress.TryParse(url.Host, out _))
            ? new OriginPattern(isWild ? null : url.Host, isWild ? "." + url.Host : null, url.IsHttps, url.Port)
            : throw new ArgumentException(
                $"'{origin}' is no origin: write https://buyer.example, https://*.buyer.example for its subdomains, or * for all.", name);
    }

    private bool Matches(TargetUri target) => _port == 0
        || (_isHttps == target.IsHttps && _port == target.Port
            && (_host is not null ? _host == target.Host : target.Host.EndsWith(_suffix!, StringComparison.Ordinal)));
}
