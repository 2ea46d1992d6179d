using System.Security.Cryptography.X509Certificates;
using Adcp.Aot.Network;

namespace Adcp.Aot;

/// <summary>
/// The way to some destinations: proxy, certificates, timeouts. A member that is <see langword="null"/> has the value of
/// <see cref="WebhookSenderOptions"/>. Immutable; a bad value throws when it is set.
/// </summary>
/// <remarks>
/// Each rule has connections of its own, so that no connection that was opened with a client certificate, a root or a proxy of one
/// rule carries a request of another.
/// </remarks>
public sealed record EgressRule
{
    private OriginPattern[] _patterns = [];

    /// <summary>
    /// Gets the origins that the rule is for: <c>https://buyer.example</c>, with a port if it is not the default one,
    /// <c>https://*.buyer.example</c> for the subdomains of a name, or <c>*</c> for all destinations. 1 to 1,024.
    /// </summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    /// <exception cref="ArgumentException">Empty, too many, or not origins.</exception>
    public required IReadOnlyList<string> Origins
    {
        get;
        init
        {
            _patterns = OriginPattern.Parse(value, nameof(Origins));
            field = value;
        }
    }

    /// <summary>Gets the proxy. Default <see langword="null"/>, a direct connection.</summary>
    public EgressProxy? Proxy { get; init; }

    /// <summary>
    /// Gets the certificate that authenticates this sender to the receiver (mutual TLS), with its private key. It is sent to every
    /// destination of the rule that asks for one. The caller disposes it after the sender. Default <see langword="null"/>, none.
    /// </summary>
    /// <exception cref="ArgumentException">A certificate without its private key.</exception>
    public X509Certificate2? ClientCertificate
    {
        get;
        init => field = CheckClientCertificate(value, nameof(ClientCertificate));
    }

    /// <summary>
    /// Gets the only root certificates that are trusted, in place of the machine's. Default <see langword="null"/>, the machine's.
    /// </summary>
    /// <exception cref="ArgumentException">Empty.</exception>
    public IReadOnlyList<X509Certificate2>? Roots
    {
        get;
        init => field = CheckRoots(value, nameof(Roots));
    }

    /// <summary>
    /// Gets certificates that can be renewed while the sender runs, in place of <see cref="ClientCertificate"/> and <see cref="Roots"/>: a
    /// sender refuses a rule with both. Default <see langword="null"/>, none.
    /// </summary>
    public EgressCertificates? Certificates { get; init; }

    /// <summary>Gets whether certificates are looked up in revocation lists; see <see cref="WebhookSenderOptions.Revocation"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a mode.</exception>
    public X509RevocationMode? Revocation
    {
        get;
        init => field = value is null || Enum.IsDefined(value.Value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Revocation), value, "Not a revocation mode.");
    }

    /// <summary>Gets the timeout of an attempt; see <see cref="WebhookSenderOptions.AttemptTimeout"/>. 1 ms to 10 minutes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 ms to 10 minutes.</exception>
    public TimeSpan? AttemptTimeout { get; init => field = CheckTime(value, nameof(AttemptTimeout)); }

    /// <summary>Gets the time to connect; see <see cref="WebhookSenderOptions.ConnectTimeout"/>. 1 ms to 10 minutes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 ms to 10 minutes.</exception>
    public TimeSpan? ConnectTimeout { get; init => field = CheckTime(value, nameof(ConnectTimeout)); }

    /// <summary>
    /// Gets a function that wraps the handler of the connections, such as in a <see cref="DelegatingHandler"/> that counts or signs. It is
    /// called at most twice for each rule, and again after <see cref="EgressCertificates.Update"/>. Default <see langword="null"/>, no
    /// wrapper.
    /// </summary>
    /// <remarks>
    /// The given handler holds the guard, the pools and the timeouts. A wrapper that does not call it for a request sends that request
    /// without the guard. A wrapper must not change method, url, body or signature headers, because they are signed.
    /// </remarks>
    public Func<HttpMessageHandler, HttpMessageHandler>? WrapHandler { get; init; }

    /// <summary>Returns the origins. Certificates and proxies are not shown.</summary>
    public override string ToString() => string.Join(", ", Origins);

    /// <summary>Returns the certificates: those that can be renewed, or those of the rule itself.</summary>
    /// <exception cref="ArgumentException">The rule has both.</exception>
    internal EgressCertificates CertificatesOf() => Certificates is not { } renewed
        ? new EgressCertificates(ClientCertificate, Roots)
        : ClientCertificate is null && Roots is null ? renewed
        : throw new ArgumentException(
            $"The egress rule of {this} has {nameof(Certificates)} and {nameof(ClientCertificate)} or {nameof(Roots)}. Set one of them.");

    internal static X509Certificate2? CheckClientCertificate(X509Certificate2? value, string name) => value is null || value.HasPrivateKey
        ? value
        : throw new ArgumentException("A client certificate needs its private key.", name);

    internal static IReadOnlyList<X509Certificate2>? CheckRoots(IReadOnlyList<X509Certificate2>? value, string name) =>
        value is null or { Count: > 0 }
            ? value
            : throw new ArgumentException("Must contain a certificate. Use null for the roots of the machine.", name);

    internal bool Matches(TargetUri target) => OriginPattern.Match(_patterns, target);

    private static TimeSpan? CheckTime(TimeSpan? value, string name) => value is { } given
        ? Require.InRange(given, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(10), name)
        : null;
}
