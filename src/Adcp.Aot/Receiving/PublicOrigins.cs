using Adcp.Aot.Network;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Receiving;

/// <summary>Puts the configured origin into a request, so that a signature for another host does not match.</summary>
internal sealed class PublicOrigins
{
    private readonly (string Origin, string Scheme, string Authority)[] _origins;

    internal PublicOrigins(IReadOnlyList<string> origins) => _origins = [.. origins.Select(static text =>
    {
        if (!TargetUri.TryParse(text, out TargetUri? origin, out string? reason))
        {
            throw new ArgumentException($"Not an origin: {reason}.", nameof(origins));
        }

        string scheme = origin.IsHttps ? "https://" : "http://";
        return (scheme + origin.Authority, scheme, origin.Authority);
    })];

    /// <summary>
    /// Returns the request with the origin that its host selects, or with the first one; unchanged if there are none.
    /// </summary>
    internal InboundRequest Apply(InboundRequest request)
    {
        if (_origins.Length == 0)
        {
            return request;
        }

        int start = request.Url.IndexOf("://", StringComparison.Ordinal);
        ReadOnlySpan<char> rest = start < 0 ? default : request.Url.AsSpan(start + 3);
        int end = rest.IndexOfAny('/', '?', '#');
        ReadOnlySpan<char> authority = end < 0 ? rest : rest[..end];
        ReadOnlySpan<char> target = end < 0 ? default : rest[end..];
        return request.WithUrl(string.Concat(Choose(authority), target));
    }

    private string Choose(ReadOnlySpan<char> authority)
    {
        if (_origins.Length > 1)
        {
            foreach ((string origin, string scheme, string own) in _origins)
            {
                if (authority.Equals(own, StringComparison.OrdinalIgnoreCase)
                    || (TargetUri.TryParse(string.Concat(scheme, authority), out TargetUri? asked, out _) && asked.Authority == own))
                {
                    return origin;
                }
            }
        }

        return _origins[0].Origin;
    }
}
