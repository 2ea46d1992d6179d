using Adcp.Aot.Receiving;
using Adcp.Aot.Tests.Verification;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Tests.Receiving;

/// <summary>A webhook that was signed for another host is refused.</summary>
public sealed class OriginTests
{
    private const string Secret = "a-secret-of-the-registration-0123456789";

    [Fact]
    public async Task A_webhook_that_was_signed_for_another_host_is_refused_although_the_request_names_that_host()
    {
        using IntakeBench bench = new();

        IntakeResult relayed = await bench.ReceiveAsync(bench.Sign(origin: "https://attacker.example"));
        IntakeResult own = await bench.ReceiveAsync(bench.Sign());

        Assert.Equal((IntakeStatus.NotVerified, VerificationError.SignatureInvalid), (relayed.Status, relayed.Verification.Error));
        Assert.Equal(IntakeStatus.Processed, own.Status);
        Assert.Contains(bench.Log, line => line.Text.Contains("Senders must call https://buyer.example", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("https://buyer.example", "http://10.0.0.7:8080", true)]
    [InlineData("https://buyer.example", "https://buyer.example:443", true)]
    [InlineData("https://buyer.example", "https://BUYER.example", true)]
    [InlineData("https://other.example", "https://other.example", true)]
    [InlineData("https://other.example", "http://other.example:443", true)]
    [InlineData("https://other.example", "http://10.0.0.7:8080", false)]
    [InlineData("https://third.example", "https://third.example", false)]
    [InlineData("http://buyer.example", "http://buyer.example", false)]
    public async Task The_host_chooses_among_the_origins_that_senders_were_given_and_adds_none(string signedFor, string arrivedAt,
        bool verified)
    {
        using IntakeBench bench = new(options => options with { PublicOrigins = ["https://buyer.example", "https://other.example"] });
        SignedMessage message = bench.Sign(origin: signedFor) with { Url = arrivedAt + "/hook" };

        IntakeResult result = await bench.ReceiveAsync(message);

        Assert.Equal(verified ? IntakeStatus.Processed : IntakeStatus.NotVerified, result.Status);
    }

    [Fact]
    public async Task A_host_header_is_trusted_only_if_that_is_asked_for()
    {
        using IntakeBench bench = new(options => options with { PublicOrigins = [], TrustHostHeader = true });

        IntakeResult result = await bench.ReceiveAsync(bench.Sign(origin: "https://attacker.example"));

        Assert.Equal(IntakeStatus.Processed, result.Status);
        Assert.Contains(bench.Log, line => line.Text.Contains("trusts the Host header", StringComparison.Ordinal));
    }

    [Fact]
    public void Without_an_origin_no_intake_starts()
    {
        ArgumentException missing = Assert.Throws<ArgumentException>(() => new IntakeBench(options => options with { PublicOrigins = [] }));
        Assert.Contains("PublicOrigins is needed", missing.Message, StringComparison.Ordinal);
        Assert.Contains("TrustHostHeader", missing.Message, StringComparison.Ordinal);

        Assert.Throws<ArgumentException>(() => new IntakeBench(options => options with
        {
            PublicOrigins = [],
            Verifier = new LegacyHmacVerifier([Secret], "seller"),
            ChallengeVerifier = (Rfc9421Verifier)options.Verifier,
            AcceptsChallenge = (_, _) => new(true),
        }));
        Assert.Throws<ArgumentException>(() => new IntakeBench(options => options with { TrustHostHeader = true }));
    }

    [Fact]
    public void A_shared_secret_binds_no_url_and_needs_no_origin_but_a_sender()
    {
        using IntakeBench _ = new(options => options with { PublicOrigins = [], Verifier = new BearerVerifier([Secret], "seller") });

        ArgumentException unnamed = Assert.Throws<ArgumentException>(
            () => new IntakeBench(options => options with { Verifier = new BearerVerifier([Secret]) }));

        Assert.Contains("names no sender", unnamed.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Keys_that_name_no_sender_are_refused_because_senders_would_share_nonces_and_idempotency_keys(bool forChallenges)
    {
        Rfc9421Verifier unnamed = new(VerificationKeySet.FromJwks("""{"keys":[]}"""), new InMemoryReplayCache());

        ArgumentException refused = Assert.Throws<ArgumentException>(() => new IntakeBench(options => forChallenges
            ? options with
            {
                Verifier = new BearerVerifier([Secret], "seller"),
                ChallengeVerifier = unnamed,
                AcceptsChallenge = (_, _) => new(true),
            }
            : options with { Verifier = unnamed }));

        Assert.Contains("name no sender", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("buyer.example")]
    [InlineData("https://buyer.example/")]
    [InlineData("https://buyer.example/path")]
    [InlineData("https://buyer.example?")]
    [InlineData("https://user@buyer.example")]
    [InlineData("ftp://buyer.example")]
    [InlineData("")]
    public void An_origin_is_a_scheme_and_an_authority(string text)
    {
        ArgumentException refused = Assert.Throws<ArgumentException>(
            () => new IntakeBench(options => options with { PublicOrigins = [text] }));

        Assert.Equal("PublicOrigins", refused.ParamName);
    }

    [Fact]
    public void Options_show_no_token()
    {
        using IntakeBench bench = new(options => options with { Token = "SECRET-token-0123456789" });

        Assert.DoesNotContain("SECRET", bench.Options.ToString(), StringComparison.Ordinal);
        Assert.Contains("with a token", bench.Options.ToString(), StringComparison.Ordinal);
    }
}
