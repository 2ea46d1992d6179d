using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Verification;

/// <summary>
/// Verifies AdCP's legacy HMAC-SHA256: <c>X-ADCP-Signature</c> over <c>{X-ADCP-Timestamp}.{body}</c>, within 300 s.
/// There is no nonce: tell repeated deliveries by their idempotency key. Compares in constant time. Thread-safe.
/// </summary>
public sealed class LegacyHmacVerifier : WebhookVerifier
{
    /// <summary>The most secrets at a time.</summary>
    internal const int MaxSecrets = 8;

    internal const int WindowSeconds = 300;
    private const int MaxTimestampLength = 15;

    private readonly byte[][] _keys;
    private readonly string? _sender;
    private readonly TimeProvider _time;

    /// <summary>Creates a verifier for one registration.</summary>
    /// <param name="secrets">
    /// One to eight secrets; see <see cref="LegacyHmacSigner"/>. While a secret is being rotated, give the new and the
    /// old one, the old for five minutes at most.
    /// </param>
    /// <param name="sender">Whose secrets these are, as <see cref="VerificationResult.Sender"/> will name it.</param>
    /// <param name="maxBodyBytes">The largest body in bytes. At least 1, default 1 MiB.</param>
    /// <param name="timeProvider">The clock. Default the system's.</param>
    /// <exception cref="ArgumentNullException"><paramref name="secrets"/> or one of them is null.</exception>
    /// <exception cref="ArgumentException">No secret, too many, or one that is short or a pattern. The message never shows it.</exception>
    public LegacyHmacVerifier(IReadOnlyList<string> secrets, string? sender = null, int maxBodyBytes = DefaultMaxBodyBytes,
        TimeProvider? timeProvider = null)
        : base(maxBodyBytes)
    {
        ArgumentNullException.ThrowIfNull(secrets);
        if (secrets.Count is 0 or > MaxSecrets)
        {
            throw new ArgumentException("One to eight secrets are needed.", nameof(secrets));
        }

        _keys = [.. secrets.Select(static secret => SecretRules.HmacKey(secret, nameof(secrets)))];
        _sender = sender;
        _time = timeProvider ?? TimeProvider.System;
    }

    internal override string? FixedSender => _sender;

    private protected override ValueTask<HeaderCheck> CheckHeadersCoreAsync(InboundRequest request, CancellationToken cancellationToken) =>
        new(Refuse(request) is { } refusal ? HeaderCheck.Refused(refusal) : HeaderCheck.Passed(request));

    private protected override ValueTask<VerificationResult> VerifyBodyCoreAsync(
        HeaderCheck headers, ReadOnlyMemory<byte> body, ReadOnlyMemory<byte> bodySha256, CancellationToken cancellationToken) =>
        new(Verify(headers.Request, body.Span));

    private VerificationResult? Refuse(InboundRequest request)
    {
        string? signature = request.Header("x-adcp-signature");
        if (signature is null)
        {
            return Unauthenticated(request, LegacyHmacSigner.SignatureHeader, "signature", "signature-input", "webhook-signature",
                "authorization");
        }

        if (!TryReadSeconds(request.Header("x-adcp-timestamp"), out long seconds, out _))
        {
            return Refused(VerificationError.HeaderMalformed, "X-ADCP-Timestamp is not a number of seconds.");
        }

        if (Math.Abs(_time.GetUtcNow().ToUnixTimeSeconds() - seconds) > WindowSeconds)
        {
            return Refused(VerificationError.WindowInvalid, "X-ADCP-Timestamp is more than 300 s away.");
        }

        return signature.Length != LegacyHmacSigner.SignatureLength || !Ascii.IsValid(signature)
            ? Refused(VerificationError.HeaderMalformed, "X-ADCP-Signature is not 'sha256=' and 64 lower-case hex digits.")
            : null;
    }

    private VerificationResult Verify(InboundRequest request, ReadOnlySpan<byte> body)
    {
        TryReadSeconds(request.Header("x-adcp-timestamp"), out _, out ReadOnlySpan<char> digits);
        Span<byte> said = stackalloc byte[LegacyHmacSigner.SignatureLength];
        Encoding.ASCII.GetBytes(request.Header("x-adcp-signature"), said);
        Span<byte> time = stackalloc byte[MaxTimestampLength];
        time = time[..Encoding.ASCII.GetBytes(digits, time)];
        Span<byte> actual = stackalloc byte[LegacyHmacSigner.SignatureLength];
        bool matches = false;
        foreach (byte[] key in _keys)
        {
            LegacyHmacSigner.Write(key, time, body, actual);
            matches |= CryptographicOperations.FixedTimeEquals(said, actual);
        }

        return matches ? Accept(body, _sender) : Refused(VerificationError.SignatureInvalid, null);
    }

    /// <summary>Digits only: no sign, no space, no point.</summary>
    internal static bool TryReadSeconds(string? header, out long seconds, out ReadOnlySpan<char> digits)
    {
        digits = header;
        seconds = 0;
        return digits.Length is > 0 and <= MaxTimestampLength && !digits.ContainsAnyExceptInRange('0', '9')
            && long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out seconds);
    }

    private VerificationResult Refused(VerificationError error, string? detail) =>
        VerificationResult.Refused(error, "1", detail, sender: _sender);
}
