using System.Buffers;
using System.Text;
using Adcp.Aot.Payloads;
using Adcp.Aot.Payloads.Notifications;

namespace Adcp.Aot.Tests.Payloads.Notifications.Challenges;

public sealed class WebhookChallengeEnvelopeTests
{
    private const string Value = "example-challenge-token-000000000000";

    private const string Sound = $$"""
        {"type":"webhook.challenge","challenge":"{{Value}}","account_id":"acct_1","subscriber_id":"buyer-primary",
        "seller_agent_url":"https://seller.example/adcp",
        "delivery_auth":{"mode":"rfc9421"},"event_types":["creative.status_changed"]}
        """;

    [Fact]
    public void What_a_sender_writes_is_read_and_its_answer_is_proof()
    {
        AccountWebhookChallenge sent = new()
        {
            AccountId = "acct_1",
            SubscriberId = "buyer-primary",
            SellerAgentUrl = "https://seller.example/adcp",
            DeliveryAuthentication = DeliveryAuthentication.HmacSha256(Value),
            EventTypes = ["product.updated", "account.status_changed"],
        };
        ArrayBufferWriter<byte> body = new();
        sent.Write(body, new EnvelopeContext { Version = AdcpVersion.V32 });
        Assert.True(WebhookChallengeEnvelope.TryRead(body.WrittenSpan, out WebhookChallengeEnvelope? read, out string? code));
        Assert.Null(code);
        Assert.Equal(
            (sent.AccountId, sent.SubscriberId, sent.SellerAgentUrl, sent.DeliveryAuthentication),
            (read.AccountId, read.SubscriberId, read.SellerAgentUrl, read.DeliveryAuthentication));
        Assert.Equal(sent.EventTypes, read.EventTypes);
        Assert.Equal(ChallengeAnswer.Proven, sent.Check(200, read.ToAnswer()));
        Assert.Equal("buyer-primary", read.ToString());
    }

    [Fact]
    [Needs(Resource.AdcpData)]
    public void An_answer_satisfies_its_schema()
    {
        Assert.True(WebhookChallengeEnvelope.TryRead(Encoding.UTF8.GetBytes(Sound), out WebhookChallengeEnvelope? read, out _));
        AdcpSchemas.Validates(AdcpSchemas.IdOf(AdcpVersion.V32, "webhook-challenge-response.json"),
            Encoding.UTF8.GetString(read.ToAnswer()));
    }

    [Fact]
    public void Types_and_members_of_later_generations_pass()
    {
        string later = Sound.Replace("creative.status_changed", "creative.invented", StringComparison.Ordinal)
            .Replace("{\"type\"", "{\"later\":{\"type\":1},\"type\"", StringComparison.Ordinal);
        Assert.True(WebhookChallengeEnvelope.TryRead(Encoding.UTF8.GetBytes(later), out WebhookChallengeEnvelope? read, out _));
        Assert.Equal(["creative.invented"], read.EventTypes);
    }

    [Theory]
    [InlineData(Value, "short")]
    [InlineData(Value, "with-a-quote-\\\"-0000000000000000000")]
    [InlineData("\"" + Value + "\"", "7")]
    [InlineData("\"account_id\":\"acct_1\",", "")]
    [InlineData("acct_1", "")]
    [InlineData("\"account_id\"", "\"scope\":\"agent\",\"account_id\"")]
    [InlineData("\"account_id\":\"acct_1\"", "\"scope\":\"tenant\"")]
    [InlineData("buyer-primary", "buyer primary")]
    [InlineData("https://seller.example/adcp", "seller.example")]
    [InlineData("\"seller_agent_url\"", "\"agent_url\"")]
    [InlineData("\"rfc9421\"", "\"hmac\"")]
    [InlineData("\"rfc9421\"", "\"Bearer\"")]
    [InlineData("\"rfc9421\"", "\"Bearer\",\"credential_fingerprint\":\"00\"")]
    [InlineData("\"rfc9421\"", "\"HMAC-SHA256\","
        + "\"credential_fingerprint\":\"ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789\"")]
    [InlineData(
        "\"rfc9421\"", "\"rfc9421\",\"credential_fingerprint\":\"abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789\"")]
    [InlineData("{\"mode\":\"rfc9421\"}", "\"rfc9421\"")]
    [InlineData("[\"creative.status_changed\"]", "[]")]
    [InlineData("[\"creative.status_changed\"]", "[null]")]
    [InlineData("[\"creative.status_changed\"]", "[\"a\",\"a\"]")]
    [InlineData("[\"creative.status_changed\"]", "{}")]
    [InlineData("\"subscriber_id\"", "\"subscriber_id\":\"one\",\"subscriber_id\"")]
    [InlineData("]}", "]")]
    public void What_breaks_a_rule_is_no_challenge(string part, string broken)
    {
        string body = Sound.Replace(part, broken, StringComparison.Ordinal);
        Assert.NotEqual(Sound, body);
        Assert.False(WebhookChallengeEnvelope.TryRead(Encoding.UTF8.GetBytes(body), out WebhookChallengeEnvelope? read, out string? code));
        Assert.Null(read);
        Assert.Equal("invalid_challenge", code);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{\"type\":7}")]
    [InlineData("{\"type\":\"capabilities.changed\"}")]
    [InlineData("{\"nested\":{\"type\":\"webhook.challenge\"}}")]
    [InlineData("{\"type\"")]
    public void What_is_something_else_is_said_to_be(string body)
    {
        Assert.False(WebhookChallengeEnvelope.TryRead(Encoding.UTF8.GetBytes(body), out _, out string? code));
        Assert.Equal("not_a_challenge", code);
    }
}
