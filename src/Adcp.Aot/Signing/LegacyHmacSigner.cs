using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Adcp.Aot.Signing;

/// <summary>
/// Signs by AdCP's legacy HMAC-SHA256 over <c>{unix seconds}.{body}</c>, sent as <c>X-ADCP-Signature: sha256=...</c>
/// and <c>X-ADCP-Timestamp</c>. Deprecated, and removed in AdCP 4.0; a registration's <c>authentication</c> may still
/// require it. Thread-safe.
/// </summary>
public sealed class LegacyHmacSigner : WebhookAuthenticator
{
    internal const string SignatureHeader = "X-ADCP-Signature";
    internal const string TimestampHeader = "X-ADCP-Timestamp";

    /// <summary><c>sha256=</c> and 64 lower-case hex digits.</summary>
    internal const int SignatureLength = 71;

    private const int MaxTimestampLength = 20;

    private readonly byte[] _key;

    /// <summary>Creates a signer for a shared secret.</summary>
    /// <param name="secret">32 to 4096 bytes of UTF-8, random; used as it is given, not decoded.</param>
    /// <exception cref="ArgumentNullException"><paramref name="secret"/> is null.</exception>
    /// <exception cref="ArgumentException">The secret is too short, too long or not random. The message never shows it.</exception>
    public LegacyHmacSigner(string secret) => _key = SecretRules.HmacKey(secret, nameof(secret));

    internal override string Deprecated => "HMAC-SHA256";

    /// <summary>Returns the <c>X-ADCP-Signature</c> of a body.</summary>
    /// <param name="timestamp">Unix seconds, as in <c>X-ADCP-Timestamp</c>.</param>
    /// <param name="body">The bytes that are sent.</param>
    public string Sign(long timestamp, ReadOnlySpan<byte> body)
    {
        Span<byte> text = stackalloc byte[SignatureLength];
        Span<byte> seconds = stackalloc byte[MaxTimestampLength];
        timestamp.TryFormat(seconds, out int length, default, CultureInfo.InvariantCulture);
        Write(_key, seconds[..length], body, text);
        return Encoding.ASCII.GetString(text);
    }

    internal override ValueTask AuthenticateAsync(UnsignedAttempt attempt, AttemptHeaders headers, CancellationToken cancellationToken)
    {
        Span<byte> buffer = headers.Buffer(SignatureLength + MaxTimestampLength).Span;
        attempt.Now.ToUnixTimeSeconds().TryFormat(buffer[SignatureLength..], out int length, default, CultureInfo.InvariantCulture);
        Write(_key, buffer.Slice(SignatureLength, length), attempt.Body.Span, buffer);
        headers.Add(SignatureHeader, 0, SignatureLength);
        headers.Add(TimestampHeader, SignatureLength, SignatureLength + length);
        return default;
    }

    internal static void Write(ReadOnlySpan<byte> key, ReadOnlySpan<byte> timestamp, ReadOnlySpan<byte> body, Span<byte> signature)
    {
        Span<byte> mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        DottedMac.Compute(key, default, timestamp, body, mac);
        "sha256="u8.CopyTo(signature);
        Convert.TryToHexStringLower(mac, signature["sha256=".Length..], out _);
    }
}
