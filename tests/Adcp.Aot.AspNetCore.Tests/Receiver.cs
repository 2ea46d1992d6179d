using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Adcp.Aot.AspNetCore.Receiving;
using Adcp.Aot.Payloads;
using Adcp.Aot.Sending;
using Adcp.Aot.Signing;
using Adcp.Aot.Verification;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.AspNetCore.Tests;

/// <summary>A receiver on a loopback port, the seller whose webhooks it takes, and what its handler and log were given.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    public const string Sender = "https://seller.example/agent";

    private readonly WebApplication _app;
    private readonly SigningKey _key;

    private Receiver(WebApplication app, SigningKey key, WebhookSender seller)
    {
        _app = app;
        _key = key;
        Seller = seller;
    }

    public WebhookSender Seller { get; }

    public ConcurrentQueue<(string Sender, string Key, WebhookEnvelope? Envelope, string Body)> Handled { get; } = new();

    public CapturingLog Log { get; private init; } = null!;

    public Uri Url => new(_app.Urls.First() + "/adcp/hook?secret=s");

    public WebhookDestination Destination(string? token = null) => new(Url.ToString(), "op_1", token);

    public static async Task<Receiver> StartAsync(
        Func<WebhookReceiverOptions, WebhookReceiverOptions>? with = null, Func<ReceivedWebhook, CancellationToken, ValueTask>? handler = null, string? contentRoot = null)
    {
        SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-1");
        WebhookReceiverOptions options = new()
        {
            Verifier = new Rfc9421Verifier(VerificationKeySet.FromJwks(SigningKey.ExportJwks([key]), Sender), new InMemoryReplayCache()),
            Store = contentRoot is null ? new DevelopmentWebhookClaimStore() : null,
        };
        options = with?.Invoke(options) ?? options;
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = contentRoot });
        CapturingLog log = new();
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(log);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Limits.MinRequestBodyDataRate = null;
        });
        WebApplication app = builder.Build();
        Receiver receiver = new(app, key, new WebhookSender(new Rfc9421Signer(key), new WebhookSenderOptions { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true }))
        {
            Log = log,
        };
        app.MapAdcpWebhookReceiver(
            "/adcp/hook",
            async (webhook, token) =>
            {
                if (handler is not null)
                {
                    await handler(webhook, token);
                }

                receiver.Handled.Enqueue((webhook.Sender, webhook.IdempotencyKey, webhook.Envelope, Encoding.UTF8.GetString(webhook.Body.Span)));
            },
            options);
        await app.StartAsync();
        return receiver;
    }

    public PreparedWebhook Prepare(string? result = null, string? key = null, string? token = null) => Seller.Prepare(Destination(token), new McpWebhook
    {
        TaskId = "task_1",
        TaskType = TaskType.CreateMediaBuy,
        Status = AdcpTaskStatus.Completed,
        IdempotencyKey = key,
        Result = result is null ? default : Encoding.UTF8.GetBytes(result),
    });

    /// <summary>Makes one signed attempt.</summary>
    public async Task<WebhookDeliveryResult> SendAsync(PreparedWebhook webhook) => await Seller.SendAsync(webhook);

    public async Task<int> StatusAsync(PreparedWebhook webhook) => (await SendAsync(webhook)).StatusCode;

    /// <summary>Signs a body that no payload of ours would be.</summary>
    public PreparedWebhook Raw(string body, string key = "whk_0123456789abcdef") => new(Destination(), Encoding.UTF8.GetBytes(body), key);

    /// <summary>Opens a connection of the test's own.</summary>
    public async Task<NetworkStream> ConnectAsync()
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, Url.Port);
        return new NetworkStream(socket, ownsSocket: true);
    }

    public async ValueTask DisposeAsync()
    {
        Seller.Dispose();
        await _app.DisposeAsync();
        _key.Dispose();
    }

    internal sealed class CapturingLog : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue($"{logLevel}: {formatter(state, exception)} {exception?.GetType().Name}");
    }
}
