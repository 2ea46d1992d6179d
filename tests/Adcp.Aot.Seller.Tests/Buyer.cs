using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Threading.Channels;
using Adcp.Aot.AspNetCore;
using Adcp.Aot.Receiving;
using Adcp.Aot.Verification;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Seller.Tests;

/// <summary>A buyer's receiver that verifies every attempt with the keys the seller publishes, and can refuse the first few.</summary>
internal sealed class Buyer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Socket _socket;
    private readonly Channel<JsonElement> _received = Channel.CreateUnbounded<JsonElement>();

    private Buyer(WebApplication app, Socket socket)
    {
        _app = app;
        _socket = socket;
    }

    /// <summary>Nonce parameters of every attempt, also of those that were refused.</summary>
    public List<string> Attempts { get; } = [];

    /// <summary>The idempotency keys in the bodies of the refused attempts.</summary>
    public List<string> RefusedKeys { get; } = [];

    public int Refusals { get; set; }

    /// <summary>Answers wait for it if it is set.</summary>
    public TaskCompletionSource? Gate { get; set; }

    /// <summary>Completes when the first attempt has come.</summary>
    public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string Url => Origin + "/hook";

    public string A2AUrl => Origin + "/a2a-hook";

    private string Origin => $"http://{_socket.LocalEndPoint}";

    public int Waiting => _received.Reader.Count;

    public static async Task<Buyer> StartAsync(SellerProcess seller, AdcpVersion version)
    {
        using HttpClient http = new();
        string jwks = await http.GetStringAsync(new Uri(seller.Url, ".well-known/jwks.json"));

        // Bound before the endpoint is mapped, because the endpoint must know its origin.
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenHandle((ulong)socket.Handle));
        WebApplication app = builder.Build();
        Buyer buyer = new(app, socket);
        app.Use(async (context, next) =>
        {
            bool refused;
            lock (buyer.Attempts)
            {
                buyer.Attempts.Add(context.Request.Headers["Signature-Input"].ToString().Split("nonce=\"")[1].Split('"')[0]);
                refused = buyer.Attempts.Count <= buyer.Refusals;
            }

            buyer.Reached.TrySetResult();
            if (buyer.Gate is { } gate)
            {
                await gate.Task.WaitAsync(context.RequestAborted);
            }

            if (refused)
            {
                using MemoryStream body = new();
                await context.Request.Body.CopyToAsync(body);
                lock (buyer.Attempts)
                {
                    buyer.RefusedKeys.Add(JsonElement.Parse(body.ToArray()).GetProperty("idempotency_key").GetString()!);
                }

                context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
                return;
            }

            await next(context);
        });
        Rfc9421Verifier verifier = new(VerificationKeySet.FromJwks(jwks, seller.Url.ToString()), new InMemoryReplayCache());
        app.MapPost("/a2a-hook", (RequestDelegate)(async context =>
        {
            // A2A's envelope has no idempotency key, so AdCP's receiver refuses it; the signature is the same.
            using MemoryStream body = new();
            await context.Request.Body.CopyToAsync(body);
            VerificationResult verified = await verifier.VerifyAsync(context.Request.ToInboundRequest(buyer.Origin), body.ToArray());
            context.Response.StatusCode = verified.Ok ? 200 : verified.StatusCode;
            if (verified.Ok)
            {
                buyer._received.Writer.TryWrite(JsonElement.Parse(body.ToArray()));
            }
        }));
        app.MapAdcpWebhookReceiver("/hook", (webhook, _) =>
        {
            buyer._received.Writer.TryWrite(JsonElement.Parse(webhook.Body.Span));
            return default;
        }, new WebhookReceiverOptions
        {
            Verifier = verifier,
            PublicOrigins = [buyer.Origin],
            Store = new DevelopmentWebhookClaimStore(),
            Version = version,
        });
        await app.StartAsync();
        return buyer;
    }

    public async Task<JsonElement> NextAsync()
    {
        using CancellationTokenSource guard = new(TimeSpan.FromMinutes(2));
        return await _received.Reader.ReadAsync(guard.Token);
    }

    public string Push(string operation) => $$"""{"url":"{{Url}}","operation_id":"{{operation}}","token":"a-token-of-sixteen"}""";

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _socket.Dispose();
    }
}
