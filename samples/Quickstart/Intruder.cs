using System.Text;
using Adcp.Aot;
using Adcp.Aot.Network;
using Adcp.Aot.Signing;

namespace Quickstart;

/// <summary>
/// An attacker that knows the buyer's url and the seller's key id, and has an old message of the seller, but not its
/// key.
/// </summary>
internal static class Intruder
{
    /// <summary>
    /// Sends a webhook that is signed with another key, and one that the seller signed an hour ago. The buyer must refuse both.
    /// </summary>
    public static async Task IntrudeAsync(SigningKey seller, string buyerUrl, CancellationToken cancellationToken)
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        using SigningKey own = SigningKey.Generate(SignatureAlgorithm.Ed25519, seller.KeyId);
        using HttpClient http = new();
        await PostAsync(http, new Rfc9421Signer(own), now, buyerUrl, cancellationToken);
        await PostAsync(http, new Rfc9421Signer(seller), now.AddHours(-1), buyerUrl, cancellationToken);
    }

    private static async Task PostAsync(
        HttpClient http, Rfc9421Signer signer, DateTimeOffset signed, string buyerUrl, CancellationToken cancellationToken)
    {
        byte[] body = Encoding.UTF8.GetBytes(
            """{"idempotency_key":"intruder-0123456789","operation_id":"op_buyer0","task_id":"task_0","status":"completed"}""");
        if (!TargetUri.TryParse(buyerUrl + "/webhooks/buyer0", out TargetUri? target, out string? reason))
        {
            throw new InvalidOperationException(reason);
        }

        string digest = Rfc9421Signer.ContentDigest(body);
        signer.Sign(target, digest, signed, out string signatureInput, out string signature);
        using HttpRequestMessage request = new(HttpMethod.Post, target.Value) { Content = new ByteArrayContent(body) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        request.Content.Headers.TryAddWithoutValidation("Content-Digest", digest);
        request.Headers.TryAddWithoutValidation("Signature-Input", signatureInput);
        request.Headers.TryAddWithoutValidation("Signature", signature);
        using HttpResponseMessage response = await http.SendAsync(request, cancellationToken);
    }
}
