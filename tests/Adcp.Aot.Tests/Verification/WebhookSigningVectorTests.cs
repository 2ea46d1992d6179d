using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Adcp.Aot.Network;
using Adcp.Aot.Verification;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Verification;

[Needs(Resource.AdcpData)]
public sealed class WebhookSigningVectorTests
{
    private const string Sender = "https://seller.example/agent";
    private const int Cap = 8;

    [Fact]
    public async Task Every_official_positive_vector_verifies()
    {
        int verified = 0;
        foreach (string file in SharedFiles.List("vectors/webhook-signing/positive"))
        {
            using JsonDocument vector = SharedFiles.Read(file);
            VerificationResult result = await RunAsync(vector.RootElement);
            Assert.True(result.Ok, $"{file}: {result} {result.Detail}");
            Assert.Equal((vector.RootElement.GetProperty("jwks_ref")[0].GetString(), "https://seller.example/agent"),
                (result.KeyId, result.Sender));
            verified++;
        }

        Assert.True(verified >= 4);
    }

    [Fact]
    public async Task Every_official_negative_vector_is_refused_with_its_code_at_its_step()
    {
        int refused = 0;
        foreach (string file in SharedFiles.List("vectors/webhook-signing/negative"))
        {
            using JsonDocument vector = SharedFiles.Read(file);
            JsonElement expected = vector.RootElement.GetProperty("expected_outcome");
            VerificationResult result = await RunAsync(vector.RootElement);
            string step = expected.GetProperty("failed_step").GetInt32().ToString(System.Globalization.CultureInfo.InvariantCulture)
                + (expected.TryGetProperty("sub_step", out JsonElement sub) ? sub.GetString() : "");
            Assert.True(expected.GetProperty("error_code").GetString() == result.ErrorCode, $"{file}: {result} {result.Detail}");
            Assert.True(step == result.FailedStep, $"{file}: {result} {result.Detail}");
            Assert.Equal((401, $"Signature error=\"{result.ErrorCode}\""), (result.StatusCode, result.Challenge));
            refused++;
        }

        Assert.True(refused >= 11);
    }

    [Fact]
    public void The_signature_base_is_the_one_of_every_official_vector_that_has_one()
    {
        int compared = 0;
        foreach (string file in SharedFiles.List("vectors/webhook-signing/positive"))
        {
            using JsonDocument vector = SharedFiles.Read(file);
            InboundRequest request = Request(vector.RootElement.GetProperty("request"));
            string input = request.Header("signature-input")!;
            string signature = request.Header("signature")!;
            Assert.Null(ParsedSignature.Read(input, signature, out ParsedSignature parsed));
            Assert.True(TargetUri.TryParse(request.Url, out TargetUri? target, out _));
            SignatureBase text = new(new byte[16]);
            Assert.True(text.TryWrite(request, target, input.AsSpan(parsed.Parameters)));
            Assert.Equal(vector.RootElement.GetProperty("expected_signature_base").GetString(), Encoding.ASCII.GetString(text.Written));
            text.Dispose();
            compared++;
        }

        Assert.True(compared >= 4);
    }

    [Fact]
    public async Task A_vector_delivered_twice_is_a_replay_the_second_time()
    {
        using JsonDocument vector = SharedFiles.Read("vectors/webhook-signing/positive/001-basic-post.json");
        Rfc9421Verifier verifier = Verifier(vector.RootElement, withState: false);
        InboundRequest request = Request(vector.RootElement.GetProperty("request"));
        byte[] body = Body(vector.RootElement.GetProperty("request"));
        Assert.True((await verifier.VerifyAsync(request, body)).Ok);
        Assert.Equal("webhook_signature_replayed", (await verifier.VerifyAsync(request, body)).ErrorCode);
    }

    private static ValueTask<VerificationResult> RunAsync(JsonElement vector)
    {
        JsonElement request = vector.GetProperty("request");
        return Verifier(vector, withState: true).VerifyAsync(Request(request), Body(request));
    }

    private static InboundRequest Request(JsonElement request) => new(
        request.GetProperty("method").GetString()!,
        request.GetProperty("url").GetString()!,
        [.. request.GetProperty("headers").EnumerateObject().Select(h => KeyValuePair.Create(h.Name, h.Value.GetString()!))]);

    private static byte[] Body(JsonElement request) => Encoding.UTF8.GetBytes(request.GetProperty("body").GetString()!);

    private static Rfc9421Verifier Verifier(JsonElement vector, bool withState)
    {
        FakeTimeProvider time = new(DateTimeOffset.FromUnixTimeSeconds(vector.GetProperty("reference_now").GetInt64()));
        DateTimeOffset now = time.GetUtcNow();
        InMemoryReplayCache replays = new(Cap, timeProvider: time);
        Revocations? revocations = null;
        if (withState && vector.TryGetProperty("test_harness_state", out JsonElement state))
        {
            foreach (JsonProperty member in state.EnumerateObject())
            {
                switch (member.Name)
                {
                    case "replay_cache_entries":
                        foreach (JsonElement entry in member.Value.EnumerateArray())
                        {
                            Add(replays, entry.GetProperty("keyid").GetString()!, entry.GetProperty("nonce").GetString()!, now);
                        }

                        break;
                    case "revoked_kids":
                        revocations = new Revocations(
                            new RevocationList(member.Value.EnumerateArray().Select(k => k.GetString()!), now, now.AddMinutes(15)));
                        break;
                    case "per_keyid_cap_filled_for":
                        for (int i = 0; i < Cap; i++)
                        {
                            Add(replays, member.Value.GetString()!, $"filling{i:D15}", now);
                        }

                        break;
                    case "revocation_list_stale_seconds":
                        DateTimeOffset updated = now.AddSeconds(-member.Value.GetInt32());
                        revocations = new Revocations(new RevocationList([], updated, updated.AddMinutes(15)));
                        break;
                    default:
                        Assert.Fail("unknown harness state " + member.Name);
                        break;
                }
            }
        }

        return new Rfc9421Verifier(Keys(vector), replays, new Rfc9421VerifierOptions { TimeProvider = time, Revocations = revocations });
    }

    private static VerificationKeySet Keys(JsonElement vector)
    {
        using JsonDocument all = SharedFiles.Read("vectors/webhook-signing/keys.json");
        HashSet<string> wanted = [.. vector.GetProperty("jwks_ref").EnumerateArray().Select(k => k.GetString()!)];
        bool overrides = vector.TryGetProperty("jwks_override", out JsonElement changed);
        JsonArray keys = [];
        foreach (JsonElement key in all.RootElement.GetProperty("keys").EnumerateArray())
        {
            string id = key.GetProperty("kid").GetString()!;
            if (wanted.Contains(id))
            {
                keys.Add(JsonNode.Parse(overrides && changed.TryGetProperty(id, out JsonElement other)
                    ? other.GetRawText()
                    : key.GetRawText()));
            }
        }

        return VerificationKeySet.FromJwks(new JsonObject { ["keys"] = keys }.ToJsonString(), Sender);
    }

    private static void Add(InMemoryReplayCache replays, string keyId, string nonce, DateTimeOffset now) =>
        Assert.Equal(ReplayAdmission.Added,
            replays.TryAddAsync(Sender, keyId, nonce.AsMemory(), now.AddSeconds(300),
            CancellationToken.None).AsTask().GetAwaiter().GetResult());
}
