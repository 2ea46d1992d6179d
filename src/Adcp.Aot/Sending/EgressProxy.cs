using System.Net;

namespace Adcp.Aot;

/// <summary>An HTTP proxy that opens connections by <c>CONNECT</c>. Immutable; a bad value throws when it is set.</summary>
/// <remarks>
/// TLS is spoken with the destination, so that the proxy sees no body and no signature of an https webhook. The destination guard does
/// not judge the address of the proxy itself, which is yours.
/// </remarks>
public sealed record EgressProxy
{
    /// <summary>Creates a proxy.</summary>
    /// <param name="url">Its url, such as <c>http://proxy.internal:3128</c>.</param>
    /// <exception cref="ArgumentNullException"><paramref name="url"/> is null.</exception>
    /// <exception cref="ArgumentException">Not an http url without user information and path.</exception>
    public EgressProxy(Uri url)
    {
        ArgumentNullException.ThrowIfNull(url);
        Url = url.IsAbsoluteUri && url.Scheme == Uri.UriSchemeHttp && url.UserInfo.Length == 0 && url.PathAndQuery == "/"
            ? url
            : throw new ArgumentException(
                "A proxy is http://HOST:PORT, without a path. Give a user and a password as Credentials.", nameof(url));
    }

    /// <summary>Gets the url.</summary>
    public Uri Url { get; }

    /// <summary>
    /// Gets the user and password for the proxy, which are sent as Basic authentication. Default <see langword="null"/>, none.
    /// </summary>
    public NetworkCredential? Credentials { get; init; }

    /// <summary>
    /// Gets whether the proxy resolves the names of destinations. Default false: this process resolves a name, the guard judges its
    /// addresses, and the proxy is asked to connect to an address that passed.
    /// </summary>
    /// <remarks>
    /// Set it to true only if this network resolves no external names, or if the proxy decides by names. The guard then judges the url
    /// alone, with its literal addresses and names of metadata services. It cannot know the address that the proxy connects to: the
    /// proxy itself must refuse private networks and metadata services.
    /// </remarks>
    public bool ResolvesNames { get; init; }

    /// <summary>Returns host and port.</summary>
    public override string ToString() => Url.Authority;
}
