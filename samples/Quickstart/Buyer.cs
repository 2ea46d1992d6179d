using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Adcp.Aot.Verification;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Quickstart;

/// <summary>A buyer's webhook receiver that misbehaves by script, and verifies and checks whatever reaches it.</summary>
internal sealed class Buyer : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Seen> _seen = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Path, long Number), string> _numbers = new();
    private readonly WebApplication _app;
    private readonly Rfc9421Verifier _verifier;
    private readonly bool _faults;
    private readonly int _seed;
    private string _origin = "";
    private long _requests;
    private long _duplicates;
    private long _unsigned;
    private long _forged;
    private long _stale;
    private long _corrupt;

    private Buyer(WebApplication app, Rfc9421Verifier verifier, bool faults, int seed)
    {
        _app = app;
        _verifier = verifier;
        _faults = faults;
        _seed = seed;
    }

    public string BaseUrl => _origin;

    /// <summary>Requests whose signature was verified.</summary>
    public long Requests => Volatile.Read(ref _requests);

    /// <summary>Requests for a key that the buyer had already processed: what at-least-once costs, and why the key matters.</summary>
    public long Duplicates => Volatile.Read(ref _duplicates);

    public long Unsigned => Volatile.Read(ref _unsigned);

    /// <summary>Requests that were signed, but not by the seller or not as they arrived.</summary>
    public long Forged => Volatile.Read(ref _forged);

    /// <summary>Requests that the seller signed, but not now: out of their window, or brought a second time.</summary>
    public long Stale => Volatile.Read(ref _stale);

    /// <summary>Bodies that were not a sound envelope, differed between attempts of one key, or reused another key's number.</summary>
    public long Corrupt => Volatile.Read(ref _corrupt);

    public int DistinctKeys => _seen.Count;

    /// <param name="jwks">The seller's published keys.</param>
    /// <param name="faults">Whether to misbehave.</param>
    /// <param name="seed">Makes the faults repeatable.</param>
    public static async Task<Buyer> StartAsync(string jwks, bool faults, int seed)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, static listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.Limits.MaxRequestBodySize = 1 << 20;
        });
        WebApplication app = builder.Build();

        // One key signs everything here, a million webhooks if asked to, so its share of the replay cache is larger than the usual 100,000.
        InMemoryReplayCache replays = new(maxPerKey: 10_000_000, maxTotal: 10_000_000);
        Buyer buyer = new(app, new Rfc9421Verifier(VerificationKeySet.FromJwks(jwks, "seller"), replays), faults, seed);
        app.Run(buyer.ReceiveAsync);
        await app.StartAsync();
        buyer._origin = app.Urls.First();
        return buyer;
    }

    public bool Processed(string? key) => key is not null && _seen.TryGetValue(key, out Seen? seen) && Volatile.Read(ref seen.Processed) > 0;

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task ReceiveAsync(HttpContext http)
    {
        using MemoryStream buffer = new();
        await http.Request.Body.CopyToAsync(buffer, http.RequestAborted);
        ReadOnlyMemory<byte> body = buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
        byte[] digest = SHA256.HashData(body.Span);
        VerificationResult verification = await _verifier.VerifyAsync(Inbound(http), body, digest, http.RequestAborted);
        if (!verification.Ok)
        {
            Refuse(http, verification);
            return;
        }

        Interlocked.Increment(ref _requests);
        if (ReadEnvelope(http.Request, body) is not var (key, task, number)
            || _numbers.GetOrAdd((http.Request.Path.Value!, number), key) != key)
        {
            Interlocked.Increment(ref _corrupt);
            http.Response.StatusCode = 400;
            return;
        }

        Seen seen = _seen.GetOrAdd(key, static (_, first) => new Seen(first), digest);
        if (!seen.Digest.AsSpan().SequenceEqual(digest))
        {
            Interlocked.Increment(ref _corrupt);
            http.Response.StatusCode = 409;
            return;
        }

        await AnswerAsync(http, task, seen, Interlocked.Increment(ref seen.Attempts));
    }

    /// <summary>
    /// Returns the request under the origin that senders were given, its target as it was on the wire. The request's own Host could
    /// be anybody's.
    /// </summary>
    private InboundRequest Inbound(HttpContext http) => new(
        http.Request.Method,
        $"{_origin}{http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget}",
        http.Request.Headers,
        static (headers, name) => ((IHeaderDictionary)headers)[name] is { Count: > 0 } values ? string.Join(", ", values.ToArray()) : null);

    private void Refuse(HttpContext http, VerificationResult verification)
    {
        bool signed = http.Request.Headers.ContainsKey("Signature");
        bool stale = verification.Error is VerificationError.WindowInvalid or VerificationError.Replayed;
        Interlocked.Increment(ref stale ? ref _stale : ref signed ? ref _forged : ref _unsigned);
        http.Response.StatusCode = verification.StatusCode;
        http.Response.Headers.WWWAuthenticate = verification.Challenge;
    }

    /// <summary>The envelope's key, task and number; null where the envelope is not what was promised for this path.</summary>
    private static (string Key, string Task, long Number)? ReadEnvelope(HttpRequest request, ReadOnlyMemory<byte> body)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            JsonElement envelope = document.RootElement;
            string? key = envelope.GetProperty("idempotency_key").GetString();
            string? operation = envelope.GetProperty("operation_id").GetString();
            long number = envelope.GetProperty("result").GetProperty("sequence_number").GetInt64();
            bool sound = key is { Length: >= 16 and <= 255 } && operation == "op_" + request.Path.Value!.Split('/')[^1]
                && envelope.GetProperty("status").GetString() == "completed"
                && number >= 1;
            return sound ? (key!, envelope.GetProperty("task_id").GetString()!, number) : null;
        }
        catch (Exception fault) when (fault is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private async Task AnswerAsync(HttpContext http, string task, Seen seen, int attempt)
    {
        // Stable for a task and a seed, so that a run can be repeated.
        int draw = _faults ? (int)(Hash(task) % 100) : 99;
        switch (draw)
        {
            case < 12 when attempt <= 2:
                http.Response.StatusCode = 503;
                return;
            case >= 12 and < 16 when attempt == 1:
                http.Abort();
                return;
            case >= 16 and < 19 when attempt == 1:
                Process(seen);
                await HangAsync(http);
                return;
            case >= 19 and < 22 when attempt == 1:
                http.Response.StatusCode = 429;
                http.Response.Headers.RetryAfter = "1";
                return;
            case >= 22 and < 24:
                http.Response.StatusCode = 409;
                return;
            case >= 24 and < 27 when attempt == 1:
                Process(seen);
                await DripAsync(http);
                return;
            default:
                Process(seen);
                http.Response.StatusCode = 200;
                return;
        }
    }

    private void Process(Seen seen)
    {
        if (Interlocked.Increment(ref seen.Processed) > 1)
        {
            Interlocked.Increment(ref _duplicates);
        }
    }

    private static async Task HangAsync(HttpContext http) =>
        await Task.Delay(Timeout.InfiniteTimeSpan, http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private static async Task DripAsync(HttpContext http)
    {
        http.Response.ContentLength = 1000;
        for (int i = 0; i < 1000 && !http.RequestAborted.IsCancellationRequested; i++)
        {
            await http.Response.Body.WriteAsync("."u8.ToArray()).AsTask().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await http.Response.Body.FlushAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await Task.Delay(TimeSpan.FromMilliseconds(50), http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private uint Hash(string task)
    {
        uint hash = 2166136261 ^ (uint)_seed;
        foreach (char c in task)
        {
            hash = (hash ^ c) * 16777619;
        }

        return hash >> 8;
    }

    private sealed class Seen(byte[] digest)
    {
        public readonly byte[] Digest = digest;
        public int Attempts;
        public int Processed;
    }
}
