using System.Net;
using System.Net.Sockets;

namespace Adcp.Aot.Network;

/// <summary>
/// The addresses that may be connected to: no reserved range, no metadata service, private networks only if allowed.
/// Immutable.
/// </summary>
/// <remarks>
/// An address behind a NAT64 prefix is judged by the IPv4 address inside, because the gateway connects there. Other
/// wrappings stay refused. 6to4 (2002::/16) and Teredo are deprecated and name a relay as well as a host. A mapped
/// address (::ffff:0:0/96) is a spelling of the IPv4 address: a resolver's answer is rewritten to that one, and a url
/// has no reason to use it.
/// </remarks>
internal sealed class AddressRules(bool allowPrivateNetworks, IReadOnlyList<IPNetwork> nat64Prefixes)
{
    private static readonly IPNetwork[] Private =
        [.. Networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128")];

    private static readonly IPNetwork[] Reserved =
    [
        .. Networks(
            "0.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
            "192.88.99.0/24", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),

        // ::/96 with the unspecified address, mapped and translated IPv4, local NAT64, discard, 2001::/23 with
        // Teredo, documentation, 6to4, segment routing, site and link local, multicast.
        .. Networks(
            "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001:db8::/32",
            "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "5f00::/8", "fe80::/10", "fec0::/10", "ff00::/8"),
    ];

    private static readonly IPNetwork Global = IPNetwork.Parse("2000::/3");

    private static readonly IPAddress[] Metadata =
    [
        IPAddress.Parse("169.254.169.254"), IPAddress.Parse("100.100.100.200"), IPAddress.Parse("192.0.0.192"),
        IPAddress.Parse("168.63.129.16"), IPAddress.Parse("fd00:ec2::254"), IPAddress.Parse("fd00:ec2::23"),
        IPAddress.Parse("fd20:ce::254"),
    ];

    private readonly IPNetwork[] _nat64 = [Nat64.WellKnown, .. nat64Prefixes];

    /// <summary>
    /// Returns the form in which an answer of a resolver is judged and connected to: IPv4 if it is mapped, and
    /// without a scope id.
    /// </summary>
    internal static IPAddress Normalize(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address;
        }

        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : WithoutScope(address);
    }

    /// <summary>Returns the kind of address that is refused; <c>null</c> if it may be connected to.</summary>
    internal string? Refuse(IPAddress address)
    {
        if (address.AddressFamily == AddressFamily.InterNetwork)
        {
            return RefuseIPv4(address);
        }

        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return "neither IPv4 nor IPv6";
        }

        address = WithoutScope(address);
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        foreach (IPNetwork prefix in _nat64)
        {
            if (Contains(prefix, address))
            {
                return RefuseIPv4(Nat64.Inside(bytes, prefix.PrefixLength));
            }
        }

        if (Array.IndexOf(Metadata, address) >= 0 || (Embedded(address, bytes) is { } inner && Array.IndexOf(Metadata, inner) >= 0))
        {
            return "a metadata service";
        }

        if (Contains(Private, address))
        {
            return allowPrivateNetworks ? null : "a private network";
        }

        // Only 2000::/3 is global unicast. No webhook belongs to an address that is unassigned today.
        return Contains(Global, address) && !address.IsIPv4MappedToIPv6 && !Contains(Reserved, address) ? null : "a reserved range";
    }

    private string? RefuseIPv4(IPAddress address)
    {
        if (Array.IndexOf(Metadata, address) >= 0)
        {
            return "a metadata service";
        }

        if (Contains(Private, address))
        {
            return allowPrivateNetworks ? null : "a private network";
        }

        return Contains(Reserved, address) ? "a reserved range" : null;
    }

    /// <summary>Returns the IPv4 address in a form that a gateway may unwrap although we refuse the form itself.</summary>
    private static IPAddress? Embedded(IPAddress address, ReadOnlySpan<byte> bytes)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4();
        }

        if (bytes is [0x20, 0x02, ..])
        {
            return new IPAddress(bytes[2..6]);
        }

        bool compatible = bytes[..12].IndexOfAnyExcept((byte)0) < 0 || bytes is [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, ..];
        bool localNat64 = bytes is [0x00, 0x64, 0xff, 0x9b, ..];
        return compatible || localNat64 ? new IPAddress(bytes[12..]) : null;
    }

    private static IPAddress WithoutScope(IPAddress address)
    {
        if (address.ScopeId == 0)
        {
            return address;
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        return new IPAddress(bytes);
    }

    private static bool Contains(IPNetwork[] networks, IPAddress address)
    {
        foreach (IPNetwork network in networks)
        {
            if (Contains(network, address))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Compares families first: <see cref="IPNetwork"/> treats a mapped address as the IPv4 one inside.
    /// </summary>
    private static bool Contains(IPNetwork network, IPAddress address) =>
        network.BaseAddress.AddressFamily == address.AddressFamily && network.Contains(address);

    private static IEnumerable<IPNetwork> Networks(params string[] networks) => networks.Select(static text => IPNetwork.Parse(text));
}
