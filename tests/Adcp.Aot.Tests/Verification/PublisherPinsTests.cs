using System.Text.Json.Nodes;
using Adcp.Aot.Signing;
using Adcp.Aot.Verification;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Verification;

/// <summary>The keys that a publisher pins for an agent in its <c>adagents.json</c>.</summary>
public sealed class PublisherPinsTests : IDisposable
{
    private const string Agent = "https://seller.example/mcp";

    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2026-04-18T14:00:00Z", null));
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k1");
    private readonly SigningKey _other = SigningKey.Generate(SignatureAlgorithm.EcdsaP256Sha256, "k2");
    private readonly SigningKey _swapped = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k1");

    public void Dispose()
    {
        _key.Dispose();
        _other.Dispose();
        _swapped.Dispose();
    }

    [Theory]
    [InlineData(SignatureAlgorithm.Ed25519)]
    [InlineData(SignatureAlgorithm.EcdsaP256Sha256)]
    public async Task A_key_that_is_published_and_pinned_verifies(SignatureAlgorithm algorithm)
    {
        SigningKey key = algorithm == SignatureAlgorithm.Ed25519 ? _key : _other;

        Assert.Equal((VerificationError.None, ""), await Verify(key, Pins([_key, _other])));
    }

    [Fact]
    public async Task A_published_key_that_is_not_pinned_is_unknown()
    {
        Assert.Equal((VerificationError.KeyUnknown, "7"), await Verify(_key, Pins([_other])));
    }

    [Fact]
    public async Task A_key_under_a_pinned_id_with_other_material_is_unknown()
    {
        Assert.Equal((VerificationError.KeyUnknown, "7"), await Verify(_swapped, Pins([_key])));
    }

    [Fact]
    public async Task A_pinned_key_that_the_agent_does_not_publish_is_unknown()
    {
        Rfc9421Verifier verifier = Verifier(VerificationKeySet.FromJwks(SigningKey.ExportJwks([_other]), Agent), Pins([_key]));

        Assert.Equal(VerificationError.KeyUnknown, (await Sign(_key).VerifyAsync(verifier)).Error);
    }

    [Fact]
    public async Task An_empty_pin_admits_no_key_and_a_missing_one_admits_all()
    {
        Assert.Equal((VerificationError.KeyUnknown, "7"), await Verify(_key, Pins([])));

        PublisherPins none = new($$"""{"authorized_agents":[{"url":"{{Agent}}"}]}""", Agent);
        Assert.False(none.IsPinned);
        Assert.Equal((VerificationError.None, ""), await Verify(_key, none));
    }

    [Theory]
    [InlineData(0, VerificationError.KeyRevoked, "9")]
    [InlineData(-1, VerificationError.KeyRevoked, "9")]
    [InlineData(1, VerificationError.None, "")]
    public async Task A_pinned_key_is_revoked_from_its_time_on(int secondsFromSignature, VerificationError error, string step)
    {
        PublisherPins pins = Pins([_key], pin => pin["revoked_at"] = _time.GetUtcNow().AddSeconds(secondsFromSignature).ToString("O"));

        Assert.Equal((error, step), await Verify(_key, pins));
    }

    [Fact]
    public async Task Pins_need_no_purpose_and_the_published_key_does()
    {
        PublisherPins pins = Pins([_key], static pin =>
        {
            pin.Remove("adcp_use");
            pin.Remove("key_ops");
        });
        Assert.Equal((VerificationError.None, ""), await Verify(_key, pins));

        string published = SigningKey.ExportJwks([_key]).Replace("request-signing", "governance-signing", StringComparison.Ordinal);
        VerificationResult result = await Sign(_key).VerifyAsync(Verifier(VerificationKeySet.FromJwks(published, Agent), pins));
        Assert.Equal((VerificationError.KeyPurposeInvalid, "8"), (result.Error, result.FailedStep));
    }

    [Fact]
    public async Task Pins_of_all_entries_of_the_agent_count_and_those_of_other_agents_do_not()
    {
        PublisherPins pins = new(
            $$"""
            {"authorized_agents":[
              {"url":"{{Agent}}","signing_keys":[{{_other.ExportPublicJwk()}}]},
              {"url":"HTTPS://Seller.example:443/./mcp","signing_keys":[{{_key.ExportPublicJwk()}}]},
              {"url":"https://seller.example/mcp/","signing_keys":[{{_swapped.ExportPublicJwk()}}]}]}
            """, Agent);

        Assert.Equal((VerificationError.None, ""), await Verify(_key, pins));
        Assert.Equal((VerificationError.None, ""), await Verify(_other, pins));
        Assert.Equal((VerificationError.KeyUnknown, "7"), await Verify(_swapped, pins));
    }

