using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Adcp.Aot.Signing;

/// <summary>
/// Signs webhook requests by AdCP's profile of RFC 9421: POST, <c>application/json</c>, the five covered components, label <c>sig1</c>, tag
/// <c>adcp/webhook-signing/v1</c>, a fresh nonce and window each time. Thread-safe.
/// </summary>
public sealed class Rfc9421Signer
{
    internal const string Components = "(\"@method\" \"@target-uri\" \"@authority\" \"content-type\" \"content-digest\")";
    internal const string Tag = "adcp/webhook-signing/v1";

    /// <summary>The longest window AdCP allows.</summary>
    public static readonly TimeSpan MaxValidity = TimeSpan.FromSeconds(300);

    private readonly SigningKey _key;
    private readonly long _validity;
    private readonly string _tail;

    /// <summary>Creates a signer.</summary>
    /// <param name="key">The key; it stays the caller's to dispose.</param>
    /// <param name="validity">From <c>created</c> to <c>expires</c>, in whole seconds: 1 to 300 s, default 300 s.</param>
    /// <exception cref="ArgumentNullException"><paramref name="key"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="validity"/> is outside 1 to 300 s.</exception>
    public Rfc9421Signer(SigningKey key, TimeSpan? validity = null)
    {
        ArgumentNullException.ThrowIfNull(key);
        TimeSpan window = validity ?? MaxValidity;
        ArgumentOutOfRangeException.ThrowIfLessThan(window, TimeSpan.FromSeconds(1), nameof(validity));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(window, MaxValidity, nameof(validity));
        _key = key;
        _validity = (long)window.TotalSeconds;
        string algorithm = key.Algorithm == SignatureAlgorithm.Ed25519 ? "ed25519" : "ecdsa-p256-sha256";
        _tail = $"\";keyid=\"{key.KeyId}\";alg=\"{algorithm}\";tag=\"{Tag}\"";
    }

    /// <summary>The key's id.</summary>
    public string KeyId => _key.KeyId;

    /// <summary>The <c>Content-Digest</c> of a body: <c>sha-256=:...:</c>, unpadded base64url.</summary>
    /// <param name="body">The bytes that are sent.</param>
    public static string ContentDigest(ReadOnlySpan<byte> body)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(body, hash);
        Span<char> text = stackalloc char[43];
        Base64Url.EncodeToChars(hash, text);
        return string.Concat("sha-256=:", text, ":");
    }

    /// <summary>Signs one attempt.</summary>
    /// <param name="target">The canonical url that is requested.</param>
    /// <param name="contentDigest">The <c>Content-Digest</c> header as it is sent.</param>
    /// <param name="now">The time that becomes <c>created</c>.</param>
    /// <param name="signatureInput">The <c>Signature-Input</c> header.</param>
    /// <param name="signature">The <c>Signature</c> header.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="CryptographicException">The key cannot sign.</exception>
    public void Sign(TargetUri target, string contentDigest, DateTimeOffset now, out string signatureInput, out string signature)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(contentDigest);
        Span<byte> nonce = stackalloc byte[16];
        RandomNumberGenerator.Fill(nonce);
        Span<char> nonceText = stackalloc char[22];
        Base64Url.EncodeToChars(nonce, nonceText);
        long created = now.ToUnixTimeSeconds();
        signatureInput = string.Create(
            CultureInfo.InvariantCulture, $"sig1={Components};created={created};expires={created + _validity};nonce=\"{nonceText}{_tail}");

        int length = BaseLength(target, contentDigest, signatureInput);
        byte[]? rented = length > 1024 ? ArrayPool<byte>.Shared.Rent(length) : null;
        Span<byte> text = rented ?? stackalloc byte[1024];
        int written = WriteBase(target, contentDigest, signatureInput.AsSpan("sig1=".Length), text);
        Span<byte> raw = stackalloc byte[64];
        _key.Sign(text[..written], raw);
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }

        Span<char> encoded = stackalloc char[86];
        Base64Url.EncodeToChars(raw, encoded);
        signature = string.Concat("sig1=:", encoded, ":");
    }

    /// <summary>The signature base of RFC 9421, section 2.5: a line for each component, the parameters last, no newline at the end.</summary>
    internal static int WriteBase(TargetUri target, string contentDigest, ReadOnlySpan<char> parameters, Span<byte> output)
    {
        int at = 0;
        Put("\"@method\": POST\n\"@target-uri\": ", output, ref at);
        Put(target.Value, output, ref at);
        Put("\n\"@authority\": ", output, ref at);
        Put(target.Authority, output, ref at);
        Put("\n\"content-type\": application/json\n\"content-digest\": ", output, ref at);
        Put(contentDigest, output, ref at);
        Put("\n\"@signature-params\": ", output, ref at);
        Put(parameters, output, ref at);
        return at;

        static void Put(ReadOnlySpan<char> text, Span<byte> output, ref int at) => at += Encoding.ASCII.GetBytes(text, output[at..]);
    }

    internal static int BaseLength(TargetUri target, string contentDigest, string parameters) =>
        target.Value.Length + target.Authority.Length + contentDigest.Length + parameters.Length + 160;
}
