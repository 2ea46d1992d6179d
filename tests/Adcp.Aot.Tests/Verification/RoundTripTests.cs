using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Network;
using Adcp.Aot.Signing;
using Adcp.Aot.Verification;
using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Verification;

public sealed class RoundTripTests : IDisposable
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1776520800);
    private static readonly FakeTimeProvider Time = new(Now);

    private static readonly Gen<string> Urls =
        from scheme in Gen.OneOf("https", "http", "HTTPS")
        from host in Gen.OneOf("buyer.example", "Buyer.Example", "buyer.example.", "127.0.0.1", "[2001:DB8::1]", "bücher.example")
        from port in Gen.OneOf(Gen.Const(""), Gen.Int[1, 65535].Select(p => ":" + p))
        from path in Gen.OneOf(Gen.OneOf('/', 'a', 'Z', '0', '.', '~', '-', '_', '!', '\'', '(', ';', '=', ':', '@', '+')
            .Select(c => c.ToString()), Gen.Int[0, 255].Select(b => $"%{b:x2}")).Array[0, 30]
        from query in Gen.OneOf(Gen.Const(""),
            Gen.OneOf('?', '&', '=', 'a', '%', '2', '/', '+', '~').Array[0, 20].Select(c => "?" + new string(c)))
        select $"{scheme}://{host}{port}/{string.Concat(path)}{query}";

    private static readonly Gen<byte[]> Bodies =
        from text in Gen.String
        from pad in Gen.Int[0, 2000]
        select JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string,
            string>
        { ["text"] = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)), ["pad"] = new string('x', pad) });

    private readonly SigningKey[] _keys = [.. Enum.GetValues<SignatureAlgorithm>().Select(a => SigningKey.Generate(a, "key-" + a))];
    private readonly string _secret = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
    private readonly string _whsec = "whsec_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    public void Dispose() => Array.ForEach(_keys, key => key.Dispose());

    [Fact]
    public void Whatever_is_signed_in_any_mode_verifies_once() => Gen.Select(Urls, Bodies, Gen.Int[0, 4]).Sample(
        (url, body, mode) =>
        {
            (WebhookAuthenticator signer, WebhookVerifier verifier) = Mode(mode);
            SignedMessage message = SignedMessage.Sign(signer, WireUrl(url), body, Now);
            VerificationResult first = Verify(message, verifier);
            Assert.True(first.Ok, $"{first} {first.Detail}");
            Assert.Equal("seller", first.Sender);
            Assert.Equal(mode < 2 ? "webhook_signature_replayed" : null, Verify(message, verifier).ErrorCode);
        },
        iter: 2000);

    [Fact]
    public void A_digest_computed_while_reading_is_as_good_as_the_body() => Bodies.Sample(
        body =>
        {
            (WebhookAuthenticator signer, WebhookVerifier verifier) = Mode(0);
            SignedMessage message = SignedMessage.Sign(signer, "https://buyer.example/", body, Now);
            byte[] other = SHA256.HashData([.. body, 1]);
            return Wait(verifier.VerifyAsync(message.Request(), body, other)).Error == VerificationError.DigestMismatch
                && Wait(verifier.VerifyAsync(message.Request(), body, SHA256.HashData(body))).Ok;
        },
        iter: 200);

    [Fact]
    public void A_flipped_bit_of_the_body_is_a_digest_mismatch() => Gen.Select(Bodies, Gen.Int[0, int.MaxValue], Gen.Int[0, 1]).Sample(
        (body, bit, mode) => Refused(mode, body, VerificationError.DigestMismatch, message =>
        {
            byte[] changed = [.. message.Body];
            Flip(changed, bit);
            return message with { Body = changed };
        }),
        iter: 500);

    [Fact]
    public void A_flipped_bit_of_the_signature_is_an_invalid_signature() => Gen.Select(Bodies, Gen.Int[0, 511], Gen.Int[0, 1]).Sample(
        (body, bit, mode) => Refused(mode, body, VerificationError.SignatureInvalid, message => message.Edit("Signature", text =>
        {
            byte[] raw = System.Buffers.Text.Base64Url.DecodeFromChars(text.AsSpan(6, 86));
            Flip(raw, bit);
            return $"sig1=:{System.Buffers.Text.Base64Url.EncodeToString(raw)}:";
        })),
        iter: 500);

    [Fact]
    public void A_digest_of_another_body_is_an_invalid_signature_even_with_that_body() =>
        Gen.Select(Bodies, Bodies, Gen.Int[0, 1]).Where(t => !t.Item1.SequenceEqual(t.Item2)).Sample(
        (body, other, mode) => Refused(mode, body, VerificationError.SignatureInvalid, message =>
            message.With("Content-Digest", Rfc9421Signer.ContentDigest(other)) with { Body = other }),
        iter: 300);

    [Theory]
    [InlineData("method", VerificationError.SignatureInvalid)]
    [InlineData("host", VerificationError.SignatureInvalid)]
    [InlineData("path", VerificationError.SignatureInvalid)]
    [InlineData("query", VerificationError.SignatureInvalid)]
    [InlineData("scheme", VerificationError.SignatureInvalid)]
    [InlineData("content-type", VerificationError.SignatureInvalid)]
    [InlineData("created", VerificationError.SignatureInvalid)]
    [InlineData("expires", VerificationError.SignatureInvalid)]
    [InlineData("nonce", VerificationError.SignatureInvalid)]
    [InlineData("order", VerificationError.SignatureInvalid)]
    [InlineData("extra", VerificationError.SignatureInvalid)]
    [InlineData("keyid", VerificationError.KeyUnknown)]
    [InlineData("alg", VerificationError.KeyPurposeInvalid)]
    [InlineData("alg-unknown", VerificationError.AlgNotAllowed)]
    [InlineData("tag", VerificationError.TagInvalid)]
    [InlineData("component", VerificationError.ComponentsIncomplete)]
    [InlineData("label", VerificationError.HeaderMalformed)]
    public void A_changed_covered_part_is_refused_with_its_code(string part, VerificationError expected)
    {
        for (int mode = 0; mode < 2; mode++)
        {
            Refused(mode, "{}"u8.ToArray(), expected, message => part switch
            {
                "method" => message with { Method = "PUT" },
                "host" => message with { Url = "https://other.example/hook?a=1" },
                "path" => message with { Url = "https://buyer.example/hooks?a=1" },
                "query" => message with { Url = "https://buyer.example/hook?a=2" },
                "scheme" => message with { Url = "http://buyer.example:443/hook?a=1" },
                "content-type" => message.With("Content-Type", "application/json; charset=utf-8"),
                "created" => Input(message, "created=1776520800", "created=1776520801"),
                "expires" => Input(message, "expires=1776521000", "expires=1776520999"),
                "nonce" => Input(message, "nonce=\"", "nonce=\"A"),
                "order" => Input(message, "\"@method\" \"@target-uri\"", "\"@target-uri\" \"@method\""),
                "extra" => Input(message, ";created", ";extra=1;created"),
                "keyid" => Input(message, "keyid=\"key", "keyid=\"kez"),
                "alg" => Input(message, mode == 0
                    ? "alg=\"ed25519\""
                    : "alg=\"ecdsa-p256-sha256\"", mode == 0 ? "alg=\"ecdsa-p256-sha256\"" : "alg=\"ed25519\""),
                "alg-unknown" => Input(message, "alg=\"", "alg=\"x"),
                "tag" => Input(message, "webhook-signing/v1", "webhook-signing/v2"),
                "component" => Input(message, " \"content-digest\"", ""),
                _ => Input(message, "sig1=", "sig2="),
            });
        }
    }

    [Fact]
    public void Any_other_character_anywhere_in_the_signature_headers_is_refused()
    {
        Gen<string> headers = Gen.OneOf("Signature", "Signature-Input", "Content-Digest");
        Gen.Select(headers, Gen.Int[0, 400], Gen.Int[32, 126], Gen.Int[0, 1]).Sample(
            (header, at, c, mode) =>
            {
                (WebhookAuthenticator signer, WebhookVerifier verifier) = Mode(mode);
                SignedMessage message = SignedMessage.Sign(signer, "https://buyer.example/hook?a=1", "{}"u8.ToArray(), Now);
                string text = message.Headers[header];
                at %= text.Length;
                string changed = text[..at] + (char)c + text[(at + 1)..];
                return changed == text || !Verify(message.With(header, changed), verifier).Ok;
            },
            iter: 5000);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void A_changed_mac_timestamp_or_body_is_refused(int mode) => Gen.Select(Bodies, Gen.Int[0, int.MaxValue], Gen.Int[0, 2]).Sample(
        (body, bit, part) =>
        {
            (WebhookAuthenticator signer, WebhookVerifier verifier) = Mode(mode);
            SignedMessage message = SignedMessage.Sign(signer, "https://buyer.example/", body, Now);
            (string signature, string timestamp) = mode == 2
                ? ("X-ADCP-Signature", "X-ADCP-Timestamp")
                : ("webhook-signature", "webhook-timestamp");
            switch (part)
            {
                case 0:
                    byte[] changed = [.. body];
                    Flip(changed, bit);
                    message = message with { Body = changed };
                    break;
                case 1:
                    message = message.With(timestamp, "1776520801");
                    break;
                default:
                    message = message.Edit(signature, text => text[..10] + (text[10] == 'a' ? 'b' : 'a') + text[11..]);
                    break;
            }

            return Verify(message, verifier).Error == VerificationError.SignatureInvalid;
        },
        iter: 300);

    private static SignedMessage Input(SignedMessage message, string from, string to) => message.Edit("Signature-Input", text =>
    {
        Assert.Contains(from, text, StringComparison.Ordinal);
        return text.Replace(from, to, StringComparison.Ordinal);
    });

    private static void Flip(byte[] bytes, int bit) => bytes[bit / 8 % bytes.Length] ^= (byte)(1 << (bit % 8));

    private static VerificationResult Verify(SignedMessage message, WebhookVerifier verifier) =>
        Wait(verifier.VerifyAsync(message.Request(), message.Body));

    private static VerificationResult Wait(ValueTask<VerificationResult> verifying) => verifying.AsTask().GetAwaiter().GetResult();

    /// <summary>
    /// Returns the url as an HTTP client sends it: the host in A-label form, the rest as the signer canonicalised it.
    /// </summary>
    private static string WireUrl(string url)
    {
        Assert.True(TargetUri.TryParse(url, out TargetUri? target, out string? reason), url + ": " + reason);
        return target.Value;
    }

    private bool Refused(int mode, byte[] body, VerificationError expected, Func<SignedMessage, SignedMessage> change)
    {
        (WebhookAuthenticator signer, WebhookVerifier verifier) = Mode(mode);
        SignedMessage message = SignedMessage.Sign(signer, "https://buyer.example/hook?a=1", body, Now);
        VerificationResult result = Verify(change(message), verifier);
        Assert.Equal(expected, result.Error);
        Assert.True(Verify(message, verifier).Ok, "a refused message must not spend the true one's nonce");
        return true;
    }

    private (WebhookAuthenticator Signer, WebhookVerifier Verifier) Mode(int mode) => mode switch
    {
        0 or 1 => (
            new Rfc9421Signer(_keys[mode], TimeSpan.FromSeconds(200)),
            new Rfc9421Verifier(VerificationKeySet.FromJwks(SigningKey.ExportJwks(_keys), "seller"),
                new InMemoryReplayCache(timeProvider: Time), new() { TimeProvider = Time })),
        2 => (new LegacyHmacSigner(_secret), new LegacyHmacVerifier([_secret], "seller", timeProvider: Time)),
        3 => (new StandardWebhooksSigner(_whsec), new StandardWebhooksVerifier([_whsec], "seller", timeProvider: Time)),
        _ => (new BearerToken(_secret), new BearerVerifier([_secret], "seller")),
    };
}