    [Fact]
    public async Task Two_pins_of_one_id_count_only_if_they_are_the_same_key_and_the_earlier_revocation_holds()
    {
        Assert.Equal((VerificationError.KeyUnknown, "7"), await Verify(_key, Pins([_key, _swapped])));

        bool isFirst = true;
        PublisherPins twice = Pins([_key, _key], pin =>
        {
            pin["revoked_at"] = _time.GetUtcNow().AddSeconds(isFirst ? -10 : 10).ToString("O");
            isFirst = false;
        });
        Assert.Equal((VerificationError.KeyRevoked, "9"), await Verify(_key, twice));
    }

    [Fact]
    public async Task Keys_for_other_uses_may_be_pinned_too_and_fit_no_webhook()
    {
        PublisherPins pins = new(
            $$"""{"authorized_agents":[{"url":"{{Agent}}","signing_keys":[{"kid":"k1","kty":"RSA","n":"AQAB","e":"AQAB"}]}]}""", Agent);

        Assert.Equal((VerificationError.KeyUnknown, "7"), await Verify(_key, pins));
    }

    [Fact]
    public async Task An_update_replaces_the_pins_and_a_bad_one_leaves_them()
    {
        PublisherPins pins = Pins([_other]);
        pins.Update(Document([_key], static _ => { }));
        Assert.Equal((VerificationError.None, ""), await Verify(_key, pins));

        Assert.Throws<ArgumentException>(() => pins.Update("{}"));
        Assert.Throws<ArgumentException>(() => pins.Update("""{"authorized_agents":[{"url":"https://other.example/mcp"}]}"""));
        Assert.Equal((VerificationError.None, ""), await Verify(_key, pins));
        Assert.Equal((VerificationError.KeyUnknown, "7"), await Verify(_other, pins));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("""{"authorized_agents":[]}""")]
    [InlineData("""{"authorized_agents":{}}""")]
    [InlineData("""{"authoritative_location":"https://cdn.example/adagents.json"}""")]
    [InlineData("""{"authorized_agents":[{"url":"https://seller.example/mcp","signing_keys":{}}]}""")]
    [InlineData("""{"authorized_agents":[{"url":"https://seller.example/mcp","signing_keys":[{}]}]}""")]
    [InlineData("""{"authorized_agents":[{"url":"https://seller.example/mcp","signing_keys":[5]}]}""")]
    [InlineData("""{"authorized_agents":[{"url":"https://seller.example/mcp","signing_keys":[{"kid":"k","revoked_at":"soon"}]}]}""")]
    [InlineData("""{"authorized_agents":[{"url":"https://seller.example/mcp","url":"https://seller.example/mcp"}]}""")]
    public void A_document_that_is_none_is_refused(string document)
    {
        Assert.Throws<ArgumentException>(() => new PublisherPins(document, Agent));
    }

    private static string Document(SigningKey[] keys, Action<JsonObject> change) => new JsonObject
    {
        ["authorized_agents"] = new JsonArray(new JsonObject
        {
            ["url"] = Agent,
            ["signing_keys"] = new JsonArray([.. keys.Select(key =>
            {
                JsonObject pin = JsonNode.Parse(key.ExportPublicJwk())!.AsObject();
                change(pin);
                return (JsonNode)pin;
            })]),
        }),
    }.ToJsonString();

    private static PublisherPins Pins(SigningKey[] keys, Action<JsonObject>? change = null) =>
        new(Document(keys, change ?? (static _ => { })), Agent);

    private SignedMessage Sign(SigningKey key) =>
        SignedMessage.Sign(new Rfc9421Signer(key), "https://buyer.example/hook", "{}"u8.ToArray(), _time.GetUtcNow());

    private Rfc9421Verifier Verifier(VerificationKeySet keys, PublisherPins pins) =>
        new(keys, new InMemoryReplayCache(timeProvider: _time), new() { TimeProvider = _time, Pins = pins });

    /// <summary>Verifies a webhook that is signed with a key which the agent publishes.</summary>
    private async Task<(VerificationError Error, string Step)> Verify(SigningKey key, PublisherPins pins)
    {
        VerificationResult result = await Sign(key).VerifyAsync(
            Verifier(VerificationKeySet.FromJwks(SigningKey.ExportJwks([key]), Agent), pins));
        return (result.Error, result.FailedStep);
    }
}
