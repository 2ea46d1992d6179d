namespace Adcp.Aot.Network;

/// <summary>
/// Sends a webhook to another host than its url names, for development. The rewritten url is what is checked, signed
/// and requested.
/// </summary>
public interface ITransportHook
{
    /// <summary>
    /// Gets whether the hook reaches private networks, so that a sender without
    /// <see cref="DestinationGuardOptions.AllowPrivateNetworks"/> refuses it.
    /// </summary>
    bool NeedsPrivateNetworks { get; }

    /// <summary>
    /// The host to use instead; null to leave the url as it is. Scheme, port, path and query cannot change.
    /// </summary>
    /// <param name="host">The host now, in canonical form, IPv6 without brackets.</param>
    string? RewriteHost(string host);
}
