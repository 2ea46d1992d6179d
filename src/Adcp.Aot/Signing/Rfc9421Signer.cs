using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Network;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Signing;

/// <summary>
/// Signs webhook requests by AdCP's profile of RFC 9421: POST, <c>application/json</c>, the five covered components, label <c>sig1</c>, tag
/// <c>adcp/webhook-signing/v1</c>, a fresh nonce and window each time. Thread-safe.
/// </summary>
public sealed class Rfc9421Signer : WebhookAuthenticator
{
    internal const string Tag = "adcp/webhook-signing/v1";
    internal const string Ed25519Name = "ed25519";
    internal const string P256Name = "ecdsa-p256-sha256";

    /// <summary>The longest window that AdCP allows.</summary>
    public static readonly TimeSpan MaxValidity = TimeSpan.FromSeconds(300);

    /// <summary><c>sha-256=:</c>, 43 characters of base64url, <c>:</c>.</summary>
    internal const int ContentDigestLength = 53;

    private const string SignatureHeader = "Signature";
    private const string SignatureInputHeader = "Signature-Input";
    private const int NonceBytes = 16;
    private const int NonceLength = 22;
    private const int RawSignatureLength = 64;

    /// <summary><c>sig1=:</c>, 86 characters of base64url, <c>:</c>.</summary>
    private const int SignatureLength = 93;

    /// <summary>More than the size of a base without the url, its authority, the digest and the parameters.</summary>
    private const int BaseOverhead = 160;

    private readonly SigningKey? _key;
    private readonly RemoteSigningKey? _remote;
    private readonly long _validity;
    private readonly byte[] _tail;

    /// <summary>Creates a signer with a local key.</summary>
    /// <param name="key">The key. The caller disposes it.</param>
    /// <param name="validity">The time from <c>created</c> to <c>expires</c>, in whole seconds: 1 to 300 s, default 300
    /// s.</param>
    /// <exception cref="ArgumentNullException"><paramref name="key"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="validity"/> is outside 1 to 300 s.</exception>
    public Rfc9421Signer(SigningKey key, TimeSpan? validity = null)
        : this((key ?? throw new ArgumentNullException(nameof(key))).KeyId, key.Algorithm, validity) => _key = key;

    /// <summary>Creates a signer with a remote key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="validity">The time from <c>created</c> to <c>expires</c>, in whole seconds: 1 to 300 s, default 300
    /// s.</param>
    /// <exception cref="ArgumentNullException"><paramref name="key"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="validity"/> is outside 1 to 300 s.</exception>
    public Rfc9421Signer(RemoteSigningKey key, TimeSpan? validity = null)
        : this((key ?? throw new ArgumentNullException(nameof(key))).KeyId, key.Algorithm, validity) => _remote = key;

    private Rfc9421Signer(string keyId, SignatureAlgorithm algorithm, TimeSpan? validity)
    {
        TimeSpan window = validity ?? MaxValidity;
        ArgumentOutOfRangeException.ThrowIfLessThan(window, TimeSpan.FromSeconds(1), nameof(validity));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(window, MaxValidity, nameof(validity));
        KeyId = keyId;
        Algorithm = algorithm;
        _validity = (long)window.TotalSeconds;
        string name = algorithm == SignatureAlgorithm.Ed25519 ? Ed25519Name : P256Name;
        _tail = Encoding.ASCII.GetBytes($"\";keyid=\"{keyId}\";alg=\"{name}\";tag=\"{Tag}\"");
    }

    /// <summary>The key's id.</summary>
    public string KeyId { get; }

    /// <summary>The key's algorithm.</summary>
    public SignatureAlgorithm Algorithm { get; }

    internal override bool SendsContentDigest => true;

    /// <summary>Returns the <c>Content-Digest</c> of a body: <c>sha-256=:...:</c>, unpadded base64url.</summary>
    /// <param name="body">The bytes that are sent.</param>
    public static string ContentDigest(ReadOnlySpan<byte> body)
    {
        Span<char> text = stackalloc char[ContentDigestLength];
        WriteContentDigest(body, text);
        return text.ToString();
    }

