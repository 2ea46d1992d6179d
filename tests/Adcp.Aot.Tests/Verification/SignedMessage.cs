using Adcp.Aot.Network;
using Adcp.Aot.Signing;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Tests.Verification;

/// <summary>A webhook signed by our own signer, whose parts a test can change before it is verified.</summary>
internal sealed record SignedMessage(string Method, string Url, byte[] Body, IReadOnlyDictionary<string, string> Headers)
{
    public static SignedMessage Sign(WebhookAuthenticator authenticator, string url, byte[] body, DateTimeOffset now,
        string key = "whk_0123456789abcdef")
    {
        Assert.True(TargetUri.TryParse(url, out TargetUri? target, out string? reason), reason);
        string? digest = authenticator.SendsContentDigest ? Rfc9421Signer.ContentDigest(body) : null;
        AttemptHeaders written = AttemptHeaders.Rent();
        Assert.True(authenticator.AuthenticateAsync(new UnsignedAttempt(target, body, digest.AsMemory(), key, now), written,
            CancellationToken.None).AsTask().IsCompletedSuccessfully);
        Dictionary<string, string> headers = new(StringComparer.OrdinalIgnoreCase) { ["Content-Type"] = "application/json" };
        if (digest is not null)
        {
            headers["Content-Digest"] = digest;
        }

        for (int i = 0; i < written.Count; i++)
        {
            headers[written.Name(i)] = written.Text(i);
        }

        AttemptHeaders.Return(written);
        return new SignedMessage("POST", url, body, headers);
    }

    public SignedMessage With(string header, string? value)
    {
        Dictionary<string, string> changed = new(Headers, StringComparer.OrdinalIgnoreCase);
        if (value is null)
        {
            changed.Remove(header);
        }
        else
        {
            changed[header] = value;
        }

        return this with { Headers = changed };
    }

    public SignedMessage Edit(string header, Func<string, string> edit) => With(header, edit(Headers[header]));

    public InboundRequest Request(string? host = null) => new(
        Method, Url, name => Headers.TryGetValue(name, out string? value) ? value : null, host);

    public async Task<VerificationResult> VerifyAsync(WebhookVerifier verifier, string? host = null) =>
        await verifier.VerifyAsync(Request(host), Body);
}
