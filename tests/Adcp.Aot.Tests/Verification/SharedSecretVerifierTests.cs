using System.Security.Cryptography;
using Adcp.Aot.Signing;
using Adcp.Aot.Verification;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Verification;

public sealed class SharedSecretVerifierTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1776520800);
    private static readonly FakeTimeProvider Time = new(Now);
    private static readonly string Old = Convert.ToHexStringLower(SHA256.HashData("old"u8));
    private static readonly string New = Convert.ToHexStringLower(SHA256.HashData("new"u8));
    private static readonly string OldWhsec = "whsec_" + Convert.ToBase64String(SHA256.HashData("old"u8));
    private static readonly string NewWhsec = "whsec_" + Convert.ToBase64String(SHA256.HashData("new"u8));
    private static readonly byte[] Body = "{\"a\":1}"u8.ToArray();

    [Fact]
    public async Task During_a_rotation_both_secrets_verify_and_afterwards_one()
    {
        LegacyHmacVerifier both = new([New, Old], "seller", timeProvider: Time);
        LegacyHmacVerifier one = new([New], "seller", timeProvider: Time);
        Assert.True((await Signed(new LegacyHmacSigner(Old)).VerifyAsync(both)).Ok);
        Assert.True((await Signed(new LegacyHmacSigner(New)).VerifyAsync(both)).Ok);
        Assert.Equal("webhook_signature_invalid", (await Signed(new LegacyHmacSigner(Old)).VerifyAsync(one)).ErrorCode);

        StandardWebhooksVerifier standard = new([NewWhsec], "seller", timeProvider: Time);
        Assert.True((await Signed(new StandardWebhooksSigner(OldWhsec, NewWhsec)).VerifyAsync(standard)).Ok);
        Assert.True((await Signed(new StandardWebhooksSigner(OldWhsec))
            .VerifyAsync(new StandardWebhooksVerifier([NewWhsec, OldWhsec], timeProvider: Time))).Ok);
        Assert.Equal("webhook_signature_invalid", (await Signed(new StandardWebhooksSigner(OldWhsec)).VerifyAsync(standard)).ErrorCode);

        Assert.True((await Signed(new BearerToken(Old)).VerifyAsync(new BearerVerifier([New, Old]))).Ok);
        Assert.Equal("webhook_signature_invalid", (await Signed(new BearerToken(Old)).VerifyAsync(new BearerVerifier([New]))).ErrorCode);
    }

    [Theory]
    [InlineData(-301, false)]
    [InlineData(-300, true)]
    [InlineData(300, true)]
    [InlineData(301, false)]
    public async Task Timestamps_count_for_five_minutes_in_both_directions(int seconds, bool accepted)
    {
        FakeTimeProvider then = new(Now.AddSeconds(seconds));
        string? expected = accepted ? null : "webhook_signature_window_invalid";
        Assert.Equal(expected, (await Signed(new LegacyHmacSigner(New))
            .VerifyAsync(new LegacyHmacVerifier([New], timeProvider: then))).ErrorCode);
        Assert.Equal(expected, (await Signed(new StandardWebhooksSigner(NewWhsec))
            .VerifyAsync(new StandardWebhooksVerifier([NewWhsec], timeProvider: then))).ErrorCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-1776520800")]
    [InlineData("+1776520800")]
    [InlineData("1776520800.0")]
    [InlineData(" 1776520800")]
    [InlineData("0x69e35b60")]
    [InlineData("99999999999999999999")]
    public async Task A_timestamp_that_is_no_number_of_seconds_is_malformed(string timestamp)
    {
        Assert.Equal("webhook_signature_header_malformed",
            (await Signed(new LegacyHmacSigner(New)).With("X-ADCP-Timestamp", timestamp)
                .VerifyAsync(new LegacyHmacVerifier([New], timeProvider: Time))).ErrorCode);
        Assert.Equal("webhook_signature_header_malformed",
            (await Signed(new StandardWebhooksSigner(NewWhsec)).With("webhook-timestamp", timestamp)
                .VerifyAsync(new StandardWebhooksVerifier([NewWhsec], timeProvider: Time))).ErrorCode);
    }

    [Fact]
    public async Task Hex_counts_in_lower_case_with_its_prefix_and_nothing_else()
    {
        SignedMessage message = Signed(new LegacyHmacSigner(New));
        LegacyHmacVerifier verifier = new([New], timeProvider: Time);
        Assert.Equal("webhook_signature_invalid",
            (await message.Edit("X-ADCP-Signature", s => "sha256=" + s[7..].ToUpperInvariant()).VerifyAsync(verifier)).ErrorCode);
        Assert.Equal("webhook_signature_invalid",
            (await message.Edit("X-ADCP-Signature", s => "SHA256=" + s[7..]).VerifyAsync(verifier)).ErrorCode);
        Assert.Equal("webhook_signature_header_malformed",
            (await message.Edit("X-ADCP-Signature", s => s[7..]).VerifyAsync(verifier)).ErrorCode);
        Assert.Equal("webhook_signature_header_malformed", (await message.With("X-ADCP-Timestamp", null).VerifyAsync(verifier)).ErrorCode);
    }

    [Fact]
    public async Task Signatures_of_other_versions_are_passed_over_and_endless_lists_end()
    {
        SignedMessage message = Signed(new StandardWebhooksSigner(NewWhsec));
        StandardWebhooksVerifier verifier = new([NewWhsec], timeProvider: Time);
        Assert.True((await message.Edit("webhook-signature", s => "v1a,AAAA v2 " + s).VerifyAsync(verifier)).Ok);
        Assert.False((await message.Edit("webhook-signature", s => "v1a," + s[3..]).VerifyAsync(verifier)).Ok);
        Assert.False((await message.Edit("webhook-signature", s => string.Concat(Enumerable.Repeat("v2,A ", 1000)) + s)
            .VerifyAsync(verifier)).Ok);
        Assert.False((await message.With("webhook-id", null).VerifyAsync(verifier)).Ok);
        Assert.False((await message.Edit("webhook-id", s => s + "x").VerifyAsync(verifier)).Ok);
    }

    [Fact]
    public async Task Each_mode_refuses_every_other_as_a_mismatch()
    {
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");
        WebhookAuthenticator[] signers =
            [new Rfc9421Signer(key), new LegacyHmacSigner(New), new StandardWebhooksSigner(NewWhsec), new BearerToken(New)];
        WebhookVerifier[] verifiers =
        [
            new Rfc9421Verifier(VerificationKeySet.FromJwks(SigningKey.ExportJwks([key])),
                new InMemoryReplayCache(timeProvider: Time), new() { TimeProvider = Time }),
            new LegacyHmacVerifier([New], timeProvider: Time),
            new StandardWebhooksVerifier([NewWhsec], timeProvider: Time),
            new BearerVerifier([New]),
        ];
        for (int i = 0; i < signers.Length; i++)
        {
            for (int j = 0; j < verifiers.Length; j++)
            {
                VerificationResult result = await Signed(signers[i]).VerifyAsync(verifiers[j]);
                Assert.Equal(i == j ? null : "webhook_mode_mismatch", result.ErrorCode);
            }
        }
    }

    [Theory]
    [InlineData("{\"a\":1,\"a\":2}", false)]
    [InlineData("{\"x\":\"\0\",\"a\":1,\"a\":2}", false)]
    [InlineData("{\"x\":\"\0\"}", true)]
    [InlineData("", true)]
    [InlineData("not json", true)]
    public async Task Without_a_step_14_only_duplicate_names_are_refused(string body, bool accepted)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(body);
        string? expected = accepted ? null : "webhook_body_malformed";
        SignedMessage message = SignedMessage.Sign(new LegacyHmacSigner(New), "https://buyer.example/", bytes, Now);
        Assert.Equal(expected, (await message.VerifyAsync(new LegacyHmacVerifier([New], timeProvider: Time))).ErrorCode);
    }

    [Theory]
    [InlineData("Basic dXNlcjpwYXNz", "webhook_signature_header_malformed")]
    [InlineData("Bearer", "webhook_signature_header_malformed")]
    [InlineData("Bearer x", "webhook_signature_invalid")]
    [InlineData("Bearer \u00fc", "webhook_signature_header_malformed")]
    public async Task An_authorization_that_is_not_the_token_is_refused(string authorization, string code) =>
        Assert.Equal(code, (await Signed(new BearerToken(New)).With("Authorization", authorization)
            .VerifyAsync(new BearerVerifier([New]))).ErrorCode);

    [Fact]
    public void Secrets_that_are_none_are_refused_at_construction()
    {
        Assert.Throws<ArgumentException>(() => new LegacyHmacVerifier([]));
        Assert.Throws<ArgumentException>(() => new LegacyHmacVerifier([New, "short"]));
        Assert.Throws<ArgumentException>(() => new StandardWebhooksVerifier(["whsec_"]));
        Assert.Throws<ArgumentException>(() => new BearerVerifier(["a b"]));
        Assert.Throws<ArgumentNullException>(() => new LegacyHmacVerifier(null!));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LegacyHmacVerifier([New], maxBodyBytes: 0));
    }

    private static SignedMessage Signed(WebhookAuthenticator signer) => SignedMessage.Sign(signer, "https://buyer.example/", Body, Now);
}
