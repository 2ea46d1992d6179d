using System.Security.Cryptography;
using System.Text;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// The authentication of a subscriber's later deliveries, as a challenge states it: the mode, and a fingerprint of the
/// credential instead of the credential.
/// </summary>
public sealed record DeliveryAuthentication
{
    private DeliveryAuthentication(string mode, string? fingerprint)
    {
        Mode = mode;
        CredentialFingerprint = fingerprint;
    }

    /// <summary>RFC 9421 signatures.</summary>
    public static DeliveryAuthentication Rfc9421 { get; } = new("rfc9421", null);

    /// <summary>The wire name of the mode.</summary>
    public string Mode { get; }

    /// <summary>The credential's SHA-256 in lower-case hex; null for signatures.</summary>
    public string? CredentialFingerprint { get; }

    /// <summary>Returns the authentication by a bearer token.</summary>
    /// <param name="credentials">The exact credential, at least 32 characters. Not kept.</param>
    /// <exception cref="ArgumentException">Shorter than 32 characters.</exception>
    public static DeliveryAuthentication Bearer(string credentials) => new("Bearer", Fingerprint(credentials));

    /// <summary>Returns the authentication by the legacy HMAC.</summary>
    /// <param name="credentials">The exact secret, at least 32 characters. Not kept.</param>
    /// <exception cref="ArgumentException">Shorter than 32 characters.</exception>
    public static DeliveryAuthentication HmacSha256(string credentials) => new("HMAC-SHA256", Fingerprint(credentials));

    /// <summary>Returns the authentication in a challenge; <c>null</c> if it is not valid.</summary>
    internal static DeliveryAuthentication? Of(string? mode, string? fingerprint) => (mode, fingerprint) switch
    {
        ("rfc9421", null) => Rfc9421,
        ("Bearer" or "HMAC-SHA256", { Length: 64 }) when fingerprint.All(char.IsAsciiHexDigitLower) => new(mode, fingerprint),
        _ => null,
    };

    /// <summary>Returns the mode only.</summary>
    public override string ToString() => Mode;

    private static string Fingerprint(string credentials)
    {
        ArgumentNullException.ThrowIfNull(credentials);
        return credentials.Length >= 32
            ? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(credentials)))
            : throw new ArgumentException("Credentials have at least 32 characters.", nameof(credentials));
    }
}
