using System.Net;
using System.Security.Cryptography.X509Certificates;
using Adcp.Aot.Network;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Verification;

/// <summary>The options for reading published keys. Immutable; a bad value throws when it is set.</summary>
public sealed record RemoteKeySourceOptions
{
    /// <summary>
    /// The time for which keys are used after they were read. Not longer than the interval at which the sender's
    /// revocation list is polled. 1 to 30 minutes, default 5.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 30 minutes.</exception>
    public TimeSpan CacheLifetime
    {
        get;
        init => field = Require.InRange(value, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(30), nameof(CacheLifetime));
    } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Gets the largest <c>brand.json</c> in bytes. A larger one counts as if it could not be read. 64 KiB to 8 MiB, default 256 KiB,
    /// as in AdCP 3.2; later versions allow 2 MiB.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 64 KiB to 8 MiB.</exception>
    public int MaxBrandJsonBytes
    {
        get;
        init => field = Require.InRange(value, 64 << 10, 8 << 20, nameof(MaxBrandJsonBytes));
    } = 256 << 10;

    /// <summary>
    /// Gets the origin at which the sender says that its webhook keys are: <c>identity.key_origins.webhook_signing</c> of its
    /// <c>get_adcp_capabilities</c>, such as <c>https://keys.seller.example</c>. If the <c>jwks_uri</c> has another host, its keys are not
    /// read, and signatures are refused with <c>webhook_signature_key_unknown</c>. As in AdCP, only the hosts are compared. Default
    /// <see langword="null"/>, not checked.
    /// </summary>
    /// <exception cref="ArgumentException">Not an http or https origin without a path.</exception>
    public string? KeyOrigin
    {
        get;
        init
        {
            KeyHost = value is null ? null : HostOf(value);
            field = value;
        }
    }

    /// <summary>Gets the host of <see cref="KeyOrigin"/> in canonical form.</summary>
    internal string? KeyHost { get; private init; }

    /// <summary>Allows plain http, for development. Default false.</summary>
    public bool AllowHttp { get; init; }

    /// <summary>
    /// Allows loopback and private networks, for development. Metadata services stay refused. Default false.
    /// </summary>
    public bool AllowPrivateNetworks { get; init; }

    /// <summary>
    /// The NAT64 prefixes of this network besides the well-known <c>64:ff9b::/96</c>; see <see
    /// cref="DestinationGuardOptions.Nat64Prefixes"/>. Default none.
    /// </summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    /// <exception cref="ArgumentException">Not an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits.</exception>
    public IReadOnlyList<IPNetwork> Nat64Prefixes { get; init => field = Nat64.Checked(value, nameof(Nat64Prefixes)); } = [];

    /// <summary>
    /// Trusts the key ids of AdCP's public test vectors, whose private keys are public. Default false.
    /// </summary>
    public bool AllowTestKeys { get; init; }

    /// <summary>
    /// Gets whether the TLS certificate of a host is looked up in the revocation list of its issuer. Default
    /// <see cref="X509RevocationMode.NoCheck"/>, as in .NET: most public certificates live for weeks.
    /// </summary>
    /// <remarks>
    /// If a list cannot be read, the host is refused. .NET keeps lists that it downloaded in the user's folder until their next update.
    /// <see cref="X509RevocationMode.Online"/> downloads lists from the urls in the certificate. These requests are .NET's own: the
    /// destination guard does not see them, and a publisher can name any url in a chain that is trusted. Allow them an egress firewall
    /// or proxy.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">Not a mode.</exception>
    public X509RevocationMode Revocation
    {
        get;
        init => field = Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Revocation), value, "Not a revocation mode.");
    }

    /// <summary>Resolves names; default null, the system's resolver.</summary>
    public Func<string, CancellationToken, Task<IPAddress[]>>? Resolver { get; init; }

    /// <summary>The clock of caching and timeouts. Default: the system's.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public TimeProvider TimeProvider
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider));
    } = TimeProvider.System;

    /// <summary>
    /// Gets the logger of keys that cannot be read and of key sets that moved. Default <see langword="null"/>, no log.
    /// </summary>
    public ILogger? Logger { get; init; }

    private static string HostOf(string origin) =>
        TargetUri.TryParse(origin, out TargetUri? url, out _) && !url.HadUserInfo && url.PathAndQuery == "/"
            ? url.Host
            : throw new ArgumentException("Must be an origin: scheme, host and port only.", nameof(KeyOrigin));
}
