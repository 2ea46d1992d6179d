using System.Text;
using Adcp.Aot.Network;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;
using Adcp.Aot.Verification;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Verification;

public sealed class RemoteKeySourceTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeSeconds(1776520800));
    private readonly SigningKey _first = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k1");
    private readonly SigningKey _second = SigningKey.Generate(SignatureAlgorithm.EcdsaP256Sha256, "k2");
    private readonly Dictionary<string, string> _documents = [];
    private RecordingReceiver _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RecordingReceiver.StartAsync();
        _server.Answer = http =>
        {
            if (!_documents.TryGetValue(http.Request.Path, out string? document))
            {
                http.Response.StatusCode = 404;
                return Task.CompletedTask;
            }

            return http.Response.WriteAsync(document);
        };
        _documents["/jwks.json"] = SigningKey.ExportJwks([_first]);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _first.Dispose();
        _second.Dispose();
    }

    [Fact]
    public async Task Keys_are_read_once_and_then_at_hand()
    {
        using RemoteKeySource source = Source();
        KeyLookup[] lookups = await Task.WhenAll(Enumerable.Range(0, 8)
            .Select(_ => source.FindAsync("k1".AsMemory(), CancellationToken.None).AsTask()));
        Assert.All(lookups, lookup => Assert.Equal(("k1", "seller"), (lookup.Key?.KeyId, lookup.Key?.Sender)));
        Assert.True(source.FindAsync("k1".AsMemory(), CancellationToken.None).AsTask().IsCompletedSuccessfully);
        Assert.Single(_server.Requests);
    }

    [Fact]
    public async Task A_rotation_is_seen_at_the_first_miss_and_misses_read_no_more_often_than_every_half_minute()
    {
        using RemoteKeySource source = Source();
        Assert.NotNull((await Find(source, "k1")).Key);
        _documents["/jwks.json"] = SigningKey.ExportJwks([_first, _second]);
        Assert.Equal((null, true), await Outcome(source, "k2"));
        Assert.Single(_server.Requests);

        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(("k2", false), await Outcome(source, "k2"));
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal((null, true), await Outcome(source, "unknown" + i));
        }

        Assert.Equal(2, _server.Requests.Count);

        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal((null, false), await Outcome(source, "unknown"));
        Assert.Equal(3, _server.Requests.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_stranger_who_uses_up_the_reading_cannot_make_a_rotated_key_unknown(bool isBrand)
    {
        _documents["/.well-known/brand.json"] =
            $$"""{"agents":[{"url":"{{_server.BaseUrl}}/agent","jwks_uri":"{{_server.BaseUrl}}/jwks.json"}]}""";
        using RemoteKeySource source = isBrand
            ? RemoteKeySource.FromBrandJson(_server.BaseUrl + "/.well-known/brand.json", _server.BaseUrl + "/agent", Open())
            : Source();
        Assert.NotNull((await Find(source, "k1")).Key);
        for (int rotation = 0; rotation < 5; rotation++)
        {
            _time.Advance(TimeSpan.FromSeconds(30));
            Assert.Equal((null, false), await Outcome(source, "stranger"));

            // Published a moment after the reading that the forged request caused. The forged request named this very
            // id before, too.
            using SigningKey rotated = SigningKey.Generate(SignatureAlgorithm.Ed25519, "rotated" + rotation);
            _documents["/jwks.json"] = SigningKey.ExportJwks([_first, rotated]);
            Assert.Equal((null, true), await Outcome(source, rotated.KeyId));
            Assert.Equal((null, true), await Outcome(source, "rotated" + (rotation + 1)));
            _time.Advance(TimeSpan.FromSeconds(20));
            KeyLookup lookup = await Find(source, rotated.KeyId);
            Assert.Equal((true, TimeSpan.FromSeconds(10)), (lookup.IsUnavailable, lookup.RetryAfter));

            _time.Advance(TimeSpan.FromSeconds(10));
            Assert.Equal((rotated.KeyId, false), await Outcome(source, rotated.KeyId));
        }
    }

    [Fact]
    public async Task A_key_is_not_unknown_by_a_reading_that_was_under_way_when_it_was_asked_for()
    {
        using RemoteKeySource source = Source();
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Func<HttpContext, Task> answer = _server.Answer;
        _server.Answer = async http =>
        {
            asked.SetResult();
            await release.Task;
            await answer(http);
        };

        Task<KeyLookup> first = Find(source, "absent");
        await asked.Task;
        Task<KeyLookup> second = Find(source, "also-absent");
        release.SetResult();

        Assert.False((await first).IsUnavailable);
        Assert.True((await second).IsUnavailable);
    }

    [Fact]
    public async Task A_reading_that_fails_calls_no_key_unknown()
    {
        using RemoteKeySource source = Source();
        Assert.NotNull((await Find(source, "k1")).Key);
        _documents.Clear();
        _time.Advance(TimeSpan.FromSeconds(30));

        Assert.Equal((null, true), await Outcome(source, "k2"));
        Assert.Equal(("k1", false), await Outcome(source, "k1"));
    }

    [Fact]
    public async Task A_key_that_was_published_for_another_purpose_is_read_again_before_it_is_refused()
    {
        string sound = _documents["/jwks.json"];
        _documents["/jwks.json"] = sound.Replace("request-signing", "response-signing", StringComparison.Ordinal);
        using RemoteKeySource source = Source();
        Assert.False((await Find(source, "k1")).Key!.MayVerifyWebhooks);
        _documents["/jwks.json"] = sound;
        Assert.Equal((null, true), await Outcome(source, "k1"));

        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.True((await Find(source, "k1")).Key!.MayVerifyWebhooks);
    }

    [Fact]
    public async Task Only_so_many_lookups_wait_for_a_reading()
    {
        using RemoteKeySource source = Source();
        TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Func<HttpContext, Task> answer = _server.Answer;
        _server.Answer = async http =>
        {
            await release.Task;
            await answer(http);
        };

        Task<KeyLookup>[] waiting = [.. Enumerable.Range(0, RemoteKeySource.MaxWaiting).Select(_ => Find(source, "k1"))];
        Assert.True((await Find(source, "k1")).IsUnavailable);
        release.SetResult();

        Assert.All(await Task.WhenAll(waiting), lookup => Assert.Equal("k1", lookup.Key?.KeyId));
        Assert.Single(_server.Requests);
    }

    [Fact]
    public async Task Keys_that_cannot_be_read_are_unavailable_not_unknown()
    {
        _documents.Clear();
        using RemoteKeySource source = Source();
        Assert.Equal((null, true), await Outcome(source, "k1"));
        _documents["/jwks.json"] = SigningKey.ExportJwks([_first]);
        Assert.Equal((null, true), await Outcome(source, "k1"));
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(("k1", false), await Outcome(source, "k1"));
        Rfc9421Verifier verifier = new(Source(new() { TimeProvider = _time }), new InMemoryReplayCache(timeProvider: _time),
            new() { TimeProvider = _time });
        SignedMessage message = SignedMessage.Sign(new Rfc9421Signer(_first), "https://buyer.example/", "{}"u8.ToArray(),
            _time.GetUtcNow());
        VerificationResult result = await message.VerifyAsync(verifier);
        Assert.Equal((VerificationError.KeysUnavailable, 503, null), (result.Error, result.StatusCode, result.ErrorCode));
    }

    [Fact]
    public async Task Keys_are_read_again_ahead_of_their_end_and_not_used_after_it()
    {
        using RemoteKeySource source = Source();
        Assert.NotNull((await Find(source, "k1")).Key);
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Func<HttpContext, Task> answer = _server.Answer;
        _server.Answer = http =>
        {
            asked.TrySetResult();
            return answer(http);
        };
        _time.Advance(TimeSpan.FromSeconds(151));
        Task<KeyLookup> ahead = source.FindAsync("k1".AsMemory(), CancellationToken.None).AsTask();
        Assert.True(ahead.IsCompletedSuccessfully);
        Assert.NotNull((await ahead).Key);
        await asked.Task;
        _documents.Clear();
        _time.Advance(TimeSpan.FromSeconds(301));
        Assert.Equal((null, true), await Outcome(source, "k1"));
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("{\"keys\":[],\"keys\":[]}")]
    [InlineData("[]")]
    public async Task A_document_that_is_no_jwks_makes_keys_unavailable(string document)
    {
        _documents["/jwks.json"] = document;
        using RemoteKeySource source = Source();
        Assert.Equal((null, true), await Outcome(source, "k1"));
    }

    [Fact]
    public async Task A_document_over_the_cap_is_not_read_to_its_end()
    {
        _documents["/jwks.json"] = SigningKey.ExportJwks([_first])[..^1] + ",\"pad\":\""
            + new string('x', RemoteKeySource.MaxJwksBytes) + "\"}";
        using RemoteKeySource source = Source();
        Assert.Equal((null, true), await Outcome(source, "k1"));
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        _server.Answer = http =>
        {
            http.Response.Redirect("/jwks2.json");
            return Task.CompletedTask;
        };
        _documents["/jwks2.json"] = _documents["/jwks.json"];
        using RemoteKeySource source = Source();
        Assert.Equal((null, true), await Outcome(source, "k1"));
        Assert.Single(_server.Requests);
    }

    [Fact]
    public async Task A_silent_server_costs_ten_seconds_and_no_more()
    {
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _server.Answer = _ =>
        {
            asked.SetResult();
            return release.Task;
        };
        using RemoteKeySource source = Source();
        Task<KeyLookup> lookup = source.FindAsync("k1".AsMemory(), CancellationToken.None).AsTask();
        await asked.Task;
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.True((await lookup).IsUnavailable);
        release.SetResult();
    }

    [Fact]
    public async Task Private_networks_and_public_test_keys_are_refused_unless_told_otherwise()
    {
        using RemoteKeySource guarded = Source(new() { TimeProvider = _time, AllowHttp = true });
        Assert.Equal((null, true), await Outcome(guarded, "k1"));
        Assert.Empty(_server.Requests);
        using SigningKey test = SigningKey.Generate(SignatureAlgorithm.Ed25519, "test-ed25519-webhook-2026");
        _documents["/jwks.json"] = SigningKey.ExportJwks([test]);
        using RemoteKeySource source = Source();
        Assert.Equal((null, false), await Outcome(source, test.KeyId));
        using RemoteKeySource trusting =
            Source(new() { TimeProvider = _time, AllowHttp = true, AllowPrivateNetworks = true, AllowTestKeys = true });
        Assert.Equal((test.KeyId, false), await Outcome(trusting, test.KeyId));
    }

    [Fact]
    public async Task Brand_json_leads_to_the_agents_keys()
    {
        string agent = _server.BaseUrl + "/agent";
        _documents["/.well-known/brand.json"] =
            $$"""{"agents":[{"url":"{{_server.BaseUrl}}/other","jwks_uri":"{{_server.BaseUrl}}/none"},"""
            + $$"""{"url":"{{_server.BaseUrl.ToUpperInvariant()}}/./agent","jwks_uri":"{{_server.BaseUrl}}/jwks.json"}]}""";
        using RemoteKeySource source = RemoteKeySource.FromBrandJson(_server.BaseUrl + "/.well-known/brand.json", agent, Open());
        Assert.Equal(("k1", false), await Outcome(source, "k1"));
        Assert.Equal(agent, (await Find(source, "k1")).Key?.Sender);
        Assert.Equal(2, _server.Requests.Count);
    }

    [Fact]
    public void Brand_json_is_looked_through_where_agents_can_stand()
    {
        Assert.Equal("https://a.example/k",
            FindJwks("""{"house":{"agents":[{"url":"https://a.example/mcp","jwks_uri":"https://a.example/k"}]}}"""));
        Assert.Equal("https://a.example/k",
            FindJwks("""{"brands":[{"agents":[{"url":"https://a.example/mcp","jwks_uri":"https://a.example/k"}]}]}"""));
        Assert.Equal("https://a.example/.well-known/jwks.json", FindJwks("""{"agents":[{"url":"https://A.example:443/mcp"}]}"""));
        Assert.Null(FindJwks("""{"agents":[{"url":"https://a.example/mcp","jwks_uri":"https://a.example/k"},"""
            + """{"url":"https://a.example/mcp","jwks_uri":"https://b.example/k"}]}"""));
        Assert.Null(FindJwks("""{"agents":[{"url":"https://a.example/mcp","jwks_uri":7}]}"""));
        Assert.Null(FindJwks("""{"agents":[{"url":"https://b.example/mcp"}]}"""));
        foreach (string document in new[] { "", "[]", "5", "{\"agents\":5}", "{\"agents\":[5,{}]}",
            "{\"house\":\"x\",\"brands\":[[]]}", "{\"agents\":[],\"agents\":[]}" })
        {
            Assert.Null(FindJwks(document));
        }
    }

    [Fact]
    public void Urls_that_are_none_are_refused_at_once()
    {
        Assert.Throws<ArgumentException>(() => RemoteKeySource.FromJwksUri("http://seller.example/jwks.json", "seller"));
        Assert.Throws<ArgumentException>(() => RemoteKeySource.FromJwksUri("https://u@seller.example/jwks.json", "seller"));
        Assert.Throws<ArgumentException>(() => RemoteKeySource.FromBrandJson("nothing", "https://seller.example/"));
        Assert.Throws<ArgumentNullException>(() => RemoteKeySource.FromJwksUri(null!, "seller"));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RemoteKeySourceOptions { CacheLifetime = TimeSpan.FromMinutes(31) });
    }

    private static string? FindJwks(string document)
    {
        Assert.True(TargetUri.TryParse("https://a.example/mcp", out TargetUri? agent, out _));
        return BrandJson.Read(Encoding.UTF8.GetBytes(document), agent).JwksUri?.Value;
    }

    private static async Task<KeyLookup> Find(RemoteKeySource source, string keyId) =>
        await source.FindAsync(keyId.AsMemory(), CancellationToken.None);

    private static async Task<(string? KeyId, bool Unavailable)> Outcome(RemoteKeySource source, string keyId) =>
        await Find(source, keyId) is var lookup ? (lookup.Key?.KeyId, lookup.IsUnavailable) : default;

    private RemoteKeySourceOptions Open() => new() { TimeProvider = _time, AllowHttp = true, AllowPrivateNetworks = true };

    private RemoteKeySource Source(RemoteKeySourceOptions? options = null)
    {
        options ??= Open();
        return RemoteKeySource.FromJwksUri((options.AllowHttp ? _server.BaseUrl : "https://127.0.0.1:1") + "/jwks.json", "seller", options);
    }
}
