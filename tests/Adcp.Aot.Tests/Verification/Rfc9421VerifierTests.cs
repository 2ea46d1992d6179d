using System.Text;
using System.Text.Json.Nodes;
using Adcp.Aot.Network;
using Adcp.Aot.Signing;
using Adcp.Aot.Verification;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Verification;

public sealed class Rfc9421VerifierTests : IDisposable
{
    private const long Now = 1776520800;
    private const string Url = "https://buyer.example/hook";

    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeSeconds(Now));
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k1");

    public void Dispose() => _key.Dispose();

    [Theory]
    [InlineData(0, true)]
    [InlineData(-60, true)]
    [InlineData(-61, false)]
    [InlineData(360, true)]
    [InlineData(361, false)]
    public async Task A_window_holds_with_a_skew_of_a_minute_at_both_ends(int secondsLater, bool accepted)
    {
        SignedMessage message = Sign();
        FakeTimeProvider then = new(DateTimeOffset.FromUnixTimeSeconds(Now + secondsLater));
        Rfc9421Verifier verifier = new(Keys(), new InMemoryReplayCache(timeProvider: then), new() { TimeProvider = then });
        VerificationResult result = await message.VerifyAsync(verifier);
        Assert.Equal(accepted ? VerificationError.None : VerificationError.WindowInvalid, result.Error);
    }

    [Theory]
    [InlineData("sig1", VerificationError.HeaderMalformed)]
    [InlineData("sig1=(", VerificationError.HeaderMalformed)]
    [InlineData("sig1=\"x\"", VerificationError.HeaderMalformed)]
    [InlineData("sig1=()", VerificationError.ParamsIncomplete)]
    [InlineData("sig1=(),", VerificationError.HeaderMalformed)]
    [InlineData("sig1=(), sig1=()", VerificationError.HeaderMalformed)]
    [InlineData("sig1=(), other=5", VerificationError.HeaderMalformed)]
    [InlineData("sig1=(), other=(5 \"x\";a=1.5);b=?1;c=:AA==:;d=@5;e=%\"%c3%bc\"", VerificationError.ParamsIncomplete)]
    [InlineData("Sig1=()", VerificationError.HeaderMalformed)]
    [InlineData("sig1=(\"@method\"\"@authority\")", VerificationError.HeaderMalformed)]
    [InlineData("sig1=(\"@method\" \"@method\")", VerificationError.HeaderMalformed)]
    [InlineData("sig1=(@method)", VerificationError.HeaderMalformed)]
    [InlineData("sig1=(method)", VerificationError.HeaderMalformed)]
    [InlineData("sig1=();created=\"1776520800\"", VerificationError.HeaderMalformed)]
    [InlineData("sig1=();created=1776520800.5", VerificationError.HeaderMalformed)]
    [InlineData("sig1=();created=17765208001234567", VerificationError.HeaderMalformed)]
    [InlineData("sig1=();nonce=KXYnfEfJ0PBRZXQyVXfVQA", VerificationError.HeaderMalformed)]
    [InlineData("sig1=();nonce=\"KXYnfEfJ0PBRZXQyVXfVQ\"", VerificationError.HeaderMalformed)]
    [InlineData("sig1=();nonce=\"KXYnfEfJ0PBRZXQyVXfVQA==\"", VerificationError.HeaderMalformed)]
    [InlineData("sig1=();nonce=\"KXYnfEfJ0PBRZXQyVXf+QA\"", VerificationError.HeaderMalformed)]
    [InlineData("sig1=();tag", VerificationError.HeaderMalformed)]
    [InlineData("sig1=();tag=\"a\";tag=\"b\"", VerificationError.HeaderMalformed)]
    [InlineData("sig1=();tag=\"a\\b\"", VerificationError.HeaderMalformed)]
    [InlineData("sig1=();tag=\"schl\u00fcssel\"", VerificationError.HeaderMalformed)]
    [InlineData("  sig1=() ", VerificationError.ParamsIncomplete)]
    [InlineData("sig1=();created=-1;expires=0;nonce=\"KXYnfEfJ0PBRZXQyVXfVQA\";keyid=\"\";alg=\"\";tag=\"\"", VerificationError.TagInvalid)]
    public async Task Signature_Input_is_read_strictly(string input, VerificationError expected) =>
        Assert.Equal(expected, (await Sign().With("Signature-Input", input).VerifyAsync(Verifier())).Error);

    [Theory]
    [InlineData("sig1=:AAAA=:")]
    [InlineData("sig1=:AA+A:")]
    [InlineData("sig1=::")]
    [InlineData("sig1=:AAAA")]
    [InlineData("sig1=AAAA")]
    [InlineData("sig1=\"AAAA\"")]
    [InlineData("sig1")]
    [InlineData("other=:AAAA:")]
    [InlineData("sig1=:AAAA:, sig1=:AAAA:")]
    [InlineData("sig1=:AAAA:, x")]
    public async Task Signature_is_read_strictly(string signature) =>
        Assert.Equal(VerificationError.HeaderMalformed, (await Sign().With("Signature", signature).VerifyAsync(Verifier())).Error);

    [Theory]
    [InlineData("sha-256=:AAAA:")]
    [InlineData("sha-512=:AAAA:")]
    [InlineData("sha-256")]
    [InlineData("sha-256=\"x\"")]
    [InlineData("sha-256=:dJ2koiIMZIhdGE7tidErCHV13FFvOIowCcXDiwyG54I=:, sha-256=:dJ2koiIMZIhdGE7tidErCHV13FFvOIowCcXDiwyG54I=:")]
    [InlineData("sha-256=:d+2koiIMZIhdGE7tidErCHV13FFvOIow_cXDiwyG54I=:")]
    public async Task A_digest_that_is_none_is_malformed(string digest)
    {
        VerificationResult result = await Sign().With("Content-Digest", digest).VerifyAsync(Verifier());
        Assert.Equal((VerificationError.HeaderMalformed, "1"), (result.Error, result.FailedStep));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_digest_counts_in_either_alphabet_padded_or_not(bool padded)
    {
        byte[] body = "{\"a\":1}"u8.ToArray();
        string standard = Convert.ToBase64String(System.Security.Cryptography.SHA256.HashData(body));
        string digest = $"sha-512=:AAAA:, sha-256=:{(padded ? standard : standard.TrimEnd('='))}:";
        SignedMessage message = SignWithDigest(body, digest);
        Assert.True((await message.VerifyAsync(Verifier())).Ok);
    }

    [Fact]
    public async Task Other_labels_do_not_matter_wherever_they_stand()
    {
        SignedMessage message = Sign().Edit("Signature-Input", text => "a=(\"x\");nonce=\"short\", " + text + ", z=()")
            .Edit("Signature", text => "a=:AA==:, " + text);
        Assert.True((await message.VerifyAsync(Verifier())).Ok);
    }

    [Fact]
    public async Task A_signature_may_cover_more_headers_and_then_covers_them()
    {
        SignedMessage message = SignCovering("\"x-request-id\"", "x-request-id", "42");
        Assert.True((await message.VerifyAsync(Verifier())).Ok);
        Assert.Equal(VerificationError.SignatureInvalid, (await message.With("x-request-id", "43").VerifyAsync(Verifier())).Error);
        Assert.Equal(VerificationError.SignatureInvalid, (await message.With("x-request-id", null).VerifyAsync(Verifier())).Error);
        Assert.Equal(VerificationError.SignatureInvalid, (await SignCovering("\"@query\"", "x", "y").VerifyAsync(Verifier())).Error);
        Assert.Equal(VerificationError.SignatureInvalid, (await SignCovering("\"x\";sf", "x", "y").VerifyAsync(Verifier())).Error);
    }

    [Theory]
    [InlineData("Signature")]
    [InlineData("Signature-Input")]
    public async Task One_header_without_the_other_is_malformed(string missing) =>
        Assert.Equal(VerificationError.HeaderMalformed, (await Sign().With(missing, null).VerifyAsync(Verifier())).Error);

    [Theory]
    [InlineData("X-ADCP-Signature", VerificationError.ModeMismatch)]
    [InlineData("webhook-signature", VerificationError.ModeMismatch)]
    [InlineData("Authorization", VerificationError.ModeMismatch)]
    [InlineData("X-Other", VerificationError.HeaderMalformed)]
    public async Task A_message_in_another_mode_is_a_mismatch_and_an_unsigned_one_is_malformed(string header, VerificationError expected)
    {
        VerificationResult result = await Sign().With("Signature", null).With("Signature-Input", null).With(header, "x")
            .VerifyAsync(Verifier());
        Assert.Equal((expected, 401), (result.Error, result.StatusCode));
    }

    [Theory]
    [InlineData(null, VerificationError.UnsupportedContentType, 415)]
    [InlineData("text/plain", VerificationError.UnsupportedContentType, 415)]
    [InlineData("application/json, application/json", VerificationError.HeaderMalformed, 401)]
    public async Task Content_type_is_checked_before_the_signature(string? type, VerificationError expected, int status)
    {
        VerificationResult result = await Sign().With("Content-Type", type).With("Signature", "garbage").VerifyAsync(Verifier());
        Assert.Equal((expected, status), (result.Error, result.StatusCode));
    }

    [Fact]
    public async Task Size_is_checked_before_the_signature()
    {
        Rfc9421Verifier verifier = new(Keys(), new InMemoryReplayCache(timeProvider: _time),
            new() { TimeProvider = _time, MaxBodyBytes = 3 });
        SignedMessage message = Sign("{\"a\":1}"u8.ToArray());
        VerificationResult result = await message.VerifyAsync(verifier);
        Assert.Equal((VerificationError.BodyTooLarge, 413, null), (result.Error, result.StatusCode, result.ErrorCode));
        Assert.True((await message.VerifyAsync(Verifier())).Ok);
    }

    [Fact]
    public async Task The_nonce_of_a_malformed_body_is_spent()
    {
        Rfc9421Verifier verifier = Verifier();
        SignedMessage message = Sign("{\"status\":\"approved\",\"status\":\"rejected\"}"u8.ToArray());
        VerificationResult result = await message.VerifyAsync(verifier);
        Assert.Equal(("webhook_body_malformed", "14"), (result.ErrorCode, result.FailedStep));
        Assert.Contains("status", result.Detail, StringComparison.Ordinal);
        Assert.Equal("webhook_signature_replayed", (await message.VerifyAsync(verifier)).ErrorCode);
    }

    [Theory]
    [InlineData("{\"a\":{\"b\":[{\"x\\u0031\":1,\"x1\":2}]}}")]
    [InlineData("{\"\\u0000\":1,\"\\u0000\":2}")]
    [InlineData("[")]
    [InlineData("{\"a\":\"\\ud800\"}")]
    public async Task A_body_that_two_parsers_may_read_differently_is_malformed(string body)
    {
        VerificationResult result = await Sign(Encoding.UTF8.GetBytes(body)).VerifyAsync(Verifier());
        Assert.Equal("webhook_body_malformed", result.ErrorCode);
    }

    [Fact]
    public async Task A_key_at_its_cap_is_refused_before_any_cryptography()
    {
        InMemoryReplayCache replays = new(maxPerKey: 1, timeProvider: _time);
        Rfc9421Verifier verifier = new(Keys(), replays, new() { TimeProvider = _time });
        Assert.True((await Sign().VerifyAsync(verifier)).Ok);
        VerificationResult result = await Sign().Edit("Signature", _ => $"sig1=:{new string('A', 86)}:").VerifyAsync(verifier);
        Assert.Equal(("webhook_signature_rate_abuse", "9a"), (result.ErrorCode, result.FailedStep));
        _time.Advance(TimeSpan.FromSeconds(400));
        Assert.True((await Sign().VerifyAsync(verifier)).Ok);
    }

    [Theory]
    [InlineData("https://buyer.example/hook", "buyer.example", VerificationError.None)]
    [InlineData("https://buyer.example/hook", "BUYER.example:443", VerificationError.None)]
    [InlineData("https://buyer.example/hook", "other.example", VerificationError.TargetUriMalformed)]
    [InlineData("https://buyer.example/hook", "buyer.example:8443", VerificationError.TargetUriMalformed)]
    [InlineData("https://buyer.example/hook", "x@buyer.example", VerificationError.TargetUriMalformed)]
    [InlineData("https://BUYER.example:443/./hook#x", null, VerificationError.None)]
    [InlineData("https://user@buyer.example/hook", null, VerificationError.TargetUriMalformed)]
    [InlineData("https://buyer.example../hook", null, VerificationError.TargetUriMalformed)]
    [InlineData("https:///hook", null, VerificationError.TargetUriMalformed)]
    [InlineData("https://b\u00fcyer.example/hook", null, VerificationError.HeaderMalformed)]
    [InlineData("https://buyer.example/h\u00f6k", null, VerificationError.TargetUriMalformed)]
    public async Task The_url_that_was_called_counts_in_canonical_form(string url, string? host, VerificationError expected) =>
        Assert.Equal(expected, (await (Sign() with { Url = url }).VerifyAsync(Verifier(), host)).Error);

    [Theory]
    [InlineData("use", "\"enc\"")]
    [InlineData("use", null)]
    [InlineData("key_ops", "[\"sign\"]")]
    [InlineData("key_ops", "\"verify\"")]
    [InlineData("key_ops", null)]
    [InlineData("adcp_use", "\"response-signing\"")]
    [InlineData("adcp_use", "[\"request-signing\"]")]
    [InlineData("adcp_use", null)]
    [InlineData("alg", "\"ES256\"")]
    [InlineData("crv", "\"P-256\"")]
    [InlineData("kty", "\"RSA\"")]
    [InlineData("x", "\"AAAA\"")]
    [InlineData("x", null)]
    public async Task A_key_published_for_another_purpose_or_damaged_is_known_and_refused(string member, string? value)
    {
        JsonObject jwk = (JsonObject)JsonNode.Parse(_key.ExportPublicJwk())!;
        jwk.Remove(member);
        if (value is not null)
        {
            jwk[member] = JsonNode.Parse(value);
        }

        VerificationKeySet keys = VerificationKeySet.FromJwks(new JsonObject { ["keys"] = new JsonArray(jwk) }.ToJsonString());
        VerificationResult result = await Sign().VerifyAsync(Verifier(keys));
        Assert.Equal(("webhook_signature_key_purpose_invalid", "8"), (result.ErrorCode, result.FailedStep));
    }

    [Fact]
    public async Task Two_keys_of_one_id_are_no_key()
    {
        using SigningKey other = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k1");
        VerificationKeySet keys = VerificationKeySet.FromJwks(
            $"{{\"keys\":[{_key.ExportPublicJwk()},{other.ExportPublicJwk()},5,{{\"kid\":7}}]}}");
        Assert.Equal(VerificationError.KeyPurposeInvalid, (await Sign().VerifyAsync(Verifier(keys))).Error);
        Assert.Equal(1, keys.Count);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"keys\":{}}")]
    [InlineData("{\"keys\":[],\"keys\":[]}")]
    public void A_jwks_that_is_none_is_refused(string json) => Assert.Throws<ArgumentException>(() => VerificationKeySet.FromJwks(json));

    [Fact]
    public async Task Revocation_comes_before_cryptography_and_a_stale_list_stops_everything()
    {
        DateTimeOffset now = _time.GetUtcNow();
        Revocations revocations = new(new RevocationList(["k1"], now, now.AddMinutes(5)));
        Rfc9421Verifier verifier = new(Keys(), new InMemoryReplayCache(timeProvider: _time),
            new() { TimeProvider = _time, Revocations = revocations });
        Assert.Equal("webhook_signature_key_revoked",
            (await Sign().Edit("Signature", _ => $"sig1=:{new string('A', 86)}:").VerifyAsync(verifier)).ErrorCode);
        Assert.False(revocations.TryUpdate(new RevocationList([], now.AddSeconds(-1), now.AddMinutes(5))));
        Assert.True(revocations.TryUpdate(new RevocationList([], now.AddSeconds(1), now.AddSeconds(301))));
        Assert.True((await Sign().VerifyAsync(verifier)).Ok);
        _time.Advance(TimeSpan.FromSeconds(1 + (5 * 300)));
        Assert.Equal("webhook_signature_revocation_stale", (await Sign().VerifyAsync(verifier)).ErrorCode);
    }

    [Fact]
    public void A_revocation_list_is_read_as_published()
    {
        RevocationList list = RevocationList.Parse(
            """{"revoked_kids":["a"],"updated":"2026-04-18T10:00:00Z","next_update":"2026-04-18T12:00:00Z"}""");
        Assert.True(list.Revokes("a"));
        Assert.False(list.Revokes("b"));
        Assert.Equal((TimeSpan.FromMinutes(30), new DateTimeOffset(2026, 4, 18, 14, 0, 0, TimeSpan.Zero)),
            (list.PollingInterval, list.StaleFrom));
        foreach (string bad in new[] { "", "[]", "{}",
            """{"revoked_kids":["\ud800"],"updated":"2026-04-18T10:00:00Z","next_update":"2026-04-18T12:00:00Z"}""",
            """{"revoked_kids":["a"],"updated":"\ud800","next_update":"2026-04-18T12:00:00Z"}""",
            """{"revoked_kids":[],"\udc00":1,"updated":"2026-04-18T10:00:00Z"}""",
            """{"revoked_kids":[1],"updated":"2026-04-18T10:00:00Z","next_update":"2026-04-18T12:00:00Z"}""",
            """{"revoked_kids":[],"updated":"2026-04-18T10:00:00Z","next_update":"2026-04-18T10:00:00Z"}""" })
        {
            Assert.Throws<ArgumentException>(() => RevocationList.Parse(bad));
        }
    }

    [Fact]
    public async Task Bad_arguments_are_named_at_once()
    {
        Assert.Throws<ArgumentNullException>(() => new Rfc9421Verifier(null!, new InMemoryReplayCache()));
        Assert.Throws<ArgumentNullException>(() => new Rfc9421Verifier(Keys(), null!));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Rfc9421VerifierOptions { MaxBodyBytes = 0 });
        Assert.Throws<ArgumentNullException>(() => new InboundRequest(null!, "", []));
        await Assert.ThrowsAsync<ArgumentException>(() => Verifier().VerifyAsync(Sign().Request(), default, new byte[31]).AsTask());
    }

    [Fact]
    public async Task Nothing_secret_or_of_the_body_shows_in_a_result()
    {
        VerificationResult result = await Sign("{\"token\":\"very-secret\",\"a\\u0007b\":1,\"a\\u0007b\":2}"u8.ToArray())
            .VerifyAsync(Verifier());
        Assert.Contains("<sanitized:1>", result.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", result.ToString() + result.Detail + result.Challenge, StringComparison.Ordinal);
    }

    [Fact]
    public void With_keys_at_hand_verifying_completes_at_once_and_allocates_nothing()
    {
        Rfc9421Verifier verifier = new(Keys(), new OpenCache(), new() { TimeProvider = _time });
        SignedMessage message = Sign("{\"a\":[{\"b\":1}]}"u8.ToArray());
        InboundRequest request = message.Request();
        Verify(100);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Verify(100);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Verify(int times)
        {
            for (int i = 0; i < times; i++)
            {
                ValueTask<VerificationResult> verifying = verifier.VerifyAsync(request, message.Body);
                if (!verifying.IsCompletedSuccessfully || !verifying.Result.Ok)
                {
                    throw new InvalidOperationException("not verified at once");
                }
            }
        }
    }

    private SignedMessage Sign(byte[]? body = null) =>
        SignedMessage.Sign(new Rfc9421Signer(_key), Url, body ?? "{}"u8.ToArray(), _time.GetUtcNow());

    private SignedMessage SignWithDigest(byte[] body, string digest)
    {
        Assert.True(TargetUri.TryParse(Url, out TargetUri? target, out _));
        new Rfc9421Signer(_key).Sign(target, digest, _time.GetUtcNow(), out string input, out string signature);
        return Sign(body).With("Content-Digest", digest).With("Signature-Input", input).With("Signature", signature);
    }

    /// <summary>Signs one component more than our signer does, over a base written out by hand.</summary>
    private SignedMessage SignCovering(string component, string header, string value)
    {
        SignedMessage message = Sign().With(header, value)
            .Edit("Signature-Input", text =>
                text.Replace("\"content-digest\")", "\"content-digest\" " + component + ")", StringComparison.Ordinal));
        string text = $"\"@method\": POST\n\"@target-uri\": {Url}\n\"@authority\": buyer.example\n\"content-type\": "
            + $"application/json\n\"content-digest\": {message.Headers["Content-Digest"]}\n"
            + $"{component}: {value}\n\"@signature-params\": {message.Headers["Signature-Input"]["sig1=".Length..]}";
        byte[] raw = new byte[64];
        _key.Sign(Encoding.ASCII.GetBytes(text), raw);
        return message.With("Signature", $"sig1=:{System.Buffers.Text.Base64Url.EncodeToString(raw)}:");
    }

    private VerificationKeySet Keys() => VerificationKeySet.FromJwks(SigningKey.ExportJwks([_key]), "seller");

    private Rfc9421Verifier Verifier(VerificationKeySet? keys = null) =>
        new(keys ?? Keys(), new InMemoryReplayCache(timeProvider: _time), new() { TimeProvider = _time });

    private sealed class OpenCache : IReplayCache, INonBlocking
    {
        public ValueTask<bool> HasRoomAsync(string sender, string keyId, CancellationToken cancellationToken) => new(true);

        public ValueTask<ReplayAdmission> TryAddAsync(string sender, string keyId, ReadOnlyMemory<char> nonce, DateTimeOffset expiresAt,
            CancellationToken cancellationToken) =>
            new(ReplayAdmission.Added);
    }
}
