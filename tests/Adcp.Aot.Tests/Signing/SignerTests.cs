using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Adcp.Aot.Network;
using Adcp.Aot.Signing;
using NSec.Cryptography;

namespace Adcp.Aot.Tests.Signing;

public sealed partial class SignerTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1776520800);

    [Theory]
    [InlineData(Adcp.Aot.SignatureAlgorithm.Ed25519)]
    [InlineData(Adcp.Aot.SignatureAlgorithm.EcdsaP256Sha256)]
    public void A_signature_verifies_over_the_base_rebuilt_from_its_headers(Adcp.Aot.SignatureAlgorithm algorithm)
    {
        using SigningKey key = SigningKey.Generate(algorithm, "kid-1");
        Assert.True(TargetUri.TryParse("https://Buyer.example:443/a/../b?x=1", out TargetUri? target, out _));
        string digest = Rfc9421Signer.ContentDigest("{}"u8);
        new Rfc9421Signer(key).Sign(target, digest, Now, out string input, out string signature);

        string expected = "\"@method\": POST\n\"@target-uri\": https://buyer.example/b?x=1\n\"@authority\": "
            + "buyer.example\n\"content-type\": application/json\n"
            + $"\"content-digest\": {digest}\n\"@signature-params\": {input["sig1=".Length..]}";
        byte[] raw = Base64Url.DecodeFromChars(signature.AsSpan("sig1=:".Length, 86));
        Assert.True(Verifies(key, Encoding.ASCII.GetBytes(expected), raw));
        Match match = InputForm().Match(input);
        Assert.True(match.Success, input);
        Assert.Equal(Now.ToUnixTimeSeconds(), long.Parse(match.Groups[1].Value, null));
        Assert.Equal(300, long.Parse(match.Groups[2].Value, null) - long.Parse(match.Groups[1].Value, null));
        Assert.DoesNotContain('=', signature["sig1=:".Length..]);
    }

    [Fact]
    public void Each_signature_has_a_nonce_of_its_own()
    {
        using SigningKey key = SigningKey.Generate(Adcp.Aot.SignatureAlgorithm.Ed25519, "kid-1");
        Rfc9421Signer signer = new(key);
        Assert.True(TargetUri.TryParse("https://buyer.example/", out TargetUri? target, out _));
        HashSet<string> inputs = [];
        for (int i = 0; i < 100; i++)
        {
            signer.Sign(target, Rfc9421Signer.ContentDigest("{}"u8), Now, out string input, out _);
            Assert.True(inputs.Add(input));
        }
    }

    [Fact]
    [Needs(Resource.AdcpData)]
    public void The_signature_base_is_the_one_of_the_official_positive_vectors()
    {
        int checkedVectors = 0;
        foreach (string file in SharedFiles.List("vectors/webhook-signing/positive"))
        {
            using JsonDocument vector = SharedFiles.Read(file);
            JsonElement request = vector.RootElement.GetProperty("request");
            Dictionary<string, string> headers = request.GetProperty("headers").EnumerateObject()
                .ToDictionary(h => h.Name, h => h.Value.GetString()!, StringComparer.OrdinalIgnoreCase);
            Assert.True(TargetUri.TryParse(request.GetProperty("url").GetString(), out TargetUri? target, out _));
            byte[] buffer = new byte[4096];
            int written = Rfc9421Signer.WriteBase(target, headers["Content-Digest"],
                Encoding.ASCII.GetBytes(headers["Signature-Input"]["sig1=".Length..]), buffer);
            Assert.Equal(vector.RootElement.GetProperty("expected_signature_base").GetString(),
                Encoding.ASCII.GetString(buffer, 0, written));
            checkedVectors++;
        }

        Assert.True(checkedVectors >= 4);
    }

    [Fact]
    [Needs(Resource.AdcpData)]
    public void The_official_test_keys_load_from_their_jwks()
    {
        using JsonDocument keys = SharedFiles.Read("vectors/webhook-signing/keys.json");
        int loaded = 0;
        foreach (JsonElement jwk in keys.RootElement.GetProperty("keys").EnumerateArray())
        {
            string json = jwk.GetRawText().Replace("_private_d_for_test_only", "d", StringComparison.Ordinal);
            if (jwk.GetProperty("adcp_use").GetString() is "webhook-signing" or "request-signing")
            {
                using SigningKey key = SigningKey.FromJwk(json);
                Assert.Equal(jwk.GetProperty("kid").GetString(), key.KeyId);
                loaded++;
            }
            else
            {
                Assert.Contains("adcp_use", Assert.Throws<ArgumentException>(() => SigningKey.FromJwk(json)).Message,
                    StringComparison.Ordinal);
            }
        }

        Assert.True(loaded >= 3);
    }

    [Theory]
    [InlineData(Adcp.Aot.SignatureAlgorithm.Ed25519)]
    [InlineData(Adcp.Aot.SignatureAlgorithm.EcdsaP256Sha256)]
    public void A_private_jwk_round_trips_and_its_public_form_has_no_secret(Adcp.Aot.SignatureAlgorithm algorithm)
    {
        using SigningKey key = SigningKey.Generate(algorithm, "kid-1");
        using SigningKey again = SigningKey.FromJwk(key.ExportPrivateJwk());
        Assert.Equal(key.ExportPublicJwk(), again.ExportPublicJwk());
        using JsonDocument jwks = JsonDocument.Parse(SigningKey.ExportJwks([key], KeyPurpose.WebhookSigning));
        JsonElement jwk = jwks.RootElement.GetProperty("keys")[0];
        Assert.False(jwk.TryGetProperty("d", out _));
        Assert.Equal("webhook-signing", jwk.GetProperty("adcp_use").GetString());
        Assert.Equal("verify", jwk.GetProperty("key_ops")[0].GetString());
        using JsonDocument secret = JsonDocument.Parse(key.ExportPrivateJwk());
        Assert.DoesNotContain(secret.RootElement.GetProperty("d").GetString()!, key.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_jwk_whose_halves_do_not_belong_together_fails_at_construction()
    {
        foreach (Adcp.Aot.SignatureAlgorithm algorithm in Enum.GetValues<Adcp.Aot.SignatureAlgorithm>())
        {
            using SigningKey one = SigningKey.Generate(algorithm, "k");
            using SigningKey other = SigningKey.Generate(algorithm, "k");
            using JsonDocument first = JsonDocument.Parse(one.ExportPrivateJwk());
            using JsonDocument second = JsonDocument.Parse(other.ExportPrivateJwk());
            string mixed = one.ExportPrivateJwk().Replace(
                first.RootElement.GetProperty("d").GetString()!, second.RootElement.GetProperty("d").GetString()!,
                StringComparison.Ordinal);
            Assert.Contains("does not belong", Assert.Throws<ArgumentException>(() => SigningKey.FromJwk(mixed)).Message,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Pem_keys_load_plain_and_encrypted_and_a_mismatch_is_named()
    {
        using ECDsa ec = ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        PbeParameters pbe = new(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000);
        const Adcp.Aot.SignatureAlgorithm P256 = Adcp.Aot.SignatureAlgorithm.EcdsaP256Sha256;
        using SigningKey plain = SigningKey.FromPem(ec.ExportPkcs8PrivateKeyPem(), "k", P256);
        using SigningKey sec1 = SigningKey.FromPem(ec.ExportECPrivateKeyPem(), "k", P256);
        using SigningKey encrypted = SigningKey.FromPem(ec.ExportEncryptedPkcs8PrivateKeyPem("pass", pbe), "k", P256, "pass");
        Assert.Equal(plain.ExportPublicJwk(), sec1.ExportPublicJwk());
        Assert.Equal(plain.ExportPublicJwk(), encrypted.ExportPublicJwk());

        // RFC 8410's example key.
        const string Ed = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END "
            + "PRIVATE KEY-----\n";
        using SigningKey ed = SigningKey.FromPem(Ed, "k");
        using JsonDocument jwk = JsonDocument.Parse(ed.ExportPublicJwk());
        Assert.Equal(32, Base64Url.DecodeFromChars(jwk.RootElement.GetProperty("x").GetString()).Length);

        Assert.Contains("P-256", Assert.Throws<ArgumentException>(() => SigningKey.FromPem(Ed, "k", P256)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => SigningKey.FromPem(ec.ExportPkcs8PrivateKeyPem(), "k"));
        Assert.Throws<ArgumentException>(() => SigningKey.FromPem(ec.ExportEncryptedPkcs8PrivateKeyPem("pass", pbe), "k", P256, "wrong"));
        Assert.Throws<ArgumentException>(() => SigningKey.FromPem(ec.ExportEncryptedPkcs8PrivateKeyPem("pass", pbe), "k", P256));
        Assert.Throws<ArgumentException>(() => SigningKey.FromPem("garbage", "k"));
        using ECDsa p384 = ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP384);
        Assert.Throws<ArgumentException>(() => SigningKey.FromPem(p384.ExportPkcs8PrivateKeyPem(), "k", P256));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\"b")]
    [InlineData("a\\b")]
    [InlineData("a\r\nb")]
    [InlineData("schlüssel")]
    public void A_key_id_that_would_break_its_header_is_refused(string keyId) =>
        Assert.Throws<ArgumentException>(() => SigningKey.Generate(Adcp.Aot.SignatureAlgorithm.Ed25519, keyId));

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"kty":"OKP","crv":"Ed25519","kid":"k"}""")]
    [InlineData("""{"kty":"OKP","crv":"Ed25519","kid":"k","d":"short"}""")]
    [InlineData("""{"kty":"RSA","kid":"k","d":"AA"}""")]
    [InlineData("""{"kty":"OKP","kty":"OKP"}""")]
    [InlineData("""{"kty":1}""")]
    public void A_jwk_that_is_none_is_refused(string json) => Assert.ThrowsAny<ArgumentException>(() => SigningKey.FromJwk(json));

    [Fact]
    public void A_window_beyond_AdCPs_is_refused()
    {
        using SigningKey key = SigningKey.Generate(Adcp.Aot.SignatureAlgorithm.Ed25519, "k");
        Assert.Throws<ArgumentOutOfRangeException>(() => new Rfc9421Signer(key, TimeSpan.FromSeconds(301)));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Rfc9421Signer(key, TimeSpan.Zero));
        Assert.Throws<ArgumentNullException>(() => new Rfc9421Signer((SigningKey)null!));
    }

    private static bool Verifies(SigningKey key, byte[] data, byte[] signature)
    {
        using JsonDocument jwk = JsonDocument.Parse(key.ExportPublicJwk());
        byte[] x = Base64Url.DecodeFromChars(jwk.RootElement.GetProperty("x").GetString());
        if (key.Algorithm == Adcp.Aot.SignatureAlgorithm.Ed25519)
        {
            Ed25519 ed25519 = NSec.Cryptography.SignatureAlgorithm.Ed25519;
            return ed25519.Verify(NSec.Cryptography.PublicKey.Import(ed25519, x, KeyBlobFormat.RawPublicKey), data, signature);
        }

        byte[] y = Base64Url.DecodeFromChars(jwk.RootElement.GetProperty("y").GetString());
        using ECDsa ec = ECDsa.Create(new ECParameters
        { Curve = System.Security.Cryptography.ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = x, Y = y } });
        return ec.VerifyData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    [GeneratedRegex(
        """^sig1=\("@method" "@target-uri" "@authority" "content-type" "content-digest"\)"""
        + """;created=(\d+);expires=(\d+);nonce="[A-Za-z0-9_-]{22}";"""
        + """keyid="kid-1";alg="(ed25519|ecdsa-p256-sha256)";tag="adcp/webhook-signing/v1"$""")]
    private static partial Regex InputForm();
}
