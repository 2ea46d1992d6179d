namespace Adcp.Aot.Benchmarks.Hostile;

/// <summary>The address at which a kind of endpoint listens.</summary>
internal enum HostileSite
{
    /// <summary>The one plain HTTP authority that most kinds share.</summary>
    Shared = 0,

    /// <summary>A port that answers a TLS handshake with random bytes.</summary>
    TlsGarbage = 1,

    /// <summary>A port with a certificate that signs itself.</summary>
    UntrustedCertificate = 2,

    /// <summary>A port that refuses connections.</summary>
    Refused = 3,
}
