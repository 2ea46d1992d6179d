using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Adcp.Aot.Json;
using Adcp.Aot.Network;
using Adcp.Aot.Payloads;
using Adcp.Aot.Signing;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Tests.Interop;

[Needs(Resource.NpmPeers)]
public sealed class PeerTests
{
    private const int Rounds = 25;

    private static readonly string[] Urls =
    [
        "https://buyer.example/adcp/webhooks", "https://buyer.example/", "https://buyer.example:8443/a//b/?x=1&y=%20+&x=2",
        "https://[2001:db8::1]:9000/p?", "http://buyer.example/%7Ea%2Fb",
    ];

    [Fact]
    public async Task Standardwebhooks_verifies_ours_and_we_verify_its_own()
    {
        using Peers peers = Peers.Start();
        for (int round = 0; round < Rounds; round++)
        {
            string secret = "whsec_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(24 + round));
            string id = IdempotencyKeys.Create();
            long timestamp = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
            string body = $"{{\"task_id\":\"é{round}\",\"text\":\"\U0001F600 \\u0000 ü\"}}";

            string ours = new StandardWebhooksSigner(secret).Sign(id, timestamp, Encoding.UTF8.GetBytes(body));
            JsonObject Question(string signature, string text) => new()
            {
                ["secret"] = secret,
                ["body"] = text,
                ["headers"] = new JsonObject
                {
                    ["webhook-id"] = id,
                    ["webhook-timestamp"] = timestamp.ToString(CultureInfo.InvariantCulture),
                    ["webhook-signature"] = signature
                },
            };
            Assert.True((bool)peers.Ask("standard-verify", Question(ours, body))!);
            Assert.NotNull(peers.Try("standard-verify", Question(ours, body + " ")).Fault);

            string theirs = (string)peers.Ask("standard-sign",
                new JsonObject { ["secret"] = secret, ["id"] = id, ["timestamp"] = timestamp, ["body"] = body })!;
            Assert.Equal(theirs, ours);
            StandardWebhooksVerifier verifier = new([secret], "seller");
            InboundRequest request = new("POST", "https://buyer.example/", new Dictionary<string, string>
            {
                ["content-type"] = "application/json",
                ["webhook-id"] = id,
                ["webhook-timestamp"] = timestamp.ToString(CultureInfo.InvariantCulture),
                ["webhook-signature"] = theirs,
            });
            VerificationResult result = await verifier.VerifyAsync(request, Encoding.UTF8.GetBytes(body));
            Assert.True(result.Ok, result.Detail);
        }
    }

    [Theory]
    [InlineData(SignatureAlgorithm.Ed25519)]
    [InlineData(SignatureAlgorithm.EcdsaP256Sha256)]
    public void Http_message_signatures_builds_our_signature_base_and_verifies_our_signature(SignatureAlgorithm algorithm)
    {
        using Peers peers = Peers.Start();
        using SigningKey key = SigningKey.Generate(algorithm, "seller-1");
        Rfc9421Signer signer = new(key);
        foreach (string url in Urls)
        {
            Assert.True(TargetUri.TryParse(url, out TargetUri? target, out _));
            byte[] body = RandomNumberGenerator.GetBytes(100);
            string digest = Rfc9421Signer.ContentDigest(body);
            signer.Sign(target, digest, TimeProvider.System.GetUtcNow(), out string input, out string signature);
            JsonNode answer = peers.Ask("rfc9421-verify", new JsonObject
            {
                ["jwk"] = JsonNode.Parse(key.ExportPublicJwk()),
                ["request"] = Request(target, digest, ("Signature-Input", input), ("Signature", signature)),
            })!;
            byte[] expected = new byte[4096];
            int length = Rfc9421Signer.WriteBase(target, digest, Encoding.ASCII.GetBytes(input["sig1=".Length..]), expected);
            Assert.Equal(Encoding.ASCII.GetString(expected, 0, length), (string?)answer["base"]);
            Assert.True((bool?)answer["verified"]);
        }
    }

    [Theory]
    [InlineData(SignatureAlgorithm.Ed25519, "ed25519")]
    [InlineData(SignatureAlgorithm.EcdsaP256Sha256, "ecdsa-p256-sha256")]
    public async Task We_verify_what_http_message_signatures_signs(SignatureAlgorithm algorithm, string alg)
    {
        using Peers peers = Peers.Start();
        using SigningKey key = SigningKey.Generate(algorithm, "seller-1");
        Rfc9421Verifier verifier = new(VerificationKeySet.FromJwks(SigningKey.ExportJwks([key]), "https://seller.example"),
            new InMemoryReplayCache());
        foreach (string url in Urls)
        {
            Assert.True(TargetUri.TryParse(url, out TargetUri? target, out _));
            byte[] body = "{\"a\":1}"u8.ToArray();
            string digest = Rfc9421Signer.ContentDigest(body);
            JsonNode signed = peers.Ask("rfc9421-sign", new JsonObject
            {
                ["jwk"] = JsonNode.Parse(key.ExportPrivateJwk()),
                ["request"] = Request(target, digest),
                ["keyid"] = "seller-1",
                ["alg"] = alg,
                ["tag"] = "adcp/webhook-signing/v1",
                ["nonce"] = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16)),
                ["created"] = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds(),
            })!;
            InboundRequest request = new("POST", url, new Dictionary<string, string>
            {
                ["Content-Type"] = "application/json",
                ["Content-Digest"] = digest,
                ["Signature-Input"] = (string)signed["input"]!,
                ["Signature"] = (string)signed["signature"]!,
            });
            VerificationResult result = await verifier.VerifyAsync(request, body);
            Assert.True(result.Ok, $"{result} {result.Detail} {signed["input"]}");
        }
    }

    [Fact]
    public void V8_writes_numbers_as_we_do()
    {
        using Peers peers = Peers.Start();
        Random random = new(9421);
        long[] bits = [.. Enumerable.Range(0, 20_000)
            .Select(i => i % 2 == 0 ? random.NextInt64(long.MinValue, long.MaxValue)
                : BitConverter.DoubleToInt64Bits(Math.Round(random.NextDouble() * 1e7, i % 7)))
            .Where(b => double.IsFinite(BitConverter.Int64BitsToDouble(b)))];
        JsonArray theirs = peers.Ask("numbers", new JsonObject
        { ["bits"] = new JsonArray([.. bits.Select(b => (JsonNode)b.ToString("x16", CultureInfo.InvariantCulture))]) })!.AsArray();
        byte[] buffer = new byte[EcmaScriptNumber.MaxLength];
        for (int i = 0; i < bits.Length; i++)
        {
            Assert.Equal((string?)theirs[i],
                Encoding.ASCII.GetString(buffer, 0, EcmaScriptNumber.Format(BitConverter.Int64BitsToDouble(bits[i]), buffer)));
        }
    }

    private static JsonObject Request(TargetUri target, string digest, params (string Name, string Value)[] more)
    {
        JsonObject headers = new() { ["Content-Type"] = "application/json", ["Content-Digest"] = digest };
        foreach ((string name, string value) in more)
        {
            headers[name] = value;
        }

        return new JsonObject { ["method"] = "POST", ["url"] = target.Value, ["headers"] = headers };
    }
}
