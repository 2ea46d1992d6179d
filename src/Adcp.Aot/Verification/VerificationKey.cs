using System.Security.Cryptography;
using System.Text.Json;
using Adcp.Aot.Signing;
using NSec.Cryptography;

namespace Adcp.Aot.Verification;

/// <summary>A published public key and its owner. Immutable and safe for concurrent use.</summary>
public sealed class VerificationKey
{
    private readonly PublicKey? _ed25519;
    private readonly ECDsa? _p256;
    private readonly byte[]? _x;
    private readonly byte[]? _y;

    private VerificationKey(string keyId, string? sender)
    {
        KeyId = keyId;
        Sender = sender;
    }

    private VerificationKey(string keyId, string? sender, Jwk jwk)
        : this(keyId, sender)
    {
        Algorithm = jwk.Algorithm;
        _x = jwk.X;
        _y = jwk.Y;
        if (jwk.Algorithm == SignatureAlgorithm.Ed25519)
        {
            _ed25519 = PublicKey.Import(NSec.Cryptography.SignatureAlgorithm.Ed25519, jwk.X, KeyBlobFormat.RawPublicKey);
        }
        else
        {
            _p256 = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = jwk.X, Y = jwk.Y } });
        }
    }

    /// <summary>The key's <c>kid</c>.</summary>
    public string KeyId { get; }

    /// <summary>The key's owner: the url of the agent that published it.</summary>
    public string? Sender { get; }

    /// <summary>The algorithm, if <see cref="MayVerifyWebhooks"/>.</summary>
    public SignatureAlgorithm Algorithm { get; }

    /// <summary>
    /// Gets whether webhooks may be verified with it. <c>false</c> if the JWK is published for another purpose, does
    /// not state that it verifies signatures, or is damaged (AdCP's checklist, step 8).
    /// </summary>
    public bool MayVerifyWebhooks => _ed25519 is not null || _p256 is not null;

    /// <summary>Returns the key id only.</summary>
    public override string ToString() => KeyId;

    /// <summary>
    /// Reads one member of a JWK set. A key that may not be used stays known by its id, so that its signatures are
    /// refused for the right reason.
    /// </summary>
    /// <returns><c>null</c> if it has no id.</returns>
    internal static VerificationKey? Read(JsonElement element, string? sender)
    {
        string? keyId = null;
        try
        {
            keyId = Jwk.ReadKeyId(element);
            if (keyId is null)
            {
                return null;
            }

            Jwk jwk = Jwk.Read(element, nameof(element));
            bool complete = jwk.X is not null && (jwk.Y is not null || jwk.Algorithm == SignatureAlgorithm.Ed25519);
            return complete && jwk.IsForVerifyingWebhooks ? new VerificationKey(keyId, sender, jwk) : new VerificationKey(keyId, sender);
        }
        catch (Exception fault) when (fault is ArgumentException or CryptographicException or FormatException)
        {
            return keyId is null ? null : new VerificationKey(keyId, sender);
        }
    }

    internal static VerificationKey Unusable(string keyId, string? sender) => new(keyId, sender);

    /// <summary>Returns whether the key has these coordinates. The lack of one fits nothing but its lack.</summary>
    internal bool HasMaterial(byte[]? x, byte[]? y) =>
        _x is not null && x is not null && _x.AsSpan().SequenceEqual(x) && _y.AsSpan().SequenceEqual(y);

    internal bool Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) => _ed25519 is not null
        ? NSec.Cryptography.SignatureAlgorithm.Ed25519.Verify(_ed25519, data, signature)
        : _p256!.VerifyData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
}
