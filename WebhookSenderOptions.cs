using System.Collections.Frozen;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Sending;

/// <summary>How a <see cref="WebhookSender"/> makes its attempts. Immutable; a bad value is refused where it is set.</summary>
public sealed record WebhookSenderOptions
{
    private const int MebiByte = 1024 * 1024;

    private static readonly TimeSpan MaxTimeout = TimeSpan.FromHours(1);
    private static readonly string DefaultUserAgent = $"Adcp.Aot/{typeof(WebhookSenderOptions).Assembly.GetName().Version?.ToString(3)}";

    /// <summary>The AdCP generation that the bodies speak. There is no default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a known generation.</exception>
    public required AdcpVersion Version
    {
        get;
        init => field = value is AdcpVersion.V30 or AdcpVersion.V31 or AdcpVersion.V32
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Version), value, "State the AdCP version that you speak: V30, V31 or V32.");
    }

    /// <summary>
    /// The time of one attempt from DNS to the end of the response: above zero, at most 1 hour. Default: 10 s. A response whose status has
    /// arrived by then stands, with as much of its body as came.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public TimeSpan AttemptTimeout
    {
        get;
        init => field = CheckTimeout(value, nameof(AttemptTimeout));
    } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The time for DNS, TCP and TLS of one connection: above zero, at most 1 hour. Default: 5 s. Measured by the system's clock: the HTTP
    /// handler takes no other.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public TimeSpan ConnectTimeout
    {
        get;
        init => field = CheckTimeout(value, nameof(ConnectTimeout));
    } = TimeSpan.FromSeconds(5);

    /// <summary>True lets webhooks go to http urls. Default: false. Signatures do not hide a body: for development only.</summary>
    public bool AllowHttp { get; init; }

    /// <summary>
    /// True re-admits 10/8, 172.16/12, 192.168/16, 127/8, fc00::/7 and ::1, and nothing else of the reserved ranges. Default: false. A
    /// seller whose buyers supply the urls leaves it false.
    /// </summary>
    public bool AllowPrivateNetworks { get; init; }

    /// <summary>The ports that webhooks may go to, 1 to 65535; null, the default, is any port. Copied.</summary>
    /// <exception cref="ArgumentException">The collection is empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A port is out of range.</exception>
    public IReadOnlyCollection<int>? AllowedPorts
    {
        get;
        init => field = CheckPorts(value);
    }

    /// <summary>The largest body in bytes, 1 to 1 GiB. Default: 10 MiB. Receivers are advised to refuse more than 1 MB.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public int MaxBodyBytes
    {
        get;
        init => field = CheckRange(value, 1, 1024 * MebiByte, nameof(MaxBodyBytes));
    } = 10 * MebiByte;

    /// <summary>
    /// The bytes of a response body that are read, 0 to 16 MiB. Default: 16 KiB. The rest is never read: the connection is closed instead.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public int MaxResponseBytes
    {
        get;
        init => field = CheckRange(value, 0, 16 * MebiByte, nameof(MaxResponseBytes));
    } = 16 * 1024;

    /// <summary>
    /// How long a connection is reused, above zero, at most 1 hour. Default: 2 min. A new connection resolves and checks its host anew, so
    /// this bounds how long a change of DNS goes unseen.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public TimeSpan PooledConnectionLifetime
    {
        get;
        init => field = CheckTimeout(value, nameof(PooledConnectionLifetime));
    } = TimeSpan.FromMinutes(2);

    /// <summary>The most connections to one endpoint, 1 or more. Default: <see cref="int.MaxValue"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 1.</exception>
    public int MaxConnectionsPerServer
    {
        get;
        init => field = CheckRange(value, 1, int.MaxValue, nameof(MaxConnectionsPerServer));
    } = int.MaxValue;

    /// <summary>1.1, the default, or 2.0. 2.0 is offered in the TLS handshake (ALPN) and falls back to 1.1.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Another version; HTTP/3 has no way to pin its address.</exception>
    public Version HttpVersion
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(HttpVersion));
            field = value == System.Net.HttpVersion.Version11 || value == System.Net.HttpVersion.Version20
                ? value
                : throw new ArgumentOutOfRangeException(nameof(HttpVersion), value, "The HTTP version is 1.1 or 2.0.");
        }
    } = System.Net.HttpVersion.Version11;

    /// <summary>
    /// True speaks HTTP/2 without negotiation, also over http (h2c). Default: false. Needs <see cref="HttpVersion"/> 2.0, which the sender
    /// checks at construction.
    /// </summary>
    public bool Http2PriorKnowledge { get; init; }

    /// <summary>Hooks that may change the host of every attempt, in order. Default: none. Copied.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    /// <exception cref="ArgumentException">A hook is null.</exception>
    public IReadOnlyList<ITransportHook> TransportHooks
    {
        get;
        init => field = CheckHooks(value);
    } = [];

    /// <summary>The clock of timestamps, signatures and the attempt timeout. Default: the system's.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public TimeProvider TimeProvider
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(TimeProvider));
            field = value;
        }
    } = TimeProvider.System;

    /// <summary>The User-Agent header, 1 to 256 characters of printable ASCII. Default: <c>Adcp.Aot/version</c>.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    /// <exception cref="ArgumentException">Not printable ASCII, or a wrong length.</exception>
    public string UserAgent
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(UserAgent));
            field = value.Length is >= 1 and <= 256 && !value.AsSpan().ContainsAnyExceptInRange(' ', '~') && !string.IsNullOrWhiteSpace(value)
                ? value
                : throw new ArgumentException("A user agent is 1 to 256 characters of printable ASCII.", nameof(UserAgent));
        }
    } = DefaultUserAgent;

    /// <summary>
    /// Looks up a host name; null, the default, asks the system (<see cref="Dns.GetHostAddressesAsync(string, CancellationToken)"/>). Called
    /// for every new connection, also concurrently. All its answers are checked; an exception or no answer is a failed connection.
    /// </summary>
    public Func<string, CancellationToken, ValueTask<IPAddress[]>>? Resolver { get; init; }

    /// <summary>How certificates are judged; null is the system's trust. For tests with an authority of their own.</summary>
    internal X509ChainPolicy? CertificateChainPolicy { get; init; }

    private static TimeSpan CheckTimeout(TimeSpan value, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(value, TimeSpan.Zero, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, MaxTimeout, name);
        return value;
    }

    private static int CheckRange(int value, int min, int max, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, min, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, max, name);
        return value;
    }

    private static FrozenSet<int>? CheckPorts(IReadOnlyCollection<int>? ports)
    {
        if (ports is null)
        {
            return null;
        }

        if (ports.Count == 0)
        {
            throw new ArgumentException("No port is allowed; null allows any.", nameof(AllowedPorts));
        }

        foreach (int port in ports)
        {
            CheckRange(port, 1, ushort.MaxValue, nameof(AllowedPorts));
        }

        return ports.ToFrozenSet();
    }

    private static ITransportHook[] CheckHooks(IReadOnlyList<ITransportHook> hooks)
    {
        ArgumentNullException.ThrowIfNull(hooks, nameof(TransportHooks));
        ITransportHook[] copy = [.. hooks];
        return Array.TrueForAll(copy, hook => hook is not null)
            ? copy
            : throw new ArgumentException("A transport hook is null.", nameof(TransportHooks));
    }
}
