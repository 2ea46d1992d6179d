using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;

namespace DurableSeller;

/// <summary>
/// The buyers: several origins on loopback. One request in forty is answered 503. Everything that got 200 is written
/// down.
/// </summary>
internal sealed class Receiver : IAsyncDisposable
{
    private const int Origins = 16;

    private readonly ConcurrentDictionary<string, Arrivals> _arrivals = new(StringComparer.Ordinal);
    private readonly WebApplication _app;
    private readonly LineWriter _lines;
    private int _requests;

    private Receiver(WebApplication app, LineWriter lines)
    {
        _app = app;
        _lines = lines;
    }

    public string[] Urls => [.. _app.Urls];

    public IReadOnlyDictionary<string, Arrivals> Arrived => _arrivals;

    public static async Task<Receiver> StartAsync(string? received)
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
        Receiver receiver = new(app, new LineWriter(received));
        app.Run(receiver.AnswerAsync);
        await app.StartAsync();
        return receiver;
    }

    public async ValueTask DisposeAsync()
    {
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

        using JsonDocument json = JsonDocument.Parse(bytes);
        string key = json.RootElement.GetProperty("idempotency_key").GetString()!;
        string hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
        _arrivals.AddOrUpdate(
            key, static (_, arrived) => new Arrivals(arrived.Hash, [arrived.At], IsSame: true),
            static (_, known, arrived) =>
            new Arrivals(known.Hash, [.. known.Times, arrived.At], known.IsSame && known.Hash == arrived.Hash),
            (Hash: hash, At: TimeProvider.System.GetUtcNow()));
        await _lines.WriteAsync(key, hash);
        context.Response.StatusCode = StatusCodes.Status200OK;
    }
}

/// <summary>The requests of one key that were answered 200.</summary>
/// <param name="Hash">The hash of the first body.</param>
/// <param name="Times">When they arrived.</param>
/// <param name="IsSame">Whether all bodies were the same.</param>
internal sealed record Arrivals(string Hash, DateTimeOffset[] Times, bool IsSame);
