namespace Adcp.Aot.Network;

/// <summary>
/// Sends a webhook to another host than its url names, for development. The rewritten url is checked, signed and
/// requested.
/// </summary>
public interface ITransportHook
{
    /// <summary>
    /// Gets whether the hook reaches private networks, so that a sender without
    /// <see cref="DestinationGuardOptions.AllowPrivateNetworks"/> refuses it.
    /// </summary>
    bool NeedsPrivateNetworks { get; }

    /// <summary>
    /// Returns the host to use instead; null to leave the url unchanged. Scheme, port, path and query cannot change.
    /// </summary>
    /// <param name="host">The present host in canonical form, IPv6 without brackets.</param>
    string? RewriteHost(string host);
}
