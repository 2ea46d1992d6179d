using Adcp.Aot.Verification;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Adcp.Aot.AspNetCore;

/// <summary>Converts an ASP.NET Core request for a verifier, as it was on the wire.</summary>
public static class InboundHttpRequest
{
    /// <summary>Returns the request with the given origin, its target not decoded.</summary>
    /// <param name="request">The request.</param>
    /// <param name="publicOrigin">
    /// Scheme and authority of the endpoint in registrations, such as <c>https://buyer.example</c>. Take it from your
    /// configuration: if you take it from the request's own <c>Host</c>, webhooks that were signed for another host are
    /// accepted.
    /// </param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static InboundRequest ToInboundRequest(this HttpRequest request, string publicOrigin)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(publicOrigin);
        string? target = request.HttpContext.Features.Get<IHttpRequestFeature>()?.RawTarget;

        // A client of a proxy sends the whole url as its target. The path is then in the request's own parts.
        string url = target is ['/', ..]
            ? publicOrigin + target
            : publicOrigin + request.PathBase.ToUriComponent() + request.Path.ToUriComponent() + request.QueryString.ToUriComponent();
        return new InboundRequest(request.Method, url, name => Header(request.Headers, name));
    }

    /// <summary>Returns the request with the scheme and host that arrived.</summary>
    internal static InboundRequest AsArrived(HttpRequest request) => request.ToInboundRequest($"{request.Scheme}://{request.Host.Value}");

    private static string? Header(IHeaderDictionary headers, string name)
    {
        StringValues values = headers[name];
        return values.Count switch
        {
            0 => null,
            1 => values[0],
            _ => string.Join(", ", values.ToArray()),
        };
    }
}
