using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Adcp.Aot.Signing;

/// <summary>
/// Signs by Standard Webhooks, version <c>v1</c>: HMAC-SHA256 over <c>{id}.{unix seconds}.{body}</c>. <c>webhook-id</c>
/// is the delivery's idempotency key and so the same on every attempt, so that a receiver can recognise a retry.
/// Thread-safe.
/// </summary>
public sealed class StandardWebhooksSigner : WebhookAuthenticator
{
    internal const string IdHeader = "webhook-id";
    internal const string TimestampHeader = "webhook-timestamp";
    internal const string SignatureHeader = "webhook-signature";

    /// <summary><c>v1,</c> and 44 characters of padded base64.</summary>
    internal const int SignatureLength = 47;

    /// <summary>The maximum number of secrets.</summary>
    internal const int MaxSecrets = 8;

    internal const int MaxIdLength = 255;

    private const int MaxTimestampLength = 20;

    private readonly byte[][] _keys;

    /// <summary>Creates a signer for shared secrets.</summary>
    /// <param name="secrets">One to eight <c>whsec_</c> secrets of 24 to 64 random bytes. While you rotate a secret,
    /// pass the new and the old one: each signs.</param>
    /// <exception cref="ArgumentNullException"><paramref name="secrets"/> or one of them is null.</exception>
    /// <exception cref="ArgumentException">No secret, too many, or one that is not valid. The message never shows
    /// it.</exception>
    public StandardWebhooksSigner(params IReadOnlyList<string> secrets)
    {
        ArgumentNullException.ThrowIfNull(secrets);
        if (secrets.Count is 0 or > MaxSecrets)
        {
            throw new ArgumentException("Must contain one to eight secrets.", nameof(secrets));
        }

        _keys = [.. secrets.Select(static secret => StandardWebhooksSecret.Decode(secret, nameof(secrets)))];
    }

    /// <summary>
    /// Returns the <c>webhook-signature</c> of a body: one <c>v1,</c> signature for each secret, separated by spaces.
    /// </summary>
    /// <param name="id">The <c>webhook-id</c>: printable ASCII without a dot, which would end it early.</param>
    /// <param name="timestamp">Unix seconds, as in <c>webhook-timestamp</c>.</param>
    /// <param name="body">The bytes that are sent.</param>
    /// <exception cref="ArgumentException">The id breaks its rule.</exception>
    public string Sign(string id, long timestamp, ReadOnlySpan<byte> body)
    {
        ArgumentNullException.ThrowIfNull(id);
        if (id.Length is 0 or > MaxIdLength || id.AsSpan().ContainsAnyExceptInRange('!', '~') || id.Contains('.', StringComparison.Ordinal))
        {
            throw new ArgumentException($"A webhook id is 1 to {MaxIdLength} printable ASCII characters without a dot.", nameof(id));
        }

        Span<byte> seconds = stackalloc byte[MaxTimestampLength];
        timestamp.TryFormat(seconds, out int length, default, CultureInfo.InvariantCulture);
        Span<byte> text = stackalloc byte[MaxSecrets * (SignatureLength + 1)];
        int written = Write(Encoding.ASCII.GetBytes(id), seconds[..length], body, text);
        return Encoding.ASCII.GetString(text[..written]);
    }

    internal override ValueTask AuthenticateAsync(UnsignedAttempt attempt, AttemptHeaders headers, CancellationToken cancellationToken)
    {
        string key = attempt.IdempotencyKey;
        Span<byte> buffer = headers.Buffer(Math.Max(key.Length, 64) + MaxTimestampLength + (MaxSecrets * (SignatureLength + 1))).Span;
        int id = WriteId(key, buffer);
        attempt.Now.ToUnixTimeSeconds().TryFormat(buffer[id..], out int length, default, CultureInfo.InvariantCulture);
        int time = id + length;
        int end = time + Write(buffer[..id], buffer[id..time], attempt.Body.Span, buffer[time..]);
        headers.Add(IdHeader, 0, id);
        headers.Add(TimestampHeader, id, time);
        headers.Add(SignatureHeader, time, end);
        return default;
    }

    /// <summary>
    /// Writes the idempotency key. If it has a dot, which separates the signed parts, writes a digest of it.
    /// </summary>
    private static int WriteId(string key, Span<byte> output)
    {
        if (!key.Contains('.', StringComparison.Ordinal))
        {
            return Encoding.ASCII.GetBytes(key, output);
        }

        Span<byte> ascii = stackalloc byte[255];
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(ascii[..Encoding.ASCII.GetBytes(key, ascii)], hash);
        "msg_"u8.CopyTo(output);
        return 4 + Base64Url.EncodeToUtf8(hash, output[4..]);
    }

    private int Write(ReadOnlySpan<byte> id, ReadOnlySpan<byte> timestamp, ReadOnlySpan<byte> body, Span<byte> output)
    {
        Span<byte> mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        int at = 0;
        foreach (byte[] key in _keys)
        {
            if (at > 0)
            {
                output[at++] = (byte)' ';
            }

            DottedMac.Compute(key, id, timestamp, body, mac);
            "v1,"u8.CopyTo(output[at..]);
            Base64.EncodeToUtf8(mac, output[(at + 3)..], out _, out int length);
            at += 3 + length;
        }

        return at;
    }
}
