using System.Net;
using System.Net.Sockets;

namespace Adcp.Aot.Network;

/// <summary>IPv4 addresses inside IPv6 ones, as NAT64 gateways unwrap them (RFC 6052, section 2.2).</summary>
internal static class Nat64
{
    internal static readonly IPNetwork WellKnown = IPNetwork.Parse("64:ff9b::/96");

    /// <summary>Returns the prefixes, or throws if one cannot be a NAT64 prefix.</summary>
    internal static IReadOnlyList<IPNetwork> Checked(IReadOnlyList<IPNetwork> prefixes, string name)
    {
        ArgumentNullException.ThrowIfNull(prefixes, name);
        foreach (IPNetwork prefix in prefixes)
        {
            if (prefix.BaseAddress.AddressFamily != AddressFamily.InterNetworkV6
                || prefix.PrefixLength is not (32 or 40 or 48 or 56 or 64 or 96))
            {
                throw new ArgumentException("A NAT64 prefix is an IPv6 network of 32, 40, 48, 56, 64 or 96 bits (RFC 6052).", name);
            }
        }

        return [.. prefixes];
    }

    /// <summary>
    /// Returns the IPv4 address that a gateway of this prefix reads out of the 16 bytes of an address. Bits 64 to 71
    /// are skipped.
    /// </summary>
    internal static IPAddress Inside(ReadOnlySpan<byte> address, int prefixLength)
    {
        Span<byte> inside = stackalloc byte[4];
        int from = prefixLength / 8;
        for (int i = 0; i < inside.Length; i++)
        {
            from += from == 8 ? 1 : 0;
            inside[i] = address[from++];
        }

        return new IPAddress(inside);
    }
}
