using System.Text;
using System.Text.RegularExpressions;
using Adcp.Aot.Json;
using Adcp.Aot.Network;
using Adcp.Aot.Payloads;
using Adcp.Aot.Payloads.Notifications;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Tests.Verification;

/// <summary>Documents of other parties, with a lone surrogate in the place of each of their texts.</summary>
public sealed class ForeignDocumentTests
{
    private const string Keys =
        """
        {"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","alg":"EdDSA","use":"sig","key_ops":["verify"],
        "adcp_use":"request-signing","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},{"kty":"EC",
        "crv":"P-256","kid":"k2","alg":"ES256","adcp_use":"webhook-signing","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}
        """;

    private const string Brand =
        """
        {"$schema":"s","house":{"name":"n"},"agents":[{"type":"sales","url":"https://seller.example/mcp",
        "id":"i","jwks_uri":"https://seller.example/.well-known/jwks.json"}]}
        """;

    private const string Webhook =
        """
        {"idempotency_key":"whk_0123456789abcdef","notification_id":"n","task_id":"t","task_type":"create_media_buy",
        "status":"completed","timestamp":"2026-11-24T12:00:00Z","operation_id":"op_1","token":"0123456789abcdef",
        "message":"m","result":{"k":"v"},"context":{"c":"v"}}
        """;

    [Fact]
    public void Key_set_is_read_without_the_key_or_not_at_all()
    {
        Assert.NotNull(VerificationKeySet.Parse(Encoding.UTF8.GetBytes(Keys), null, static _ => true));
        foreach (string broken in Broken(Keys))
        {
            VerificationKeySet? set = VerificationKeySet.Parse(Encoding.UTF8.GetBytes(broken), null, static _ => true);
            Assert.Null(set?.Find("\ud800"));
        }
    }

    [Fact]
    public void Brand_document_names_no_key_set_or_the_right_one()
    {
        Assert.True(TargetUri.TryParse("https://seller.example/mcp", out TargetUri? agent, out _));
        const string Right = "https://seller.example/.well-known/jwks.json";
        Assert.Equal(Right, BrandJson.Read(Encoding.UTF8.GetBytes(Brand), agent).JwksUri?.Value);
        foreach (string broken in Broken(Brand))
        {
            Assert.Contains(BrandJson.Read(Encoding.UTF8.GetBytes(broken), agent).JwksUri?.Value, (string?[])[null, Right]);
        }
    }

    [Fact]
    public void Envelope_is_malformed()
    {
        Assert.True(WebhookEnvelope.TryRead(Encoding.UTF8.GetBytes(Webhook), AdcpVersion.V32, out _, out _));
        foreach (string broken in Broken(Webhook))
        {
            byte[] body = Encoding.UTF8.GetBytes(broken);
            bool read = WebhookEnvelope.TryRead(body, AdcpVersion.V32, out WebhookEnvelope? envelope, out _)
                && CanonicalJsonFingerprint(body);
            Assert.False(read, broken);
            WebhookEnvelope.TryReadKey(body, out _, out _, out _);
            WebhookChallengeEnvelope.TryRead(body, out _, out _);
            Assert.True(envelope is null || envelope.TaskId.Length > 0);
        }
    }

    private static bool CanonicalJsonFingerprint(byte[] body) =>
        CanonicalJson.TryFingerprint(body, new byte[CanonicalJson.FingerprintLength], out _);

    private static IEnumerable<string> Broken(string document) =>
        from Match text in Regex.Matches(document, "\"[^\"]*\"")
        from surrogate in (string[])["\"\\ud800\"", "\"\\uDC00x\"", "\"x\\udbff\\ud800\""]
        select document[..text.Index] + surrogate + document[(text.Index + text.Length)..];
}
