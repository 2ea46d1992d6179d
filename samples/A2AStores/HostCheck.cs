using Microsoft.Net.Http.Headers;

namespace A2AStores;

/// <summary>
/// Checks every request. A web page can make its own name resolve to this machine, so a request must name a host of the
/// agent's, come from no other page, and post JSON only.
/// </summary>
internal sealed class HostCheck(string? publicHost)
{
    private readonly string[] _hosts = ["localhost", "127.0.0.1", "[::1]", .. publicHost is null ? Array.Empty<string>() : [publicHost]];

    public Task InvokeAsync(HttpContext http, RequestDelegate next)
    {
        HttpRequest request = http.Request;
        int refusal = !IsOurs(request.Host) ? StatusCodes.Status421MisdirectedRequest
            : request.Headers.Origin is { Count: > 0 } origins && !origins.All(IsOurs) ? StatusCodes.Status403Forbidden
            : HttpMethods.IsPost(request.Method) && !IsJson(request.ContentType) ? StatusCodes.Status415UnsupportedMediaType
            : StatusCodes.Status200OK;
        if (refusal == StatusCodes.Status200OK)
        {
            return next(http);
        }

        http.Response.StatusCode = refusal;
        return http.Response.WriteAsync(refusal switch
        {
            StatusCodes.Status421MisdirectedRequest => "This agent is not served under the request's Host. Its operator sets --url.",
            StatusCodes.Status403Forbidden => "This agent takes no calls from pages of the request's Origin.",
            _ => "The Content-Type is application/json.",
        });
    }

    private bool IsOurs(HostString host) => _hosts.Contains(host.Host, StringComparer.OrdinalIgnoreCase);

    private bool IsOurs(string? origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https" && IsOurs(new HostString(url.Authority));

    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out MediaTypeHeaderValue? type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase);
}
