using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Network;
using Adcp.Aot.Signing;
using Adcp.Aot.Verification;
using NSec.Cryptography;

namespace Adcp.Aot.Benchmarks.Signing;

/// <summary>Signing and verifying a webhook of 1 KiB, ours and the bare operations over the same signature bases.</summary>
internal sealed class SigningCandidate : IDisposable
{
    private const int Messages = 4096;

    private readonly byte[] _body = Encoding.UTF8.GetBytes(
        "{\"idempotency_key\":\"whk_0123456789abcdef\",\"operation_id\":\"op_456\",\"task_id\":\"task_456\","
        + "\"task_type\":\"create_media_buy\",\"protocol\":\"media-buy\",\"status\":\"completed\","
        + "\"timestamp\":\"2026-04-18T10:00:00Z\",\"result\":{\"media_buy_id\":\"mb_1\",\"packages\":["
        + string.Join(',', Enumerable.Range(0, 9).Select(
            i => $"{{\"package_id\":\"pkg_{i}\",\"product_id\":\"prod_{i}\",\"budget\":{i + 1}000,\"paused\":false}}")) + "]}}");

    private readonly char[] _digest = new char[Rfc9421Signer.ContentDigestLength];
    private readonly byte[] _hash = new byte[SHA256.HashSizeInBytes];
    private readonly byte[] _signature = new byte[64];
    private readonly byte[][] _bases = new byte[Messages][];
    private readonly byte[][] _signatures = new byte[Messages][];
    private readonly (string Input, string Signature)[] _messages = new (string, string)[Messages];
    private readonly string _digestText;
    private readonly SigningKey _key;
    private readonly Rfc9421Signer _signer;
    private readonly Key? _ed25519;
    private readonly ECDsa? _p256;
    private readonly TargetUri _target;
    private readonly VerificationKeySet _keys;
    private readonly Func<string, string?> _header;
    private Rfc9421Verifier _verifier;
    private int _next;
    private int _nextBare;

    internal SigningCandidate(SignatureAlgorithm algorithm)
    {
        _header = Header;
        if (!TargetUri.TryParse("https://buyer.example/adcp/webhook/create_media_buy/agent_123/op_abc", out TargetUri? target, out _))
        {
            throw new InvalidOperationException("Not a url.");
        }

        _target = target;
        _key = SigningKey.Generate(algorithm, "seller-2026");
        _signer = new Rfc9421Signer(_key);
        _digestText = Rfc9421Signer.ContentDigest(_body);
        using JsonDocument jwk = JsonDocument.Parse(_key.ExportPrivateJwk());
        byte[] d = System.Buffers.Text.Base64Url.DecodeFromChars(jwk.RootElement.GetProperty("d").GetString());
        if (algorithm == SignatureAlgorithm.Ed25519)
        {
            _ed25519 = Key.Import(NSec.Cryptography.SignatureAlgorithm.Ed25519, d, KeyBlobFormat.RawPrivateKey);
        }
        else
        {
            _p256 = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = d });
        }

        for (int i = 0; i < Messages; i++)
        {
            _signer.Sign(target, _digestText, DateTimeOffset.UtcNow, out string input, out string signature);
            _messages[i] = (input, signature);
            byte[] text = new byte[2048];
            int length = Rfc9421Signer.WriteBase(target, _digestText, Encoding.ASCII.GetBytes(input["sig1=".Length..]), text);
            _bases[i] = text[..length];
            _signatures[i] = System.Buffers.Text.Base64Url.DecodeFromChars(signature.AsSpan(6, 86));
        }

        _keys = VerificationKeySet.FromJwks(SigningKey.ExportJwks([_key]), "seller");
        _verifier = NewVerifier();
    }

    public void Dispose()
    {
        _key.Dispose();
        _ed25519?.Dispose();
        _p256?.Dispose();
    }

    internal void Sign(int times)
    {
        for (int i = 0; i < times; i++)
        {
            Rfc9421Signer.WriteContentDigest(_body, _digest);
            AttemptHeaders headers = AttemptHeaders.Rent();
            UnsignedAttempt attempt = new(_target, _body, _digest, "whk_0123456789abcdef", DateTimeOffset.UtcNow);
            Require(_signer.AuthenticateAsync(attempt, headers, CancellationToken.None).IsCompletedSuccessfully);
            Require(headers.Count == 2);
            AttemptHeaders.Return(headers);
        }
    }

    internal void BareSign(int times)
    {
        for (int i = 0; i < times; i++)
        {
            byte[] text = NextBare();
            SHA256.HashData(_body, _hash);
            if (_ed25519 is not null)
            {
                NSec.Cryptography.SignatureAlgorithm.Ed25519.Sign(_ed25519, text, _signature);
            }
            else
            {
                Require(_p256!.TrySignData(
                    text, _signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation, out _));
            }
        }
    }

    internal void Verify(int times)
    {
        for (int i = 0; i < times; i++)
        {
            if (_next == Messages)
            {
                // Every message once, as a replay would leave before the end.
                _next = 0;
                _verifier = NewVerifier();
            }

            InboundRequest request = new("POST", _target.Value, _header);
            Require(_verifier.VerifyAsync(request, _body).GetAwaiter().GetResult().Ok);
            _next++;
        }
    }

    internal void BareVerify(int times)
    {
        for (int i = 0; i < times; i++)
        {
            byte[] text = NextBare();
            SHA256.HashData(_body, _hash);
            Require(_ed25519 is not null
                ? NSec.Cryptography.SignatureAlgorithm.Ed25519.Verify(_ed25519.PublicKey, text, _signatures[_nextBare])
                : _p256!.VerifyData(
                    text, _signatures[_nextBare], HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
        }
    }

    /// <summary>
    /// Another message each time, as for ours: verification takes branches by its input, and one input again and again
    /// teaches them to the processor.
    /// </summary>
    private byte[] NextBare() => _bases[_nextBare = (_nextBare + 1) % Messages];

    private string? Header(string name) => name switch
    {
        "signature-input" => _messages[_next].Input,
        "signature" => _messages[_next].Signature,
        "content-digest" => _digestText,
        "content-type" => "application/json",
        _ => null,
    };

    private static void Require(bool held)
    {
        if (!held)
        {
            throw new InvalidOperationException("The candidate did something else than its name says.");
        }
    }

    private Rfc9421Verifier NewVerifier() => new(_keys, new InMemoryReplayCache());
}
