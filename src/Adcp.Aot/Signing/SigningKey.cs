using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.Pkcs;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Signing;
using NSec.Cryptography;

namespace Adcp.Aot;

/// <summary>
/// A private signing key: ed25519 (libsodium) or P-256 (.NET's). If a key is wrong or mismatched, it fails here and not
/// at the first webhook. Thread-safe. Dispose it after the senders that use it.
/// </summary>
public sealed class SigningKey : IDisposable
{
    private const int MaxKeyIdLength = 256;

    private readonly Key? _ed25519;
    private readonly ECDsa? _p256;

    private SigningKey(string keyId, Key key)
    {
        KeyId = keyId;
        Algorithm = SignatureAlgorithm.Ed25519;
        _ed25519 = key;
    }

    private SigningKey(string keyId, ECDsa key)
    {
        KeyId = keyId;
        Algorithm = SignatureAlgorithm.EcdsaP256Sha256;
        _p256 = key;
    }

    /// <summary>The <c>kid</c> under which the public key is published.</summary>
    public string KeyId { get; }

    /// <summary>The algorithm.</summary>
    public SignatureAlgorithm Algorithm { get; }

    /// <summary>Creates a new key.</summary>
    /// <param name="algorithm">The algorithm.</param>
    /// <param name="keyId">The <c>kid</c>: 1 to 256 printable ASCII characters without quote and backslash.</param>
    /// <exception cref="ArgumentException">The key id breaks its rule.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Not an algorithm.</exception>
    public static SigningKey Generate(SignatureAlgorithm algorithm, string keyId)
    {
        CheckKeyId(keyId, nameof(keyId));
        return algorithm switch
        {
            SignatureAlgorithm.Ed25519 => new SigningKey(keyId, Key.Create(SignatureAlgorithms.Ed25519, SignatureAlgorithms.Exportable)),
            SignatureAlgorithm.EcdsaP256Sha256 => new SigningKey(keyId, ECDsa.Create(ECCurve.NamedCurves.nistP256)),
            _ => throw new ArgumentOutOfRangeException(nameof(algorithm), algorithm, "Not an algorithm."),
        };
    }

    /// <summary>Reads a private JWK: <c>OKP</c>/<c>Ed25519</c> or <c>EC</c>/<c>P-256</c> with <c>kid</c> and <c>d</c>.</summary>
    /// <param name="json">The JWK.</param>
    /// <exception cref="ArgumentNullException"><paramref name="json"/> is null.</exception>
    /// <exception cref="ArgumentException">The JWK is not valid, is for another use, or its public part does not belong
    /// to its private part. The message never shows key material.</exception>
    public static SigningKey FromJwk(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        Jwk jwk = Jwk.Parse(json, nameof(json));
        CheckKeyId(jwk.KeyId, nameof(json));
        jwk.CheckUse(nameof(json), "sign");
        byte[] d = jwk.Private ?? throw new ArgumentException("The JWK has no private member 'd'.", nameof(json));
        try
        {
            return jwk.Algorithm == SignatureAlgorithm.Ed25519
                ? FromSeed(jwk.KeyId!, d, jwk.X, nameof(json))
                : FromScalar(jwk, d, nameof(json));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(d);
        }
    }

