using System.Net;
using System.Text;
using Adcp.Aot.Network;
using Adcp.Aot.Tests.Doubles;
using Adcp.Aot.Verification;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Verification;

/// <summary>
/// The rules for <c>brand.json</c>: redirects, documents that point to another one, size, key origin. The names of the redirect rules are
/// those of AdCP's vectors, <c>brand-discovery-redirects.json</c>.
/// </summary>
public sealed class BrandJsonTests : IAsyncLifetime
{
    private const string WellKnown = "/.well-known/brand.json";

    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeSeconds(1776520800));
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k1");

    /// <summary>Documents by host and path.</summary>
    private readonly Dictionary<string, string> _documents = [];

    /// <summary>Redirects by host and path.</summary>
    private readonly Dictionary<string, (int Status, string Location)> _redirects = [];
    private RecordingReceiver _server = null!;

    private int Port => new Uri(_server.BaseUrl).Port;

    public async ValueTask InitializeAsync()
    {
        _server = await RecordingReceiver.StartAsync();
        _server.Answer = http =>
        {
            string at = http.Request.Host.Host + http.Request.Path;
            if (_redirects.TryGetValue(at, out (int Status, string Location) redirect))
            {
                http.Response.StatusCode = redirect.Status;
                http.Response.Headers.Location = redirect.Location;
                return Task.CompletedTask;
            }

            if (_documents.TryGetValue(at, out string? document))
            {
                return http.Response.WriteAsync(document);
            }

            http.Response.StatusCode = 404;
            return Task.CompletedTask;
        };
        _documents["keys.example/jwks.json"] = SigningKey.ExportJwks([_key]);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _key.Dispose();
    }

    [Theory]
    [InlineData("well-known-apex-to-www", "example.com", 301, "www.example.com")]
    [InlineData("well-known-www-to-apex", "www.example.com", 301, "example.com")]
    [InlineData("well-known-apex-to-www", "example.com", 302, "WWW.Example.com")]
    [InlineData("well-known-apex-to-www", "example.com", 303, "www.example.com")]
    [InlineData("well-known-apex-to-www", "example.com", 307, "www.example.com")]
    [InlineData("well-known-apex-to-www", "example.com", 308, "www.example.com")]
    public async Task A_domain_may_redirect_to_its_www_name_and_back(string rule, string domain, int status, string other)
    {
        _redirects[domain + WellKnown] = (status, Url(other + WellKnown));
        _documents[other.ToLowerInvariant() + WellKnown] = Brand();

        Assert.True(await IsFound(OfDomain(domain)), rule);
    }

    [Theory]
    [InlineData("sibling-subdomain", "example.com", "brand-assets.example.com")]
    [InlineData("cross-domain", "example.com", "attacker.example")]
    [InlineData("public-suffix-counterpart", "www.com", "com")]
    [InlineData("deeper-www", "example.com", "www.www.example.com")]
    [InlineData("www-of-a-sibling", "example.com", "www.brand.example.com")]
    [InlineData("longer-name", "example.com", "www.example.com.attacker.example")]
    public async Task A_domain_may_not_redirect_to_any_other_host(string rule, string domain, string other)
    {
        _redirects[domain + WellKnown] = (302, Url(other + WellKnown));
        _documents[other + WellKnown] = Brand();

        Assert.False(await IsFound(OfDomain(domain)), rule);
        Assert.Single(_server.Requests);
    }

    [Fact]
    public async Task Same_then_sibling_is_refused_at_the_second_redirect()
    {
        _redirects["example.com" + WellKnown] = (301, Url("www.example.com" + WellKnown));
        _redirects["www.example.com" + WellKnown] = (302, Url("assets.www.example.com" + WellKnown));
        _documents["assets.www.example.com" + WellKnown] = Brand();

        Assert.False(await IsFound(OfDomain("example.com")));
        Assert.Equal(2, _server.Requests.Count);
    }

    [Fact]
    public async Task Three_redirects_are_followed_and_a_fourth_is_not()
    {
        _redirects["example.com/.well-known/brand.json"] = (301, Url("www.example.com/a"));
        _redirects["www.example.com/a"] = (301, "/b");
        _redirects["www.example.com/b"] = (301, Url("example.com/c"));
        _documents["example.com/c"] = Brand();
        Assert.True(await IsFound(OfDomain("example.com")));

        _redirects["example.com/c"] = (301, Url("example.com/d"));
        _documents["example.com/d"] = Brand();
        Assert.False(await IsFound(OfDomain("example.com")));
    }

    [Theory]
    [InlineData("https://example.com/.well-known/brand.json", "https://www.example.com/b", true)]
    [InlineData("https://example.com/.well-known/brand.json", "https://www.example.com:443/b", true)]
    [InlineData("https://example.com/.well-known/brand.json", "//www.example.com/b", true)]
    [InlineData("https://example.com/.well-known/brand.json", "b.json", true)]
    [InlineData("https://example.com/.well-known/brand.json", "http://www.example.com/b", false)]
    [InlineData("https://example.com/.well-known/brand.json", "https://www.example.com:8443/b", false)]
    [InlineData("https://example.com:8443/.well-known/brand.json", "https://www.example.com/b", false)]
    [InlineData("https://example.com/.well-known/brand.json", "https://u:p@www.example.com/b", false)]
    [InlineData("https://example.com/.well-known/brand.json", "https://example.com@attacker.example/b", false)]
    [InlineData("https://example.com/.well-known/brand.json", "ftp://www.example.com/b", false)]
    [InlineData("https://example.com/.well-known/brand.json", "https://[", false)]
    [InlineData("https://example.com/.well-known/brand.json", null, false)]
    [InlineData("https://192.0.2.1/.well-known/brand.json", "https://www.192.0.2.1/b", false)]
    [InlineData("https://192.0.2.1/.well-known/brand.json", "https://192.0.2.1/b", true)]
    public void Scheme_and_port_of_a_redirect_are_those_of_the_first_request(string from, string? location, bool isFollowed)
    {
        TargetUri url = Parsed(from);

        Assert.Equal(isFollowed, WwwRedirect.Next(url, url, location) is not null);
    }

    [Fact]
    public async Task A_redirect_to_a_www_name_with_a_private_address_is_refused()
    {
        _redirects["example.com" + WellKnown] = (301, Url("www.example.com" + WellKnown));
        _documents["www.example.com" + WellKnown] = Brand();
        using RemoteKeySource source = OfDomain("example.com", Open() with
        {
            Resolver = static (host, _) => Task.FromResult(
                new[] { host.StartsWith("www.", StringComparison.Ordinal) ? IPAddress.Parse("169.254.169.254") : IPAddress.Loopback }),
        });

        Assert.True((await Find(source)).IsUnavailable);
        Assert.Single(_server.Requests);
    }

    [Fact]
    public async Task An_explicit_url_may_not_redirect_even_to_its_www_name()
    {
        _redirects["example.com" + WellKnown] = (301, Url("www.example.com" + WellKnown));
        _documents["www.example.com" + WellKnown] = Brand();

        Assert.False(await IsFound(RemoteKeySource.FromBrandJson(Url("example.com" + WellKnown), Agent, Open())));
        Assert.Single(_server.Requests);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_document_may_point_to_its_authoritative_location(bool isDomain)
    {
        _documents["example.com" + WellKnown] = $$"""{"authoritative_location":"{{Url("cdn.example/brand.json")}}","note":"moved"}""";
        _documents["cdn.example/brand.json"] = Brand();

        Assert.True(await IsFound(
            isDomain ? OfDomain("example.com") : RemoteKeySource.FromBrandJson(Url("example.com" + WellKnown), Agent, Open())));
    }

    [Fact]
    public async Task An_authoritative_location_may_not_redirect()
    {
        _documents["example.com" + WellKnown] = $$"""{"authoritative_location":"{{Url("cdn.example/brand.json")}}"}""";
        _redirects["cdn.example/brand.json"] = (301, Url("www.cdn.example/brand.json"));
        _documents["www.cdn.example/brand.json"] = Brand();

        Assert.False(await IsFound(OfDomain("example.com")));
        Assert.Equal(2, _server.Requests.Count);
    }

    [Fact]
    public async Task A_document_that_was_pointed_to_may_not_point_further()
    {
        RecordingLogger log = new();
        _documents["example.com" + WellKnown] = $$"""{"authoritative_location":"{{Url("cdn.example/brand.json")}}"}""";
        _documents["cdn.example/brand.json"] = $$"""{"authoritative_location":"{{Url("third.example/brand.json")}}"}""";
        _documents["third.example/brand.json"] = Brand();

        Assert.False(await IsFound(OfDomain("example.com", Open() with { Logger = log })));
        Assert.Equal(2, _server.Requests.Count);
        Assert.Contains(log.Lines, static line => line.Contains("points to another one", StringComparison.Ordinal));
    }

    [Fact]
    public void A_document_points_to_a_house_by_its_domain()
    {
        BrandJson brand = Read("""{"house":"NikeInc.example","region":"CN"}""");

        Assert.Equal(("https://nikeinc.example/.well-known/brand.json", true), (brand.Location?.Value, brand.IsDerived));
    }

    [Theory]
    [InlineData("""{"house":"house.example/path"}""")]
    [InlineData("""{"house":"house.example:8443"}""")]
    [InlineData("""{"house":"u@house.example"}""")]
    [InlineData("""{"house":"house.example?"}""")]
    [InlineData("""{"house":""}""")]
    [InlineData("""{"house":"house.example","agents":[]}""")]
    [InlineData("""{"house":"house.example","brands":[]}""")]
    [InlineData("""{"house":"house.example","authoritative_location":"https://cdn.example/b"}""")]
    [InlineData("""{"authoritative_location":"https://cdn.example/b","agents":[{"url":"https://a.example/mcp"}]}""")]
    [InlineData("""{"authoritative_location":"https://cdn.example/b","brand_refs":[]}""")]
    [InlineData("""{"authoritative_location":"cdn.example/b"}""")]
    [InlineData("""{"authoritative_location":7}""")]
    [InlineData("""{"authoritative_location":null,"house":"house.example"}""")]
    public void A_document_that_points_elsewhere_and_breaks_a_rule_says_nothing(string document)
    {
        Assert.Equal(default, Read(document));
    }

    [Fact]
    public async Task The_size_limit_is_an_option()
    {
        _documents["example.com" + WellKnown] = Brand(pad: 300 << 10);

        Assert.False(await IsFound(OfDomain("example.com")));
        Assert.True(await IsFound(OfDomain("example.com", Open() with { MaxBrandJsonBytes = 512 << 10 })));
        Assert.Throws<ArgumentOutOfRangeException>(static () => new RemoteKeySourceOptions { MaxBrandJsonBytes = (64 << 10) - 1 });
        Assert.Throws<ArgumentOutOfRangeException>(static () => new RemoteKeySourceOptions { MaxBrandJsonBytes = (8 << 20) + 1 });
    }

    [Theory]
    [InlineData("https://keys.example")]
    [InlineData("https://KEYS.example/")]
    [InlineData("https://keys.example:8443")]
    public async Task Keys_at_the_declared_origin_are_read(string origin)
    {
        _documents["example.com" + WellKnown] = Brand();

        Assert.True(await IsFound(OfDomain("example.com", Open() with { KeyOrigin = origin })));
    }

    [Theory]
    [InlineData("https://example.com")]
    [InlineData("https://other.keys.example")]
    [InlineData("https://keys.example.attacker.example")]
    public async Task Keys_at_another_origin_are_unknown_and_not_read(string origin)
    {
        RecordingLogger log = new();
        _documents["example.com" + WellKnown] = Brand();
        using RemoteKeySource source = OfDomain("example.com", Open() with { KeyOrigin = origin, Logger = log });

        KeyLookup lookup = await Find(source);

        Assert.Equal((null, false), (lookup.Key, lookup.IsUnavailable));
        Assert.Single(_server.Requests);
        Assert.StartsWith("The keys of https://agent.example/mcp are not used", Assert.Single(log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_that_move_away_from_the_declared_origin_are_used_no_more()
    {
        _documents["example.com" + WellKnown] = Brand();
        using RemoteKeySource source = OfDomain("example.com", Open() with { KeyOrigin = "https://keys.example" });
        Assert.NotNull((await Find(source)).Key);
        _documents["attacker.example/jwks.json"] = _documents["keys.example/jwks.json"];
        _documents["example.com" + WellKnown] = Brand("attacker.example");
        _time.Advance(TimeSpan.FromMinutes(5));

        KeyLookup lookup = await Find(source);

        Assert.Equal((null, false), (lookup.Key, lookup.IsUnavailable));
    }

    [Theory]
    [InlineData("keys.example")]
    [InlineData("https://keys.example/path")]
    [InlineData("https://u@keys.example")]
    [InlineData("")]
    public void A_key_origin_that_is_none_is_refused(string origin)
    {
        Assert.Throws<ArgumentException>(() => new RemoteKeySourceOptions { KeyOrigin = origin });
    }

    [Fact]
    public void A_known_jwks_uri_and_the_key_origin_must_agree_at_once()
    {
        RemoteKeySourceOptions options = new() { KeyOrigin = "https://keys.example" };

        RemoteKeySource.FromJwksUri("https://keys.example/jwks.json", "seller", options).Dispose();
        Assert.Throws<ArgumentException>(() => RemoteKeySource.FromJwksUri("https://other.example/jwks.json", "seller", options));
    }

    [Theory]
    [InlineData("seller.example/path")]
    [InlineData("http://seller.example")]
    [InlineData("seller.example?x")]
    [InlineData("u@seller.example")]
    [InlineData("")]
    public void A_domain_that_is_none_is_refused(string domain)
    {
        Assert.ThrowsAny<ArgumentException>(() => RemoteKeySource.FromDomain(domain, "https://seller.example/mcp"));
    }

    private const string Agent = "https://agent.example/mcp";

    private static BrandJson Read(string document) => BrandJson.Read(Encoding.UTF8.GetBytes(document), Parsed(Agent));

    private static TargetUri Parsed(string text) =>
        TargetUri.TryParse(text, out TargetUri? url, out string? why) ? url : throw new ArgumentException(why, nameof(text));

    private static async Task<KeyLookup> Find(RemoteKeySource source) =>
        await source.FindAsync("k1".AsMemory(), TestContext.Current.CancellationToken);

    private static async Task<bool> IsFound(RemoteKeySource source)
    {
        using (source)
        {
            return (await Find(source)).Key is not null;
        }
    }

    private string Url(string hostAndPath) =>
        "http://" + hostAndPath.Insert(hostAndPath.IndexOf('/', StringComparison.Ordinal), $":{Port}");

    private string Brand(string keyHost = "keys.example", int pad = 0) =>
        $$"""{"agents":[{"url":"{{Agent}}","jwks_uri":"{{Url(keyHost + "/jwks.json")}}"}],"note":"{{new string('x', pad)}}"}""";

    private RemoteKeySourceOptions Open() => new()
    {
        AllowHttp = true,
        AllowPrivateNetworks = true,
        TimeProvider = _time,
        Resolver = static (_, _) => Task.FromResult(new[] { IPAddress.Loopback }),
    };

    private RemoteKeySource OfDomain(string domain, RemoteKeySourceOptions? options = null) =>
        RemoteKeySource.FromDomain($"http://{domain}:{Port}", Agent, options ?? Open());
}