    internal static void WriteContentDigest(ReadOnlySpan<byte> body, Span<char> text)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(body, hash);
        "sha-256=:".CopyTo(text);
        Base64Url.EncodeToChars(hash, text[9..]);
        text[ContentDigestLength - 1] = ':';
    }

    /// <summary>Signs one attempt with a local key.</summary>
    /// <param name="target">The canonical url that is requested.</param>
    /// <param name="contentDigest">The <c>Content-Digest</c> header as it is sent.</param>
    /// <param name="now">The time that becomes <c>created</c>.</param>
    /// <param name="signatureInput">The <c>Signature-Input</c> header.</param>
    /// <param name="signature">The <c>Signature</c> header.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="CryptographicException">The key cannot sign.</exception>
    /// <exception cref="InvalidOperationException">The key is a remote one.</exception>
    public void Sign(TargetUri target, string contentDigest, DateTimeOffset now, out string signatureInput, out string signature)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(contentDigest);
        if (_key is null)
        {
            throw new InvalidOperationException("The key is a remote one; use a sender to sign with it.");
        }

        AttemptHeaders headers = AttemptHeaders.Rent();
        Sign(_key, Write(target, contentDigest, now, headers), headers);
        signatureInput = headers.Text(0);
        signature = headers.Text(1);
        AttemptHeaders.Return(headers);
    }

    internal override ValueTask AuthenticateAsync(UnsignedAttempt attempt, AttemptHeaders headers, CancellationToken cancellationToken)
    {
        Range text = Write(attempt.Target, attempt.ContentDigest.Span, attempt.Now, headers);
        if (_key is null)
        {
            return SignRemotelyAsync(_remote!, text, headers, cancellationToken);
        }

        Sign(_key, text, headers);
        return default;
    }

    private static void Sign(SigningKey key, Range text, AttemptHeaders headers)
    {
        Span<byte> raw = stackalloc byte[RawSignatureLength];
        key.Sign(headers.Buffer(0).Span[text], raw);
        AddSignature(raw, text.End.Value, headers);
    }

    private static async ValueTask SignRemotelyAsync(RemoteSigningKey key, Range text, AttemptHeaders headers,
        CancellationToken cancellationToken)
    {
        // Copied: if a signer does not stop when it is cancelled, it must not read the buffer's next content.
        byte[] message = headers.Buffer(0)[text].ToArray();
        byte[] raw = new byte[RawSignatureLength];
        try
        {
            await key.SignAsync(message, raw, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is not CryptographicException)
        {
            throw new SignerUnavailableException(fault);
        }

        AddSignature(raw, text.End.Value, headers);
    }

    private static void AddSignature(ReadOnlySpan<byte> raw, int at, AttemptHeaders headers)
    {
        Span<byte> output = headers.Buffer(at + SignatureLength).Span[at..];
        "sig1=:"u8.CopyTo(output);
        Base64Url.EncodeToUtf8(raw, output[6..]);
        output[SignatureLength - 1] = (byte)':';
        headers.Add(SignatureHeader, at, at + SignatureLength);
    }

    /// <summary>Writes <c>Signature-Input</c> and, behind it, the signature base of RFC 9421, section 2.5.</summary>
    /// <returns>The range of the base.</returns>
    private Range Write(TargetUri target, ReadOnlySpan<char> contentDigest, DateTimeOffset now, AttemptHeaders headers)
    {
        int most = target.Value.Length + target.Authority.Length + contentDigest.Length + (2 * (_tail.Length + 160))
            + BaseOverhead + SignatureLength;
        Span<byte> output = headers.Buffer(most).Span;
        int inputLength = WriteInput(now.ToUnixTimeSeconds(), RandomBytes.Next(NonceBytes), output);
        headers.Add(SignatureInputHeader, 0, inputLength);
        int length = WriteBase(target, contentDigest, output["sig1=".Length..inputLength], output[inputLength..]);
        return inputLength..(inputLength + length);
    }

    private int WriteInput(long created, ReadOnlySpan<byte> nonce, Span<byte> output)
    {
        int at = 0;
        Put("sig1=(\"@method\" \"@target-uri\" \"@authority\" \"content-type\" \"content-digest\");created="u8, output, ref at);
        created.TryFormat(output[at..], out int digits, default, CultureInfo.InvariantCulture);
        at += digits;
        Put(";expires="u8, output, ref at);
        (created + _validity).TryFormat(output[at..], out digits, default, CultureInfo.InvariantCulture);
        at += digits;
        Put(";nonce=\""u8, output, ref at);
        Base64Url.EncodeToUtf8(nonce, output[at..]);
        at += NonceLength;
        Put(_tail, output, ref at);
        return at;
    }

    /// <summary>Writes a line for each component, the parameters last, no newline at the end.</summary>
    internal static int WriteBase(TargetUri target, ReadOnlySpan<char> contentDigest, ReadOnlySpan<byte> parameters, Span<byte> output)
    {
        int at = 0;
        Put("\"@method\": POST\n\"@target-uri\": "u8, output, ref at);
        at += Encoding.ASCII.GetBytes(target.Value, output[at..]);
        Put("\n\"@authority\": "u8, output, ref at);
        at += Encoding.ASCII.GetBytes(target.Authority, output[at..]);
        Put("\n\"content-type\": application/json\n\"content-digest\": "u8, output, ref at);
        at += Encoding.ASCII.GetBytes(contentDigest, output[at..]);
        Put("\n\"@signature-params\": "u8, output, ref at);
        Put(parameters, output, ref at);
        return at;
    }

    private static void Put(ReadOnlySpan<byte> text, Span<byte> output, ref int at)
    {
        text.CopyTo(output[at..]);
        at += text.Length;
    }
}