    /// <summary>Reads a PEM private key: PKCS#8, encrypted PKCS#8, or SEC1 (<c>EC PRIVATE KEY</c>).</summary>
    /// <param name="pem">The PEM text.</param>
    /// <param name="keyId">The <c>kid</c> under which the public key is published.</param>
    /// <param name="algorithm">The algorithm that the key must be for.</param>
    /// <param name="passphrase">The passphrase of an encrypted PEM.</param>
    /// <exception cref="ArgumentNullException"><paramref name="pem"/> or <paramref name="keyId"/> is null.</exception>
    /// <exception cref="ArgumentException">The PEM is not valid, the key is for another algorithm, or the passphrase is
    /// wrong or missing.</exception>
    public static SigningKey FromPem(
        string pem, string keyId, SignatureAlgorithm algorithm = SignatureAlgorithm.Ed25519, string? passphrase = null)
    {
        ArgumentNullException.ThrowIfNull(pem);
        CheckKeyId(keyId, nameof(keyId));
        if (!PemEncoding.TryFind(pem, out PemFields fields))
        {
            throw new ArgumentException("Not a PEM text.", nameof(pem));
        }

        string label = pem[fields.Label];
        byte[] der = new byte[fields.DecodedDataLength];
        try
        {
            Convert.TryFromBase64Chars(pem.AsSpan()[fields.Base64Data], der, out _);
            if (label == "EC PRIVATE KEY")
            {
                Require(algorithm == SignatureAlgorithm.EcdsaP256Sha256,
                    "The PEM holds an EC key, not ed25519. Pass SignatureAlgorithm.EcdsaP256Sha256.");
                ECDsa sec1 = ECDsa.Create();
                sec1.ImportECPrivateKey(der, out _);
                return P256(sec1, keyId);
            }

            Pkcs8PrivateKeyInfo info = label switch
            {
                "PRIVATE KEY" => Pkcs8PrivateKeyInfo.Decode(der, out _),
                "ENCRYPTED PRIVATE KEY" => Pkcs8PrivateKeyInfo.DecryptAndDecode(
                    passphrase ?? throw new ArgumentException("The PEM is encrypted; give its passphrase.", nameof(passphrase)),
                    der, out _),
                _ => throw new ArgumentException("The PEM holds no private key.", nameof(pem)),
            };
            if (info.AlgorithmId.Value == "1.3.101.112")
            {
                Require(algorithm == SignatureAlgorithm.Ed25519,
                    "The PEM holds an ed25519 key, not P-256. Pass SignatureAlgorithm.Ed25519.");
                ReadOnlySpan<byte> seed = info.PrivateKeyBytes.Span;
                Require(seed is [0x04, 0x20, ..] && seed.Length == 34, "The ed25519 key is not 32 bytes.");
                return FromSeed(keyId, seed[2..], null, nameof(pem));
            }

            Require(info.AlgorithmId.Value == "1.2.840.10045.2.1", "The PEM holds neither an ed25519 nor an EC key.");
            Require(algorithm == SignatureAlgorithm.EcdsaP256Sha256,
                "The PEM holds an EC key, not ed25519. Pass SignatureAlgorithm.EcdsaP256Sha256.");
            byte[] plain = info.Encode();
            ECDsa ec = ECDsa.Create();
            ec.ImportPkcs8PrivateKey(plain, out _);
            CryptographicOperations.ZeroMemory(plain);
            return P256(ec, keyId);
        }
        catch (CryptographicException)
        {
            throw new ArgumentException("The PEM cannot be read: it is damaged, or the passphrase is wrong.", nameof(pem));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(der);
        }

        static void Require(bool met, string rule)
        {
            if (!met)
            {
                throw new ArgumentException(rule, nameof(pem));
            }
        }

        static SigningKey P256(ECDsa key, string keyId)
        {
            Require(key.KeySize == 256 && key.ExportParameters(false).Curve.Oid.Value == "1.2.840.10045.3.1.7",
                "The EC key is not on P-256.");
            return new SigningKey(keyId, key);
        }
    }

    /// <summary>Returns the private JWK. Keep it secret.</summary>
    public string ExportPrivateJwk() => Write(KeyPurpose.RequestSigning, withPrivate: true);

    /// <summary>Returns the public JWK for publication.</summary>
    /// <param name="purpose">The <c>adcp_use</c> to state.</param>
    public string ExportPublicJwk(KeyPurpose purpose = KeyPurpose.RequestSigning) => Write(purpose, withPrivate: false);

    /// <summary>Returns a JWK set of public keys for publication at <c>jwks_uri</c>.</summary>
    /// <param name="keys">Keys with distinct ids.</param>
    /// <param name="purpose">The <c>adcp_use</c> to state.</param>
    /// <exception cref="ArgumentException">Two keys have the same id.</exception>
    public static string ExportJwks(IEnumerable<SigningKey> keys, KeyPurpose purpose = KeyPurpose.RequestSigning)
    {
        ArgumentNullException.ThrowIfNull(keys);
        HashSet<string> ids = [];
        List<string> jwks = [];
        foreach (SigningKey key in keys)
        {
            if (!ids.Add(key.KeyId))
            {
                throw new ArgumentException("Two keys of the set have the same key id.", nameof(keys));
            }

            jwks.Add(key.ExportPublicJwk(purpose));
        }

        return "{\"keys\":[" + string.Join(',', jwks) + "]}";
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ed25519?.Dispose();
        _p256?.Dispose();
    }

    /// <summary>Returns the id and algorithm only.</summary>
    public override string ToString() => $"{Algorithm} {KeyId}";

    /// <summary>Signs into 64 bytes.</summary>
    internal void Sign(ReadOnlySpan<byte> data, Span<byte> signature)
    {
        if (_ed25519 is not null)
        {
            SignatureAlgorithms.Ed25519.Sign(_ed25519, data, signature);
        }
        else if (!_p256!.TrySignData(data, signature, HashAlgorithmName.SHA256,
            DSASignatureFormat.IeeeP1363FixedFieldConcatenation, out int written) || written != 64)
        {
            throw new CryptographicException("The P-256 signature is not 64 bytes.");
        }
    }

