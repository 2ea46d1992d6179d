using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;

namespace DurableSeller;

/// <summary>
/// The buyers: several origins on loopback. One request in forty is answered 503. Everything else is written down, and answered 200 unless
/// its origin is silent for a time. A request that was answered 503 is not written down: the retry after it is no repeat.
/// </summary>
internal sealed class Receiver : IAsyncDisposable
{
    private const int Origins = 16;

    private readonly ConcurrentDictionary<string, Arrivals> _arrivals = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ConcurrentDictionary<long, string>> _streams = new(StringComparer.Ordinal);
    private readonly WebApplication _app;
    private readonly LineWriter _lines;
    private volatile Hold? _hold;
    private int _requests;
    private int _numberedTwice;

    private Receiver(WebApplication app, LineWriter lines)
    {
        _app = app;
        _lines = lines;
    }

    public string[] Urls => [.. _app.Urls];

    public IReadOnlyDictionary<string, Arrivals> Arrived => _arrivals;

    /// <summary>Gets the number of streams with numbered webhooks.</summary>
    public int Streams => _streams.Count;

    /// <summary>Gets the numbers that are missing below the highest one of their stream, or that two webhooks have.</summary>
    public long SequenceFaults =>
        _numberedTwice + _streams.Values.Sum(static numbers => numbers.Keys.Max() - numbers.Keys.Count(static number => number > 0));

    public static async Task<Receiver> StartAsync(LineWriter lines)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel =>
        {
            for (int i = 0; i < Origins; i++)
            {
                kestrel.Listen(IPAddress.Loopback, 0);
            }
        });
        WebApplication app = builder.Build();
        Receiver receiver = new(app, lines);
        app.Run(receiver.AnswerAsync);
        await app.StartAsync();
        return receiver;
    }

    /// <summary>Lets origins take webhooks without an answer until the hold is disposed.</summary>
    public Hold Hold(IEnumerable<string> origins) => _hold = new Hold(origins.Select(static origin => new Uri(origin).Port));

    public async ValueTask DisposeAsync()
    {
        _hold?.Dispose();
        await _app.DisposeAsync();
        await _lines.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        using MemoryStream body = new();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        byte[] bytes = body.ToArray();
        if (Interlocked.Increment(ref _requests) % 40 == 0)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }

        Arrival arrival = new(TimeProvider.System.GetUtcNow(), Worker(context.Request.Headers["Signature-Input"].ToString()));
        using JsonDocument json = JsonDocument.Parse(bytes);
        string key = json.RootElement.GetProperty("idempotency_key").GetString()!;
        string hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
        _arrivals.AddOrUpdate(
            key, static (_, arrived) => new Arrivals(arrived.Hash, [arrived.Arrival], IsSame: true),
            static (_, known, arrived) =>
            new Arrivals(known.Hash, [.. known.All, arrived.Arrival], known.IsSame && known.Hash == arrived.Hash),
            (Hash: hash, Arrival: arrival));
        if (json.RootElement.GetProperty("result").TryGetProperty("sequence_number", out JsonElement number))
        {
            Number(context.Request.Path, number.GetInt64(), key);
        }

        await _lines.WriteAsync(key, hash);
        if (_hold is { } hold)
        {
            await hold.WaitAsync(context.Connection.LocalPort, arrival.Worker, context.RequestAborted);
        }

        context.Response.StatusCode = StatusCodes.Status200OK;
        arrival.IsLate = TimeProvider.System.GetUtcNow() - arrival.At > DurableSeller.Worker.AttemptTimeout / 2;
    }

    private void Number(PathString path, long number, string key)
    {
        string first = _streams.GetOrAdd(path.Value!, static _ => new ConcurrentDictionary<long, string>()).GetOrAdd(number, key);
        if (first != key)
        {
            Interlocked.Increment(ref _numberedTwice);
        }
    }

    /// <summary>Returns the key id of a signature, which names the process that made it.</summary>
    private static string Worker(string signatureInput)
    {
        const string Parameter = "keyid=\"";
        int start = signatureInput.IndexOf(Parameter, StringComparison.Ordinal) + Parameter.Length;
        return signatureInput[start..signatureInput.IndexOf('"', start)];
    }
}

/// <summary>The requests of one key that were not answered 503.</summary>
/// <param name="Hash">The hash of the first body.</param>
/// <param name="All">The requests, in order.</param>
/// <param name="IsSame">Whether all bodies were the same.</param>
internal sealed record Arrivals(string Hash, Arrival[] All, bool IsSame);

/// <summary>One request.</summary>
/// <param name="At">When it arrived.</param>
/// <param name="Worker">The process that sent it.</param>
internal sealed record Arrival(DateTimeOffset At, string Worker)
{
    /// <summary>Gets or sets whether the answer may have come after the attempt's timeout.</summary>
    public bool IsLate { get; set; }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{At:HH:mm:ss.fff} from {Worker}");
}
