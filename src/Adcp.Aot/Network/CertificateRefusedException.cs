using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Adcp.Aot.Network;

/// <summary>The certificate of a host was refused. The message names the cause, and no host.</summary>
internal sealed class CertificateRefusedException(string cause) : AuthenticationException("TLS failed: " + cause)
{
    /// <summary>
    /// Accepts what .NET accepts, and otherwise throws with the cause. The text of .NET's own exception is no contract.
    /// </summary>
    internal static bool Validate(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors) =>
        errors == SslPolicyErrors.None ? true : throw new CertificateRefusedException(Cause(chain, errors));

    private static string Cause(X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
        {
            return "the host has no certificate";
        }

        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
        {
            return "the certificate is for another host";
        }

        X509ChainStatusFlags all = (chain?.ChainStatus ?? []).Aggregate(
            X509ChainStatusFlags.NoError, static (flags, status) => flags | status.Status);
        return all switch
        {
            _ when all.HasFlag(X509ChainStatusFlags.Revoked) => "the certificate is revoked",
            _ when all.HasFlag(X509ChainStatusFlags.NotTimeValid) => "the certificate has expired or is not valid yet",
            _ when all.HasFlag(X509ChainStatusFlags.UntrustedRoot) || all.HasFlag(X509ChainStatusFlags.PartialChain) =>
                "the certificate leads to no trusted root",
            _ when all.HasFlag(X509ChainStatusFlags.RevocationStatusUnknown) || all.HasFlag(X509ChainStatusFlags.OfflineRevocation) =>
                "the revocation list cannot be read",
            _ => "the certificate is not valid",
        };
    }
}
