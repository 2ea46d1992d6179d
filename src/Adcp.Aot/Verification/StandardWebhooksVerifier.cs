using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Verification;

/// <summary>
/// Verifies Standard Webhooks, version <c>v1</c>: any of the listed signatures under any of the secrets, within 300 s.
/// Compares in constant time. There is no nonce: use <c>webhook-id</c> or the idempotency key to detect repeated
/// deliveries. Thread-safe.
/// </summary>
public sealed class StandardWebhooksVerifier : SharedSecretVerifier
{
    private const int MaxSignatures = 16;

    /// <summary>Creates a verifier for one registration.</summary>
    /// <param name="secrets">One to eight <c>whsec_</c> secrets; see <see cref="StandardWebhooksSigner"/>.</param>
    /// <param name="sender">The owner of the secrets, as <see cref="VerificationResult.Sender"/> names it.</param>
    /// <param name="maxBodyBytes">The largest body in bytes. At least 1, default 1 MiB.</param>
    /// <param name="timeProvider">The clock. Default: the system's.</param>
    /// <exception cref="ArgumentNullException"><paramref name="secrets"/> or one of them is null.</exception>
    /// <exception cref="ArgumentException">No secret, too many, or one that is not valid. The message never shows
    /// it.</exception>
    public StandardWebhooksVerifier(IReadOnlyList<string> secrets, string? sender = null, int maxBodyBytes = DefaultMaxBodyBytes,
        TimeProvider? timeProvider = null)
        : base(
            secrets,
            static secret => StandardWebhooksSecret.Decode(secret, nameof(secrets)),
            "secrets",
            nameof(secrets),
            sender,
            maxBodyBytes,
            timeProvider)
    {
    }

    private protected override VerificationResult? CheckHeaders(InboundRequest request)
    {
        if (request.Header("webhook-signature") is null)
        {
            return Unauthenticated(
                request, StandardWebhooksSigner.SignatureHeader, "signature", "signature-input", "x-adcp-signature", "authorization");
        }

        string? id = request.Header("webhook-id");
        if (id is null || id.Length is 0 or > StandardWebhooksSigner.MaxIdLength || id.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            return Refused(
                VerificationError.HeaderMalformed,
                $"webhook-id is not 1 to {StandardWebhooksSigner.MaxIdLength} printable ASCII characters.");
        }

        return CheckTimestamp("webhook-timestamp", request.Header("webhook-timestamp"));
    }

    private protected override bool Matches(InboundRequest request, ReadOnlySpan<byte> body)
    {
        string id = request.Header("webhook-id")!;
        string signatures = request.Header("webhook-signature")!;
        Span<byte> idBytes = stackalloc byte[StandardWebhooksSigner.MaxIdLength];
        idBytes = idBytes[..Encoding.ASCII.GetBytes(id, idBytes)];
        Span<byte> time = stackalloc byte[MaxTimestampLength];
        time = time[..Encoding.ASCII.GetBytes(request.Header("webhook-timestamp"), time)];
        Span<byte> mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        bool matches = false;
        foreach (byte[] key in Keys)
        {
            DottedMac.Compute(key, idBytes, time, body, mac);
            matches |= Lists(signatures, mac);
        }

        return matches;
    }

    /// <summary>
    /// Returns whether one of the space-separated signatures is <c>v1,</c> and this one. Signatures of other versions
    /// are skipped.
    /// </summary>
    private static bool Lists(ReadOnlySpan<char> signatures, ReadOnlySpan<byte> mac)
    {
        Span<byte> expected = stackalloc byte[StandardWebhooksSigner.SignatureLength - 3];
        Base64.EncodeToUtf8(mac, expected, out _, out _);
        Span<byte> said = stackalloc byte[StandardWebhooksSigner.SignatureLength - 3];
        bool matches = false;
        int count = 0;
        foreach (Range range in signatures.Split(' '))
        {
            ReadOnlySpan<char> one = signatures[range];
            if (++count > MaxSignatures)
            {
                break;
            }

            if (one.Length == StandardWebhooksSigner.SignatureLength && one.StartsWith("v1,") && Ascii.IsValid(one))
            {
                Encoding.ASCII.GetBytes(one[3..], said);
                matches |= CryptographicOperations.FixedTimeEquals(said, expected);
            }
        }

        return matches;
    }
}
