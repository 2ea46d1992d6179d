using Microsoft.AspNetCore.Http;

namespace Adcp.Aot.AspNetCore;

/// <summary>
/// The rules for callers of a seller's MCP and A2A endpoints. By default the application must authenticate a request,
/// and the request must come under a loopback host. Immutable; a bad value throws when it is set.
/// </summary>
public sealed record AdcpEndpointOptions
{
    internal static readonly IReadOnlyList<string> Loopback = ["localhost", "127.0.0.1", "[::1]"];

    /// <summary>
    /// Gets the function that returns the tenant of a request, such as the owner of its bearer token: 1 to 255 bytes of
    /// UTF-8 without control characters, stable, and never a name that callers choose. If it returns null, the request
    /// is refused with 401. Default null: the authenticated principal's issuer and subject (claims <c>iss</c> and
    /// <c>sub</c>, or the name identifier). If an authenticated request has no subject, it is refused with 403; if a
    /// request is not authenticated, with 401.
    /// </summary>
    public Func<HttpContext, string?>? TenantOf { get; init; }

    /// <summary>
    /// Gets whether all callers are one tenant, <c>anonymous</c>, and see each other's tasks. Default false. Cannot be
    /// combined with <see cref="TenantOf"/>.
    /// </summary>
    public bool SharesOneTenant { get; init; }

    /// <summary>
    /// Gets the hosts under which buyers call, each with its port or for any port, such as <c>seller.example</c> or
    /// <c>[::1]:5080</c>. Others are refused with 421, so that a web page cannot call a server on the user's machine
    /// under another name. <c>*</c> allows any. Default null: localhost, 127.0.0.1 and [::1].
    /// </summary>
    /// <exception cref="ArgumentException">Empty, or an entry is not a host.</exception>
    public IReadOnlyList<string>? AllowedHosts { get; init => field = Hosts(value); }

    /// <summary>
    /// Gets the origins of web pages that may call, such as <c>https://console.seller.example</c>, in addition to those
    /// whose host is allowed. Others are refused with 403. Requests without <c>Origin</c>, which all clients but
    /// browsers send, are accepted. Default none.
    /// </summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    /// <exception cref="ArgumentException">An entry is not an origin: scheme and authority only.</exception>
    public IReadOnlyList<string> AllowedOrigins { get; init => field = Origins(value); } = [];

    /// <summary>
    /// Gets whether A2A requests are served that do not activate AdCP's profile by the header <c>A2A-Extensions</c>. Default false, as the
    /// profile demands; true is for older clients, and the agent card then says that the profile is not required.
    /// </summary>
    public bool AllowsA2AWithoutProfile { get; init; }

    /// <summary>
    /// Gets whether a 401 names the endpoint's OAuth 2.0 protected resource metadata (RFC 9728), so that clients find the authorization
    /// server: <c>/.well-known/oauth-protected-resource</c> and the endpoint's path, under the request's scheme and host. The application
    /// serves the document. Default false.
    /// </summary>
    public bool NamesResourceMetadata { get; init; }

    /// <exception cref="ArgumentException">Both sources of the tenant are set.</exception>
    internal AdcpEndpointOptions Checked(string paramName) => TenantOf is not null && SharesOneTenant
        ? throw new ArgumentException("Set either AdcpEndpointOptions.TenantOf or SharesOneTenant, not both.", paramName)
        : this;

    private static string[]? Hosts(IReadOnlyList<string>? hosts)
    {
        if (hosts is null)
        {
            return null;
        }

        if (hosts.Count == 0)
        {
            throw new ArgumentException("Null for the loopback hosts, or at least one host.", nameof(AllowedHosts));
        }

        foreach (string host in hosts)
        {
            if (host != "*"
                && (string.IsNullOrEmpty(host) || !Uri.TryCreate($"http://{host}/", UriKind.Absolute, out Uri? url)
                    || url.PathAndQuery != "/" || url.UserInfo.Length > 0))
            {
                throw new ArgumentException($"'{host}' is not a host: use a name or address, with or without a port.",
                    nameof(AllowedHosts));
            }
        }

        return [.. hosts];
    }

    private static string[] Origins(IReadOnlyList<string> origins)
    {
        ArgumentNullException.ThrowIfNull(origins, nameof(AllowedOrigins));
        foreach (string origin in origins)
        {
            if (!Uri.TryCreate(origin, UriKind.Absolute, out Uri? url) || url.GetLeftPart(UriPartial.Authority) != origin)
            {
                throw new ArgumentException(
                    $"'{origin}' is no origin: scheme and authority only, such as https://console.seller.example.", nameof(AllowedOrigins));
            }
        }

        return [.. origins];
    }
}
