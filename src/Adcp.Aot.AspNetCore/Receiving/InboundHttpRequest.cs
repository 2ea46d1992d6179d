using Adcp.Aot.Verification;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Adcp.Aot.AspNetCore.Receiving;

/// <summary>A request as a verifier wants it: as it was on the wire.</summary>
internal static class InboundHttpRequest
{
    /// <summary>The request with HTTP/2's authority or HTTP/1.1's Host, and its target undecoded.</summary>
    /// <param name="http">The request.</param>
    /// <param name="publicOrigin">Scheme and authority that senders were given, where a proxy changed them.</param>
    internal static InboundRequest Of(HttpContext http, string? publicOrigin)
    {
        HttpRequest request = http.Request;
        string origin = publicOrigin ?? $"{request.Scheme}://{request.Host.Value}";
        string? target = http.Features.Get<IHttpRequestFeature>()?.RawTarget;

        // A client of a proxy sends the whole url as its target; what it names is in the request's own parts then.
        string url = target is ['/', ..] ? origin + target : origin + request.PathBase.ToUriComponent() + request.Path.ToUriComponent() + request.QueryString.ToUriComponent();
        return new InboundRequest(request.Method, url, request.Headers, Header);
    }

    private static string? Header(object headers, string name)
    {
        StringValues values = ((IHeaderDictionary)headers)[name];
        return values.Count switch
        {
            0 => null,
            1 => values[0],
            _ => string.Join(", ", values.ToArray()),
        };
    }
}
