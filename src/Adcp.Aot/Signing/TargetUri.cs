using System.Diagnostics.CodeAnalysis;

namespace Adcp.Aot.Signing;

/// <summary>A URL in AdCP's canonical form (RFC 9421 <c>@target-uri</c> and <c>@authority</c>). STUB: see helper brief.</summary>
public sealed class TargetUri
{
    private TargetUri(Uri uri)
    {
        Value = uri.AbsoluteUri;
        Authority = uri.Authority;
        Host = uri.IdnHost;
        Port = uri.Port;
        IsHttps = uri.Scheme == Uri.UriSchemeHttps;
        PathAndQuery = uri.PathAndQuery;
    }

    /// <summary>The canonical absolute URL, without userinfo and fragment.</summary>
    public string Value { get; }

    /// <summary><c>host[:port]</c>, default port dropped, IPv6 in brackets.</summary>
    public string Authority { get; }

    /// <summary>The host in A-label form; IPv6 without brackets.</summary>
    public string Host { get; }

    /// <summary>The port, also where it is the default one.</summary>
    public int Port { get; }

    /// <summary>True for https, false for http.</summary>
    public bool IsHttps { get; }

    /// <summary>Path and query as they go on the wire.</summary>
    public string PathAndQuery { get; }

    /// <summary>Canonicalises a URL.</summary>
    /// <param name="url">The URL as received.</param>
    /// <param name="result">The canonical form.</param>
    /// <param name="reason">The rule that was broken; never repeats the url.</param>
    public static bool TryParse(string? url, [NotNullWhen(true)] out TargetUri? result, [NotNullWhen(false)] out string? reason)
    {
        result = Uri.TryCreate(url, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" ? new TargetUri(uri!) : null;
        reason = result is null ? "not an absolute http or https URL" : null;
        return result is not null;
    }

    /// <inheritdoc/>
    public override string ToString() => Value;
}
