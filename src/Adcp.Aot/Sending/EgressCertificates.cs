using System.Security.Cryptography.X509Certificates;

namespace Adcp.Aot;

/// <summary>
/// The certificates of an <see cref="EgressRule"/> that are renewed while a sender uses them. Thread-safe.
/// </summary>
/// <remarks>
/// After <see cref="Update"/> each new request uses a new connection with the new certificates. Requests under way end on their earlier
/// connections. The caller disposes a replaced certificate a few minutes later at the earliest, or leaves it to the garbage collector.
/// </remarks>
public sealed class EgressCertificates
{
    private Pair _current;

    /// <summary>Creates certificates.</summary>
    /// <param name="clientCertificate">The client certificate with its private key; <see langword="null"/> for none.</param>
    /// <param name="roots">The only trusted roots; <see langword="null"/> for those of the machine.</param>
    /// <exception cref="ArgumentException">A client certificate without its private key, or an empty list of roots.</exception>
    public EgressCertificates(X509Certificate2? clientCertificate = null, IReadOnlyList<X509Certificate2>? roots = null) =>
        _current = Check(clientCertificate, roots);

    /// <summary>Gets the client certificate; <see langword="null"/> for none.</summary>
    public X509Certificate2? ClientCertificate => Current.ClientCertificate;

    /// <summary>Gets the only trusted roots; <see langword="null"/> for those of the machine.</summary>
    public IReadOnlyList<X509Certificate2>? Roots => Current.Roots;

    /// <summary>Gets both, which belong together.</summary>
    internal Pair Current => Volatile.Read(ref _current);

    /// <summary>Replaces the certificates. If they are refused, the earlier ones stay.</summary>
    /// <param name="clientCertificate">The client certificate with its private key; <see langword="null"/> for none.</param>
    /// <param name="roots">The only trusted roots; <see langword="null"/> for those of the machine.</param>
    /// <exception cref="ArgumentException">A client certificate without its private key, or an empty list of roots.</exception>
    public void Update(X509Certificate2? clientCertificate, IReadOnlyList<X509Certificate2>? roots) =>
        Volatile.Write(ref _current, Check(clientCertificate, roots));

    private static Pair Check(X509Certificate2? clientCertificate, IReadOnlyList<X509Certificate2>? roots)
    {
        EgressRule.CheckClientCertificate(clientCertificate, nameof(clientCertificate));
        return new Pair(clientCertificate, EgressRule.CheckRoots(roots, nameof(roots)));
    }

    internal sealed record Pair(X509Certificate2? ClientCertificate, IReadOnlyList<X509Certificate2>? Roots);
}
