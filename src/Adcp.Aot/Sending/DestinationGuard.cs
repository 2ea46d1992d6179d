using System.Collections.Frozen;
using System.Net;
using System.Net.Sockets;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Sending;

/// <summary>
/// Which hosts and addresses webhooks may go to (AdCP security, "SSRF"): https unless told otherwise, no reserved range, no metadata service whatever
/// the flags, and every address a name resolves to must pass. A sender asks it before every connection; ask it yourself before a url is stored. Immutable and
/// safe for concurrent use.
/// </summary>
public sealed class DestinationGuard
{
    private const int MaxAddresses = 32;

    private static readonly IPNetwork[] Private =
        [.. Networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128")];

    private static readonly IPNetwork[] Reserved =
    [
        .. Private,
        .. Networks(
            "0.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
            "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),

        // ::/96 with the unspecified address, mapped and NAT64 IPv4, discard, 2001::/23 with Teredo, documentation, 6to4, segment routing, site and link local, multicast.
        .. Networks(
            "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001:db8::/32", "2002::/16",
            "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "5f00::/8", "fe80::/10", "fec0::/10", "ff00::/8"),
    ];

    private static readonly IPNetwork[] Global = [.. Networks("2000::/3")];

    private static readonly IPAddress[] Metadata =
    [
        IPAddress.Parse("169.254.169.254"), IPAddress.Parse("100.100.100.200"), IPAddress.Parse("192.0.0.192"), IPAddress.Parse("168.63.129.16"), IPAddress.Parse("fd00:ec2::254"),
        IPAddress.Parse("fd00:ec2::23"), IPAddress.Parse("fd20:ce::254"),
    ];

    private static readonly HashSet<string> MetadataNames = new(StringComparer.OrdinalIgnoreCase)
    {
        "metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal", "metadata.azure.internal",
        "metadata.oraclecloud.com", "metadata.packet.net", "metadata.platformequinix.com",
    };

    private readonly bool _allowHttp;
    private readonly bool _allowPrivateNetworks;
    private readonly IReadOnlySet<int>? _allowedPorts;
    private readonly WebhookSenderOptions? _resolving;

    /// <summary>The guard of senders that have these options.</summary>
    /// <param name="options">What may be reached, the resolver, and <see cref="WebhookSenderOptions.ConnectTimeout"/> for resolving.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is null.</exception>
    public DestinationGuard(WebhookSenderOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _allowHttp = options.AllowHttp;
        _allowPrivateNetworks = options.AllowPrivateNetworks;
        _allowedPorts = options.AllowedPorts?.ToFrozenSet();
        _resolving = options;
    }

    internal DestinationGuard(bool allowHttp, bool allowPrivateNetworks, IReadOnlySet<int>? allowedPorts)
    {
        _allowHttp = allowHttp;
        _allowPrivateNetworks = allowPrivateNetworks;
        _allowedPorts = allowedPorts;
    }

    /// <summary>
    /// True where a webhook to the url could be sent now: it is well-formed, without user information, and every address that its host resolves to passes. The answer
    /// says nothing more, so that nothing of our network is told to whoever gave the url. It is no promise for later: the sender checks again.
    /// </summary>
    /// <param name="url">The url, untrusted.</param>
    /// <param name="cancellationToken">Ends the resolution.</param>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async ValueTask<bool> AllowsAsync(string? url, CancellationToken cancellationToken = default)
    {
        if (url is null || url.Length > WebhookDestination.MaxUrlLength || !TargetUri.TryParse(url, out TargetUri? target, out _)
            || target.HadUserInfo || Refuse(target) is not null)
        {
            return false;
        }

        if (IPAddress.TryParse(target.Host, out _))
        {
            return true;
        }

        using CancellationTokenSource timeout =
            _resolving is { } options ? new(options.ConnectTimeout, options.TimeProvider) : new(TimeSpan.FromSeconds(5), TimeProvider.System);
        using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            return AllAllowed(await ResolveAsync(target.Host, _resolving?.Resolver, linked.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    internal static async Task<IPAddress[]> ResolveAsync(
        string host, Func<string, CancellationToken, Task<IPAddress[]>>? resolver, CancellationToken cancellationToken)
    {
        if (IPAddress.TryParse(host, out IPAddress? literal))
        {
            return [literal];
        }

        return resolver is not null
            ? await resolver(host, cancellationToken).ConfigureAwait(false) ?? []
            : await Dns.GetHostAddressesAsync(host, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The rule that a url breaks before anything is resolved; null where it passes.</summary>
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
            return DestinationRefusedException.Reason;
        }

        if (IPAddress.TryParse(target.Host, out IPAddress? address))
        {
            // IPAddress reads 2130706433, 0x7f.1 and 127.1 too: such hosts are written to slip past a reader.
            bool canonical = address.AddressFamily == AddressFamily.InterNetworkV6 || target.Host == address.ToString();
            return canonical && IsAllowed(address) ? null : DestinationRefusedException.Reason;
        }

        ReadOnlySpan<char> last = target.Host.AsSpan(target.Host.LastIndexOf('.') + 1);
        if (!last.ContainsAnyExceptInRange('0', '9') || last.StartsWith("0x", StringComparison.Ordinal))
        {
            return DestinationRefusedException.Reason;
        }

        bool local = target.Host == "localhost" || target.Host.EndsWith(".localhost", StringComparison.Ordinal);
        return local && !_allowPrivateNetworks ? DestinationRefusedException.Reason : null;
    }

    /// <summary>True where a name's every address may be connected to.</summary>
    internal bool AllAllowed(IPAddress[] addresses) => addresses.Length is > 0 and <= MaxAddresses && Array.TrueForAll(addresses, IsAllowed);

    internal bool IsAllowed(IPAddress address)
    {
        if (IsMetadata(address))
        {
            return false;
        }

        // Only 2000::/3 is global unicast; what is unassigned today is nobody's webhook.
        if (address.AddressFamily == AddressFamily.InterNetworkV6 && !Contains(Global, address) && !Contains(Private, address))
        {
            return false;
        }

        // Asked by itself: IPNetwork takes a mapped address for the IPv4 one inside.
        bool reserved = address.IsIPv4MappedToIPv6 || Contains(Reserved, address);
        return !reserved || (_allowPrivateNetworks && Contains(Private, address));
    }

    /// <summary>A metadata service's address, also where it is wrapped in an IPv6 form that a gateway unwraps.</summary>
    internal static bool IsMetadata(IPAddress address)
    {
        if (Array.IndexOf(Metadata, address) >= 0)
        {
            return true;
        }

        return address.AddressFamily == AddressFamily.InterNetworkV6 && Embedded(address) is { } inner && Array.IndexOf(Metadata, inner) >= 0;
    }

    private static IPAddress? Embedded(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4();
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        if (bytes is [0x20, 0x02, ..])
        {
            return new IPAddress(bytes[2..6]);
        }

        bool nat64 = bytes is [0x00, 0x64, 0xff, 0x9b, ..];
        bool compatible = bytes[..12].IndexOfAnyExcept((byte)0) < 0 || bytes is [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, ..];
        return nat64 || compatible ? new IPAddress(bytes[12..]) : null;
    }

    private static bool Contains(IPNetwork[] networks, IPAddress address)
    {
        foreach (IPNetwork network in networks)
        {
            if (network.BaseAddress.AddressFamily == address.AddressFamily && network.Contains(address))
            {
                return true;
            }
        }

        return false;
    }

    private static IEnumerable<IPNetwork> Networks(params string[] networks) => networks.Select(static text => IPNetwork.Parse(text));
}
