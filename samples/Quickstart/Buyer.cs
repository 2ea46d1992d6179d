using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Adcp.Aot.Verification;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Quickstart;

/// <summary>A buyer's webhook receiver: verifies and checks each request, then answers with a fault or with 200.</summary>
internal sealed class Buyer : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Seen> _seen = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Path, long Number), string> _numbers = new();
    private readonly WebApplication _app;
    private readonly Rfc9421Verifier _verifier;
    private readonly Faults _faults;
    private string _origin = "";
    private long _requests;
    private long _duplicates;
    private long _unsigned;
    private long _forged;
    private long _stale;
    private long _corrupt;

    private Buyer(WebApplication app, Rfc9421Verifier verifier, Faults faults)
    {
        _app = app;
        _verifier = verifier;
        _faults = faults;
    }

    public string BaseUrl => _origin;

    /// <summary>Requests whose signature was verified.</summary>
    public long Requests => Volatile.Read(ref _requests);

    /// <summary>Requests for a key that the buyer had processed already. The key shows that they are repetitions.</summary>
    public long Duplicates => Volatile.Read(ref _duplicates);

    public long Unsigned => Volatile.Read(ref _unsigned);

    /// <summary>Requests that were signed, but not by the seller, or that were altered.</summary>
    public long Forged => Volatile.Read(ref _forged);

    /// <summary>Requests that the seller signed, but that are too old or were sent a second time.</summary>
    public long Stale => Volatile.Read(ref _stale);

    /// <summary>Bodies that were no valid envelope, differed between attempts of one key, or reused another key's number.</summary>
    public long Corrupt => Volatile.Read(ref _corrupt);

    public int DistinctKeys => _seen.Count;

    /// <param name="jwks">The seller's published keys.</param>
    /// <param name="faults">The faults of the answers.</param>
    public static async Task<Buyer> StartAsync(string jwks, Faults faults)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, static listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.Limits.MaxRequestBodySize = 1 << 20;
        });
        WebApplication app = builder.Build();

        // One key signs all webhooks here, up to a million, so its share of the replay cache is larger than the default of 100,000.
        InMemoryReplayCache replays = new(maxPerKey: 10_000_000, maxTotal: 10_000_000);
        Buyer buyer = new(app, new Rfc9421Verifier(VerificationKeySet.FromJwks(jwks, "seller"), replays), faults);
        app.Run(buyer.ReceiveAsync);
        await app.StartAsync();
        buyer._origin = app.Urls.First();
        return buyer;
    }

    public bool Processed(string? key) =>
        key is not null && _seen.TryGetValue(key, out Seen? seen) && Volatile.Read(ref seen.Processed) > 0;

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
    /// Returns the request with the registered origin and its target as it arrived. The request's own Host header
    /// cannot be trusted.
    /// </summary>
    private InboundRequest Inbound(HttpContext http) => new(
        http.Request.Method,
        $"{_origin}{http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget}",
        name => http.Request.Headers[name] is { Count: > 0 } values ? string.Join(", ", values.ToArray()) : null);

    private void Refuse(HttpContext http, VerificationResult verification)
    {
        bool signed = http.Request.Headers.ContainsKey("Signature");
        bool stale = verification.Error is VerificationError.WindowInvalid or VerificationError.Replayed;
        Interlocked.Increment(ref stale ? ref _stale : ref signed ? ref _forged : ref _unsigned);
        http.Response.StatusCode = verification.StatusCode;
        http.Response.Headers.WWWAuthenticate = verification.Challenge;
    }

    /// <summary>Returns the envelope's key, task and number; null if the envelope is not valid for this path.</summary>
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
        Fault fault = _faults.Of(task, attempt);
        if (fault is Fault.None or Fault.Hang or Fault.Drip)
        {
            // Hang and Drip process the webhook, and the seller never learns of it.
            Process(seen);
        }

        await Faults.AnswerAsync(http, fault);
    }

    private void Process(Seen seen)
    {
        if (Interlocked.Increment(ref seen.Processed) > 1)
        {
            Interlocked.Increment(ref _duplicates);
        }
    }

    private sealed class Seen(byte[] digest)
    {
        public readonly byte[] Digest = digest;
        public int Attempts;
        public int Processed;
    }
}
