using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Storage;

namespace Adcp.Aot.AspNetCore;

/// <summary>The tenant that <see cref="EndpointGuard"/> found for a request, as a feature of the request.</summary>
internal sealed record Caller(string Tenant)
{
    /// <summary>The one tenant of all callers.</summary>
    internal const string Anonymous = "anonymous";

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>
    /// Returns the tenant of an authenticated principal: its issuer and subject, escaped and separated by a bar, so
    /// that no two principals are the same and none is <c>anonymous</c>. <c>null</c> if it has no subject or several:
    /// its bearer chooses a display name, which is not unique.
    /// </summary>
    internal static string? TenantOf(ClaimsPrincipal principal)
    {
        if (principal.Identities.FirstOrDefault(each => each.IsAuthenticated) is not { } identity)
        {
            return null;
        }

        Claim[] subjects = [.. identity.FindAll("sub")];
        subjects = subjects.Length > 0 ? subjects : [.. identity.FindAll(ClaimTypes.NameIdentifier)];
        Claim[] issuers = [.. identity.FindAll("iss")];
        if (subjects is not [{ Value.Length: > 0 } subject] || issuers.Length > 1)
        {
            return null;
        }

        string issuer = issuers.Length == 1 ? issuers[0].Value : subject.Issuer;
        if (issuer.Length == 0 || !IsWellFormed(issuer) || !IsWellFormed(subject.Value))
        {
            return null;
        }

        string tenant = $"{Uri.EscapeDataString(issuer)}|{Uri.EscapeDataString(subject.Value)}";
        return tenant.Length <= StoreScope.MaxPrincipalBytes ? tenant
            : "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(tenant)));
    }

    /// <summary>A lone surrogate has no bytes: two subjects that differ in it only would be one tenant.</summary>
    private static bool IsWellFormed(string text)
    {
        try
        {
            _ = Strict.GetByteCount(text);
            return true;
        }
        catch (EncoderFallbackException)
        {
            return false;
        }
    }
}
