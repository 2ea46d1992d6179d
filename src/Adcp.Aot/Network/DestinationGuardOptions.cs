using System.Net;

namespace Adcp.Aot.Network;

/// <summary>
/// The destinations that a <see cref="DestinationGuard"/> allows and how it resolves their names. Immutable; a bad
/// value throws when it is set.
/// </summary>
public sealed record DestinationGuardOptions
{
    /// <summary>Allows plain http. Default false.</summary>
    public bool AllowHttp { get; init; }

    /// <summary>
    /// Allows loopback and private networks, for development. Metadata services and other reserved ranges stay
    /// refused. Default false.
    /// </summary>
    public bool AllowPrivateNetworks { get; init; }

    /// <summary>The only ports that are allowed; default null, any.</summary>
    public IReadOnlySet<int>? AllowedPorts { get; init; }

    /// <summary>
    /// The NAT64 prefixes of this network besides the well-known <c>64:ff9b::/96</c>. An address behind such a prefix
    /// is judged by the IPv4 address inside (RFC 6052). Default none.
    /// </summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    /// <exception cref="ArgumentException">Not an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits.</exception>
    public IReadOnlyList<IPNetwork> Nat64Prefixes { get; init => field = Nat64.Checked(value, nameof(Nat64Prefixes)); } = [];

    /// <summary>
    /// Resolves names; default null, the system's resolver. At most 16 names are looked up at a time. If the name has
    /// no address, throw a <see cref="System.Net.Sockets.SocketException"/> of <c>HostNotFound</c> or <c>NoData</c>;
    /// any other exception means that the resolver failed.
    /// </summary>
    public Func<string, CancellationToken, Task<IPAddress[]>>? Resolver { get; init; }

    /// <summary>
    /// The time that <see cref="DestinationGuard.AllowsAsync(string?, CancellationToken)"/> waits for a name. 1 ms to
    /// 10 minutes, default 5 s.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 ms to 10 minutes.</exception>
    public TimeSpan ResolveTimeout
    {
        get;
        init => field = Require.InRange(value, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(10), nameof(ResolveTimeout));
    } = TimeSpan.FromSeconds(5);

    /// <summary>The clock of <see cref="ResolveTimeout"/>. Default: the system's.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public TimeProvider TimeProvider
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider));
    } = TimeProvider.System;
}
