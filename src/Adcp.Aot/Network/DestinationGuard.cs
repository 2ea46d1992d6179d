using System.Collections.Frozen;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Adcp.Aot.Network;

/// <summary>
/// Decides which hosts and addresses webhooks may go to (AdCP security, "SSRF"): https unless configured otherwise, no
/// reserved range, never a metadata service, and every address that a name resolves to must pass. A sender asks it
/// before every connection. Ask it yourself before you store a url. Immutable and safe for concurrent use.
/// </summary>
public sealed class DestinationGuard
{
    /// <summary>The maximum length of a url in characters.</summary>
    internal const int MaxUrlLength = 2048;

    private const int MaxAddresses = 32;
    private const string OddAddress = "the host is an address in a form that only some programs read as one";

    private static readonly HashSet<string> MetadataNames = new(StringComparer.OrdinalIgnoreCase)
    {
        "metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal", "metadata.azure.internal",
        "metadata.oraclecloud.com", "metadata.packet.net", "metadata.platformequinix.com",
    };

    private readonly bool _allowHttp;
    private readonly bool _allowPrivateNetworks;
    private readonly FrozenSet<int>? _allowedPorts;
    private readonly AddressRules _addresses;
    private readonly NameResolver _resolver;
    private readonly TimeSpan _resolveTimeout;
    private readonly TimeProvider _time;

    /// <summary>Creates a guard.</summary>
    /// <param name="options">The destinations that are allowed, and the resolver.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is null.</exception>
    public DestinationGuard(DestinationGuardOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _allowHttp = options.AllowHttp;
        _allowPrivateNetworks = options.AllowPrivateNetworks;
        _allowedPorts = options.AllowedPorts?.ToFrozenSet();
        _addresses = new AddressRules(options.AllowPrivateNetworks, options.Nat64Prefixes);
        _resolver = options.Resolver is { } custom ? new NameResolver(custom, TimeSpan.Zero) : NameResolver.System;
        _resolveTimeout = options.ResolveTimeout;
        _time = options.TimeProvider;
    }

    /// <summary>
    /// Returns whether a webhook to the url could be sent now: it is well-formed, without user information, and every
    /// address that its host resolves to passes. The answer says nothing more, so that a buyer who gives a url learns
    /// nothing about this network. It is no promise for later: the sender checks again. If private networks are allowed, a name that cannot
    /// be resolved passes too.
    /// </summary>
    /// <param name="url">The url, untrusted.</param>
    /// <param name="cancellationToken">Ends the resolution.</param>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public ValueTask<bool> AllowsAsync(string? url, CancellationToken cancellationToken = default) =>
        AllowsAsync(url, null, cancellationToken);

