using Adcp.Aot.Verification;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Adcp.Aot.AspNetCore;

/// <summary>Gives a verifier an ASP.NET Core request as it was on the wire.</summary>
public static class InboundHttpRequest
{
    /// <summary>Returns the request under the origin that senders were given, its target not decoded.</summary>
    /// <param name="request">The request.</param>
    /// <param name="publicOrigin">
    /// Scheme and authority that senders were given, such as <c>https://buyer.example</c>. Take it from your configuration: an
    /// origin made of the request's own <c>Host</c> lets webhooks
    /// pass that were signed for another host.
    /// </param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static InboundRequest ToInboundRequest(this HttpRequest request, string publicOrigin)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(publicOrigin);
        string? target = request.HttpContext.Features.Get<IHttpRequestFeature>()?.RawTarget;

        // A client of a proxy sends the whole url as its target; its path is in the request's own parts then.
        string url = target is ['/', ..]
            ? publicOrigin + target
            : publicOrigin + request.PathBase.ToUriComponent() + request.Path.ToUriComponent() + request.QueryString.ToUriComponent();
        return new InboundRequest(request.Method, url, name => Header(request.Headers, name));
    }

    /// <summary>Returns the request under the scheme and host that arrived.</summary>
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
