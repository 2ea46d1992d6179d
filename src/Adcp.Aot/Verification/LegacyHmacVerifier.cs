using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Verification;

/// <summary>
/// Verifies AdCP's legacy HMAC-SHA256: <c>X-ADCP-Signature</c> over <c>{X-ADCP-Timestamp}.{body}</c>, within 300 s.
/// There is no nonce: use the idempotency key to detect repeated deliveries. Compares in constant time. Thread-safe.
/// </summary>
public sealed class LegacyHmacVerifier : SharedSecretVerifier
{
    /// <summary>Creates a verifier for one registration.</summary>
    /// <param name="secrets">
    /// One to eight secrets; see <see cref="LegacyHmacSigner"/>. While you rotate a secret, pass the new and the old
    /// one, the old for five minutes at most.
    /// </param>
    /// <param name="sender">The owner of the secrets, as <see cref="VerificationResult.Sender"/> names it.</param>
    /// <param name="maxBodyBytes">The largest body in bytes. At least 1, default 1 MiB.</param>
    /// <param name="timeProvider">The clock. Default: the system's.</param>
    /// <exception cref="ArgumentNullException"><paramref name="secrets"/> or one of them is null.</exception>
    /// <exception cref="ArgumentException">No secret, too many, or one that is short or a pattern. The message never shows it.</exception>
    public LegacyHmacVerifier(IReadOnlyList<string> secrets, string? sender = null, int maxBodyBytes = DefaultMaxBodyBytes,
        TimeProvider? timeProvider = null)
        : base(
            secrets,
            static secret => SecretRules.HmacKey(secret, nameof(secrets)),
            "secrets",
            nameof(secrets),
            sender,
            maxBodyBytes,
            timeProvider)
    {
    }

    private protected override VerificationResult? CheckHeaders(InboundRequest request)
    {
        string? signature = request.Header("x-adcp-signature");
        if (signature is null)
        {
            return Unauthenticated(request, LegacyHmacSigner.SignatureHeader, "signature", "signature-input", "webhook-signature",
                "authorization");
        }

        if (CheckTimestamp("X-ADCP-Timestamp", request.Header("x-adcp-timestamp")) is { } refusal)
        {
            return refusal;
        }

        return signature.Length != LegacyHmacSigner.SignatureLength || !Ascii.IsValid(signature)
            ? Refused(VerificationError.HeaderMalformed, "X-ADCP-Signature is not 'sha256=' and 64 lower-case hex digits.")
            : null;
    }

    private protected override bool Matches(InboundRequest request, ReadOnlySpan<byte> body)
    {
        Span<byte> said = stackalloc byte[LegacyHmacSigner.SignatureLength];
        Encoding.ASCII.GetBytes(request.Header("x-adcp-signature"), said);
        Span<byte> time = stackalloc byte[MaxTimestampLength];
        time = time[..Encoding.ASCII.GetBytes(request.Header("x-adcp-timestamp"), time)];
        Span<byte> actual = stackalloc byte[LegacyHmacSigner.SignatureLength];
        bool matches = false;
        foreach (byte[] key in Keys)
        {
            LegacyHmacSigner.Write(key, time, body, actual);
            matches |= CryptographicOperations.FixedTimeEquals(said, actual);
        }

        return matches;
    }
}