    internal static void CheckKeyId(string? keyId, string paramName)
    {
        if (keyId is null)
        {
            throw new ArgumentNullException(paramName, "A signing key needs a key id (kid).");
        }

        if (keyId.Length is 0 or > MaxKeyIdLength
            || keyId.AsSpan().ContainsAnyExceptInRange(' ', '~') || keyId.AsSpan().ContainsAny('"', '\\'))
        {
            throw new ArgumentException(
                $"A key id is 1 to {MaxKeyIdLength} printable ASCII characters without quote and backslash.", paramName);
        }
    }

    private static SigningKey FromSeed(string keyId, ReadOnlySpan<byte> seed, byte[]? x, string paramName)
    {
        if (seed.Length != 32)
        {
            throw new ArgumentException("An ed25519 private key is 32 bytes.", paramName);
        }

        Key key = Key.Import(SignatureAlgorithms.Ed25519, seed, KeyBlobFormat.RawPrivateKey, SignatureAlgorithms.Exportable);
        if (x is not null && !key.PublicKey.Export(KeyBlobFormat.RawPublicKey).AsSpan().SequenceEqual(x))
        {
            key.Dispose();
            throw new ArgumentException("The key's public part does not belong to its private part.", paramName);
        }

        return new SigningKey(keyId, key);
    }

    private static SigningKey FromScalar(Jwk jwk, byte[] d, string paramName)
    {
        if (d.Length != 32 || jwk.X is null != jwk.Y is null)
        {
            throw new ArgumentException("A P-256 private key is 32 bytes, with both of 'x' and 'y' or neither.", paramName);
        }

        try
        {
            // Imported by its scalar alone, so that the public part is computed and can be compared.
            ECDsa key = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = d });
            ECPoint q = key.ExportParameters(false).Q;
            if (jwk.X is not null && !(q.X.AsSpan().SequenceEqual(jwk.X) && q.Y.AsSpan().SequenceEqual(jwk.Y)))
            {
                key.Dispose();
                throw new ArgumentException("The key's public part does not belong to its private part.", paramName);
            }

            return new SigningKey(jwk.KeyId!, key);
        }
        catch (CryptographicException)
        {
            throw new ArgumentException("Not a P-256 private key.", paramName);
        }
    }

    private string Write(KeyPurpose purpose, bool withPrivate)
    {
        string use = purpose switch
        {
            KeyPurpose.RequestSigning => "request-signing",
            KeyPurpose.WebhookSigning => "webhook-signing",
            _ => throw new ArgumentOutOfRangeException(nameof(purpose), purpose, "Not a purpose."),
        };
        ArrayBufferWriter<byte> output = new();
        using Utf8JsonWriter json = new(output);
        json.WriteStartObject();
        json.WriteString("kid"u8, KeyId);
        if (_ed25519 is not null)
        {
            json.WriteString("kty"u8, "OKP"u8);
            json.WriteString("crv"u8, "Ed25519"u8);
            json.WriteString("alg"u8, "EdDSA"u8);
            json.WriteString("x"u8, Base64Url.EncodeToString(_ed25519.PublicKey.Export(KeyBlobFormat.RawPublicKey)));
            if (withPrivate)
            {
                byte[] seed = _ed25519.Export(KeyBlobFormat.RawPrivateKey);
                json.WriteString("d"u8, Base64Url.EncodeToString(seed));
                CryptographicOperations.ZeroMemory(seed);
            }
        }
        else
        {
            ECParameters parameters = _p256!.ExportParameters(withPrivate);
            json.WriteString("kty"u8, "EC"u8);
            json.WriteString("crv"u8, "P-256"u8);
            json.WriteString("alg"u8, "ES256"u8);
            json.WriteString("x"u8, Base64Url.EncodeToString(parameters.Q.X));
            json.WriteString("y"u8, Base64Url.EncodeToString(parameters.Q.Y));
            if (withPrivate)
            {
                json.WriteString("d"u8, Base64Url.EncodeToString(parameters.D));
                CryptographicOperations.ZeroMemory(parameters.D);
            }
        }

        json.WriteString("use"u8, "sig"u8);
        json.WriteStartArray("key_ops"u8);
        json.WriteStringValue(withPrivate ? "sign"u8 : "verify"u8);
        json.WriteEndArray();
        json.WriteString("adcp_use"u8, use);
        json.WriteEndObject();
        json.Flush();
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static class SignatureAlgorithms
    {
        internal static readonly Ed25519 Ed25519 = NSec.Cryptography.SignatureAlgorithm.Ed25519;
        internal static KeyCreationParameters Exportable => new() { ExportPolicy = KeyExportPolicies.AllowPlaintextExport };
    }
}