    /// <summary>
    /// Returns whether a webhook to the url could be sent now. The look-up of its host uses the share of a tenant, so that one
    /// tenant's slow names do not delay those of others.
    /// </summary>
    /// <param name="url">The url, untrusted.</param>
    /// <param name="tenant">The tenant that gave the url; <c>null</c> for none.</param>
    /// <param name="cancellationToken">Ends the resolution.</param>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async ValueTask<bool> AllowsAsync(string? url, string? tenant, CancellationToken cancellationToken)
    {
        if (url is null || url.Length > MaxUrlLength || !TargetUri.TryParse(url, out TargetUri? target, out _)
            || target.HadUserInfo || Refuse(target) is not null)
        {
            return false;
        }

        if (IPAddress.TryParse(target.Host, out _))
        {
            return true;
        }

        using CancellationTokenSource timeout = new(_resolveTimeout, _time);
        using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            return RefuseAll(await _resolver.ResolveAsync(target.Host, tenant, linked.Token).ConfigureAwait(false)) is null;
        }
        catch (Exception fault) when (fault is OperationCanceledException or SocketException or DestinationRefusedException)
        {
            // In development nothing has to be hidden, and names of test plans have no address.
            cancellationToken.ThrowIfCancellationRequested();
            return _allowPrivateNetworks;
        }
    }

    /// <summary>Resolves a host and returns its addresses, all of which passed.</summary>
    /// <exception cref="DestinationRefusedException">The name does not exist, or an answer does not pass.</exception>
    /// <exception cref="SocketException">The resolver failed, or did not answer before the token was cancelled and
    /// answers no other name either.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled while the resolver answers other
    /// names.</exception>
    internal ValueTask<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken) =>
        ResolveAsync(host, null, cancellationToken);

    /// <param name="host">The host.</param>
    /// <param name="tenant">The tenant whose share of the look-ups is used; <c>null</c> for none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <inheritdoc cref="ResolveAsync(string, CancellationToken)"/>
    internal async ValueTask<IPAddress[]> ResolveAsync(string host, string? tenant, CancellationToken cancellationToken)
    {
        IPAddress[] addresses = await LookUpAsync(host, tenant, cancellationToken).ConfigureAwait(false);
        return RefuseAll(addresses) is { } why ? throw new DestinationRefusedException(why) : addresses;
    }

    /// <summary>Resolves a host without judging its addresses.</summary>
    /// <inheritdoc cref="ResolveAsync(string, string?, CancellationToken)"/>
    internal async ValueTask<IPAddress[]> LookUpAsync(string host, string? tenant, CancellationToken cancellationToken) =>
        IPAddress.TryParse(host, out IPAddress? literal)
            ? [literal]
            : await _resolver.ResolveAsync(host, tenant, cancellationToken).ConfigureAwait(false);

    /// <summary>Returns the rule that a url breaks before anything is resolved; <c>null</c> if it passes.</summary>
    internal string? Refuse(TargetUri target)
    {
        if (!target.IsHttps && !_allowHttp)
        {
            return "https is required";
        }

        if (_allowedPorts is not null && !_allowedPorts.Contains(target.Port))
        {
            return "the port is not allowed";
        }

        if (MetadataNames.Contains(target.Host))
        {
            return "the host is a metadata service";
        }

        if (IPAddress.TryParse(target.Host, out IPAddress? address))
        {
            // IPAddress also reads 2130706433, 0x7f.1 and 127.1. Such spellings of a host are used to deceive a reader.
            bool canonical = address.AddressFamily == AddressFamily.InterNetworkV6 || target.Host == address.ToString();
            return !canonical ? OddAddress : _addresses.Refuse(address) is { } kind ? "the host is " + kind : null;
        }

        ReadOnlySpan<char> last = target.Host.AsSpan(target.Host.LastIndexOf('.') + 1);
        if (!last.ContainsAnyExceptInRange('0', '9') || last.StartsWith("0x", StringComparison.Ordinal))
        {
            return OddAddress;
        }

        bool local = target.Host == "localhost" || target.Host.EndsWith(".localhost", StringComparison.Ordinal);
        return local && !_allowPrivateNetworks ? "the host is this machine" : null;
    }

    /// <summary>Returns whether every address of a name may be connected to.</summary>
    internal bool AllAllowed(IPAddress[] addresses) => RefuseAll(addresses) is null;

    internal bool IsAllowed(IPAddress address) => _addresses.Refuse(address) is null;

    /// <summary>Returns the rule that an address breaks, or the number of addresses; <c>null</c> if all pass.</summary>
    internal string? RefuseAll(IPAddress[] addresses)
    {
        if (addresses.Length is 0 or > MaxAddresses)
        {
            return string.Create(
                CultureInfo.InvariantCulture, $"the name resolves to {addresses.Length} addresses, 1 to {MaxAddresses} are allowed");
        }

        foreach (IPAddress address in addresses)
        {
            if (_addresses.Refuse(address) is { } kind)
            {
                return $"the name resolves to {address}, {kind}";
            }
        }

        return null;
    }
}
