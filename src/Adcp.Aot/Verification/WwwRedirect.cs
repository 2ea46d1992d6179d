using System.Net;
using Adcp.Aot.Network;

namespace Adcp.Aot.Verification;

/// <summary>
/// AdCP's rule for redirects of a <c>brand.json</c> whose url was derived from a domain: only between that host and its exact
/// <c>www</c> counterpart, with the scheme and port of the first request, three at most.
/// </summary>
internal static class WwwRedirect
{
    /// <summary>The most redirects of one reading.</summary>
    internal const int MaxRedirects = 3;

    internal static bool IsRedirect(HttpStatusCode status) => status is HttpStatusCode.MovedPermanently or HttpStatusCode.Found
        or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;

    /// <summary>Returns the url that a redirect leads to; <see langword="null"/> if it may not be followed.</summary>
    /// <param name="original">The url of the first request. Every redirect is compared with it, so that a chain leads nowhere else.</param>
    /// <param name="current">The url that answered, to which a relative location belongs.</param>
    /// <param name="location">The <c>Location</c> header.</param>
    internal static TargetUri? Next(TargetUri original, TargetUri current, string? location) =>
        Uri.TryCreate(current.ToRequestUri(), location, out Uri? resolved)
            && TargetUri.TryParse(resolved.GetComponents(UriComponents.HttpRequestUrl, UriFormat.UriEscaped), out TargetUri? next, out _)
            && resolved.UserInfo.Length == 0
            && next.IsHttps == original.IsHttps
            && next.Port == original.Port
            && (next.Host == original.Host || next.Host == Counterpart(original.Host))
            ? next
            : null;

    /// <summary>Returns the name with <c>www.</c>, or without it; <see langword="null"/> if there is none.</summary>
    /// <remarks>
    /// A name without a dot has no counterpart, so that <c>www.com</c> does not lead to a public suffix. Longer suffixes are not
    /// listed here: only the owner of <c>www.co.uk</c> could lead a reader to <c>co.uk</c>, and only about itself.
    /// </remarks>
    private static string? Counterpart(string host)
    {
        bool hasWww = host.StartsWith("www.", StringComparison.Ordinal);
        string bare = hasWww ? host[4..] : host;
        return IPAddress.TryParse(host, out _) || !bare.Contains('.', StringComparison.Ordinal) ? null
            : hasWww ? bare
            : "www." + bare;
    }
}
