using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Adcp.Aot.Tests.Doubles;

/// <summary>A certificate authority of one test: it issues certificates and a list of those that it revoked.</summary>
internal sealed class TestAuthority : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly List<IDisposable> _issued = [];
    private readonly CertificateRevocationListBuilder _revoked = new();

    public TestAuthority(string name)
    {
        CertificateRequest request = new($"CN={name} {Guid.NewGuid():N}", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        Root = request.CreateSelfSigned(Now.AddDays(-1), Now.AddDays(10));
    }

    public X509Certificate2 Root { get; }

    private static DateTimeOffset Now => DateTimeOffset.UtcNow;

    /// <summary>Issues a certificate, with its private key, for a host or a client.</summary>
    /// <param name="name">The name of the host, or the subject of the client.</param>
    /// <param name="isClient">Whether it is for a client.</param>
    /// <param name="revocationList">The url of the revocation list; none by default.</param>
    /// <param name="expired">Whether it expired yesterday.</param>
    public X509Certificate2 Issue(string name, bool isClient = false, string? revocationList = null, bool expired = false)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid(isClient ? "1.3.6.1.5.5.7.3.2" : "1.3.6.1.5.5.7.3.1")], false));
        request.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(Root, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        SubjectAlternativeNameBuilder names = new();
        if (IPAddress.TryParse(name, out IPAddress? address))
        {
            names.AddIpAddress(address);
        }
        else
        {
            names.AddDnsName(name);
        }

        request.CertificateExtensions.Add(names.Build());
        if (revocationList is not null)
        {
            request.CertificateExtensions.Add(CertificateRevocationListBuilder.BuildCrlDistributionPointExtension([revocationList]));
        }

        using X509Certificate2 plain = request.Create(
            Root, Now.AddDays(-2) < Root.NotBefore ? Root.NotBefore : Now.AddDays(-2), expired ? Now.AddMinutes(-5) : Now.AddDays(5),
            RandomNumberGenerator.GetBytes(16));
        X509Certificate2 issued = plain.CopyWithPrivateKey(key);
        _issued.Add(issued);
        return issued;
    }

    public void Revoke(X509Certificate2 certificate) => _revoked.AddEntry(certificate);

    /// <summary>Returns the list of revoked certificates, as DER.</summary>
    public byte[] RevocationList() => _revoked.Build(Root, 1, Now.AddDays(1), HashAlgorithmName.SHA256);

    public void Dispose()
    {
        _issued.ForEach(static certificate => certificate.Dispose());
        Root.Dispose();
        _key.Dispose();
    }
}
