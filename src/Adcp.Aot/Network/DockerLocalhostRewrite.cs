namespace Adcp.Aot.Network;

/// <summary>
/// Sends webhooks for <c>localhost</c>, <c>127.0.0.1</c> and <c>::1</c> to the machine that a container runs on.
/// </summary>
public sealed class DockerLocalhostRewrite : ITransportHook
{
    private readonly string _host;

    /// <summary>Creates the hook.</summary>
    /// <param name="rewriteTo">The host to use instead, a name or an address. Default <c>host.docker.internal</c>.</param>
    /// <exception cref="ArgumentException"><paramref name="rewriteTo"/> is null, empty or holds more than a
    /// host.</exception>
    public DockerLocalhostRewrite(string rewriteTo = "host.docker.internal")
    {
        ArgumentException.ThrowIfNullOrEmpty(rewriteTo);
        if (Uri.CheckHostName(rewriteTo) == UriHostNameType.Unknown)
        {
            throw new ArgumentException("Must be a host name or address, without port or brackets.", nameof(rewriteTo));
        }

        _host = rewriteTo;
    }

    /// <inheritdoc/>
    public bool NeedsPrivateNetworks => true;

    /// <inheritdoc/>
    public string? RewriteHost(string host) => host is "localhost" or "127.0.0.1" or "::1" ? _host : null;
}
