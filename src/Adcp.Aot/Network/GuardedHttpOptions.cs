using System.Security.Cryptography.X509Certificates;

namespace Adcp.Aot.Network;

/// <summary>The timeouts and the TLS policy of a <see cref="GuardedHttp"/>.</summary>
/// <param name="ConnectTimeout">The time for name resolution and TCP together, over all addresses.</param>
/// <param name="TotalTimeout">The longest time that one request may take, TLS included.</param>
/// <param name="ConnectionLifetime">The age at which a pooled connection is replaced.</param>
/// <param name="TimeProvider">The clock of <paramref name="ConnectTimeout"/>.</param>
/// <param name="Revocation">Whether the certificate of a host is looked up in its issuer's revocation list.</param>
internal sealed record GuardedHttpOptions(
    TimeSpan ConnectTimeout, TimeSpan TotalTimeout, TimeSpan ConnectionLifetime, TimeProvider TimeProvider,
    X509RevocationMode Revocation = X509RevocationMode.NoCheck)
{
    /// <summary>Gets the proxy; <see langword="null"/> for direct connections.</summary>
    internal ProxyConnector? Proxy { get; init; }

    /// <summary>Gets the client certificate and the trusted roots; <see langword="null"/> for none and the machine's.</summary>
    internal EgressCertificates? Certificates { get; init; }

    /// <summary>Gets a function that wraps each handler; <see langword="null"/> for none.</summary>
    internal Func<HttpMessageHandler, HttpMessageHandler>? WrapHandler { get; init; }

    /// <summary>
    /// The silence after which an HTTP/2 connection with requests under way is pinged: half of a request's time, so
    /// that the answer arrives within it. Never below 1 s.
    /// </summary>
    internal TimeSpan PingDelay => TimeSpan.FromTicks(Math.Max(TimeSpan.TicksPerSecond, TotalTimeout.Ticks / 2));
}
