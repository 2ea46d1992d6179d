using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;

namespace DurableSeller;

/// <summary>
/// The buyers: several origins on loopback. One request in forty is answered 503, and the others 200 unless their origin is silent for a
/// time. Each request is written down with its status before it is answered.
/// </summary>
internal sealed class Receiver : IAsyncDisposable
{
    private const int Origins = 16;

    private readonly ConcurrentDictionary<string, Arrivals> _arrivals = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ConcurrentDictionary<long, string>> _streams = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _workers = new(StringComparer.Ordinal);
    private readonly WebApplication _app;
    private readonly LineWriter _lines;
    private volatile RunFault? _fault;
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

    /// <exception cref="RunFault">The file of requests cannot be written.</exception>
    public void Check()
    {
        if (_fault is { } fault)
        {
            throw fault;
        }
    }

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
        int status = Interlocked.Increment(ref _requests) % 40 == 0
            ? StatusCodes.Status503ServiceUnavailable
            : StatusCodes.Status200OK;
        Arrival arrival = new(TimeProvider.System.GetUtcNow(), Worker(context.Request.Headers["Signature-Input"].ToString()), status);
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

        await WriteAsync(key, hash, status);
        if (arrival.IsTaken && _hold is { } hold)
        {
            await hold.WaitAsync(context.Connection.LocalPort, arrival.Worker, context.RequestAborted);
        }

        context.Response.StatusCode = status;
        arrival.IsLate = TimeProvider.System.GetUtcNow() - arrival.At > DurableSeller.Worker.AttemptTimeout / 2;
    }

    private async Task WriteAsync(string key, string hash, int status)
    {
        try
        {
            await _lines.WriteAsync(key, hash, status);
        }
        catch (RunFault fault)
        {
            // The run ends by it. Until then the workers need not hear of it.
            _fault = fault;
        }
    }

    private void Number(PathString path, long number, string key)
    {
        string first = _streams.GetOrAdd(path.Value!, static _ => new ConcurrentDictionary<long, string>()).GetOrAdd(number, key);
        if (first != key)
        {
            Interlocked.Increment(ref _numberedTwice);
        }
    }

    /// <summary>Returns the key id of a signature, which names the process that made it. There are few.</summary>
    private string Worker(string signatureInput)
    {
        const string Parameter = "keyid=\"";
        int start = signatureInput.IndexOf(Parameter, StringComparison.Ordinal) + Parameter.Length;
        string worker = signatureInput[start..signatureInput.IndexOf('"', start)];
        return _workers.GetOrAdd(worker, worker);
    }
}

/// <summary>The requests of one key.</summary>
/// <param name="Hash">The hash of the first body.</param>
/// <param name="All">The requests, in order.</param>
/// <param name="IsSame">Whether all bodies were the same.</param>
internal sealed record Arrivals(string Hash, Arrival[] All, bool IsSame)
{
    /// <summary>Gets or sets whether the webhook is in the file of the producers.</summary>
    public bool IsAccepted { get; set; }

    /// <summary>Gets or sets whether the first body is another one than the producer's.</summary>
    public bool IsChanged { get; set; }

    /// <summary>Gets the first request that was answered 2xx; <c>null</c> if none was.</summary>
    public Arrival? FirstTaken => Array.Find(All, static one => one.IsTaken);
}

/// <summary>One request.</summary>
/// <param name="At">When it arrived.</param>
/// <param name="Worker">The process that sent it.</param>
/// <param name="Status">The status of its answer. The process may have been killed before it got it.</param>
internal sealed record Arrival(DateTimeOffset At, string Worker, int Status)
{
    /// <summary>Gets or sets whether the answer may have come after the attempt's timeout.</summary>
    public bool IsLate { get; set; }

    /// <summary>Gets whether the request was answered 2xx.</summary>
    public bool IsTaken => Status is >= 200 and < 300;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{At:HH:mm:ss.fff} from {Worker} ({Status})");
}
