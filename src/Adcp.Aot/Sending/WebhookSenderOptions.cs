using System.Net;
using System.Security.Cryptography.X509Certificates;
using Adcp.Aot.Network;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot;

/// <summary>The options of a sender. Immutable; a bad value throws when it is set.</summary>
public sealed record WebhookSenderOptions
{
    /// <summary>The most egress rules.</summary>
    internal const int MaxEgressRules = 256;

    /// <summary>The AdCP version that is spoken. Required: there is no default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a version.</exception>
    public required AdcpVersion Version
    {
        get;
        init => field = Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Version), value, "Not an AdCP version.");
    }

    /// <summary>
    /// The time from connecting to the headers of the answer. The answer's body is read for one more second at most;
    /// only the answer to an ownership challenge may take the whole time for its body too. 1 ms to 10 minutes, default
    /// 10 s.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 ms to 10 minutes.</exception>
    public TimeSpan AttemptTimeout
    {
        get; init =>
        field = Require.InRange(value, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(10), nameof(AttemptTimeout));
    } =
        TimeSpan.FromSeconds(10);

    /// <summary>
    /// The time for name resolution and TCP together, over all addresses, which race each other. 1 ms to 10 minutes,
    /// default 5 s.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 ms to 10 minutes.</exception>
    public TimeSpan ConnectTimeout
    {
        get; init =>
        field = Require.InRange(value, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(10), nameof(ConnectTimeout));
    } =
        TimeSpan.FromSeconds(5);

    /// <summary>Allows plain http. Default false.</summary>
    public bool AllowHttp { get; init; }

    /// <summary>
    /// Allows loopback and private networks, for development. Metadata services and other reserved ranges stay refused.
    /// Default false.
    /// </summary>
    public bool AllowPrivateNetworks { get; init; }

    /// <summary>The only ports allowed; default null, any.</summary>
    public IReadOnlySet<int>? AllowedPorts { get; init; }

    /// <summary>
    /// The NAT64 prefixes of this network besides the well-known <c>64:ff9b::/96</c>. An address behind such a prefix
    /// is judged by the IPv4 address inside (RFC 6052). Default none.
    /// </summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    /// <exception cref="ArgumentException">Not an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits.</exception>
    public IReadOnlyList<IPNetwork> Nat64Prefixes { get; init => field = Nat64.Checked(value, nameof(Nat64Prefixes)); } = [];

    /// <summary>The largest body in bytes. 1 to 10 MiB, default 10 MiB.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 10 MiB.</exception>
    public int MaxBodyBytes { get; init => field = Require.InRange(value, 1, 10 << 20, nameof(MaxBodyBytes)); } = 10 << 20;

    /// <summary>
    /// The maximum number of bytes of an answer's body that are read. If there are more, the connection is closed. 0 to
    /// 5 MiB, default 16 KiB.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 0 to 5 MiB.</exception>
    public int MaxResponseBytes { get; init => field = Require.InRange(value, 0, 5 << 20, nameof(MaxResponseBytes)); } = 16 << 10;

    /// <summary>
    /// The age at which a connection is replaced, so that a change of DNS is noticed. 1 s to 1 day, default 2 minutes.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 s to 1 day.</exception>
    public TimeSpan ConnectionLifetime
    {
        get; init =>
        field = Require.InRange(value, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1), nameof(ConnectionLifetime));
    } =
        TimeSpan.FromMinutes(2);

    /// <summary>
    /// Enables HTTP/2: negotiated over https, with prior knowledge over http. HTTP/3 is never used. Default false,
    /// HTTP/1.1.
    /// </summary>
    public bool Http2 { get; init; }

    /// <summary>
    /// Gets whether receivers get the trace of an attempt, in the headers <c>traceparent</c> and <c>tracestate</c>. Default false, because
    /// receivers are other companies.
    /// </summary>
    public bool PropagatesTraceContext { get; init; }

    /// <summary>
    /// Gets whether the TLS certificate of a host is looked up in the revocation list of its issuer. Default
    /// <see cref="X509RevocationMode.NoCheck"/>, as in .NET: most public certificates live for weeks.
    /// </summary>
    /// <remarks>
    /// If a list cannot be read, the host is refused. .NET keeps lists that it downloaded in the user's folder until their next update.
    /// <see cref="X509RevocationMode.Online"/> downloads lists from the urls in the certificate. These requests are .NET's own: the
    /// destination guard does not see them, and a receiver can name any url in a chain that is trusted. Allow them an egress firewall
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

    /// <summary>
    /// Gets the rules for the way to some destinations: proxy, client certificate, roots, timeouts. The first rule whose origins contain
    /// the destination holds. At most 256, default none.
    /// </summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    /// <exception cref="ArgumentException">More than 256, or a rule is null.</exception>
    public IReadOnlyList<EgressRule> Egress
    {
        get;
        init => field = Require.NotNull(value, nameof(Egress)).Count <= MaxEgressRules && value.All(static rule => rule is not null)
            ? value
            : throw new ArgumentException($"At most {MaxEgressRules} rules, and none of them null.", nameof(Egress));
    } = [];

    /// <summary>Rewrites of hosts, in order. Default none.</summary>
    public IReadOnlyList<ITransportHook> TransportHooks
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(TransportHooks));
    } = [];

    /// <summary>
    /// Resolves names; default null, the system's resolver. See <see cref="DestinationGuardOptions.Resolver"/>.
    /// </summary>
    public Func<string, CancellationToken, Task<IPAddress[]>>? Resolver { get; init; }

    /// <summary>The clock of timestamps, signatures and timeouts. Default: the system's.</summary>
    public TimeProvider TimeProvider
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider));
    } = TimeProvider.System;

    /// <summary>
    /// Gets the logger of refused destinations and of deprecated authentication. Default <see langword="null"/>, no log.
    /// </summary>
    public ILogger? Logger { get; init; }

    /// <summary>Creates the guard of senders with these options, for checking a url before it is stored.</summary>
    public DestinationGuard CreateGuard() => new(new DestinationGuardOptions
    {
        AllowHttp = AllowHttp,
        AllowPrivateNetworks = AllowPrivateNetworks,
        AllowedPorts = AllowedPorts,
        Nat64Prefixes = Nat64Prefixes,
        Resolver = Resolver,
        ResolveTimeout = ConnectTimeout,
        TimeProvider = TimeProvider,
    });
}
