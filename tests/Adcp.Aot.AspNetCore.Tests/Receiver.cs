using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Adcp.Aot.Network;
using Adcp.Aot.Payloads;
using Adcp.Aot.Receiving;
using Adcp.Aot.Signing;
using Adcp.Aot.Verification;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.AspNetCore.Tests;

/// <summary>
/// A receiver on a loopback port, the seller whose webhooks it accepts, and the records of its handler and log.
/// </summary>
internal sealed class Receiver : IAsyncDisposable
{
    public const string Sender = "https://seller.example/agent";

    private readonly WebApplication _app;
    private readonly SigningKey _key;
    private readonly Socket _socket;

    private Receiver(WebApplication app, Socket socket, SigningKey key, WebhookSender seller)
    {
        _app = app;
        _socket = socket;
        _key = key;
        Seller = seller;
    }

    public WebhookSender Seller { get; }

    public ConcurrentQueue<(string Sender, string Key, WebhookEnvelope? Envelope, string Body)> Handled { get; } = new();

    public CapturingLog Log { get; private init; } = null!;

    public Uri Url => new(OriginOf(_socket) + "/adcp/hook?secret=s");

    /// <summary>The key that the receiver knows, for tests that sign by hand.</summary>
    public SigningKey Key => _key;

    public WebhookDestination Destination(string? token = null) => new(Url.ToString(), "op_1", token);

    public static async Task<Receiver> StartAsync(
        Func<WebhookReceiverOptions, WebhookReceiverOptions>? with = null,
        Func<ReceivedWebhook, CancellationToken, ValueTask>? handler = null,
        Action<IServiceCollection>? services = null)
    {
        SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-1");

        // Bound before the endpoint is mapped, because the endpoint must know its origin.
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        WebhookReceiverOptions options = new()
        {
            PublicOrigins = [OriginOf(socket)],
            Verifier = new Rfc9421Verifier(VerificationKeySet.FromJwks(SigningKey.ExportJwks([key]), Sender), new InMemoryReplayCache()),
            Store = new DevelopmentWebhookClaimStore(),
        };
        options = with?.Invoke(options) ?? options;
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        services?.Invoke(builder.Services);
        CapturingLog log = new();
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(log);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.ListenHandle((ulong)socket.Handle);
            kestrel.Limits.MinRequestBodyDataRate = null;
        });
        WebApplication app = builder.Build();
        WebhookSenderOptions sending = new() { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true };
        Receiver receiver = new(app, socket, key, new WebhookSender(new Rfc9421Signer(key), sending))
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

                receiver.Handled.Enqueue((webhook.Sender, webhook.IdempotencyKey, webhook.Envelope,
                    Encoding.UTF8.GetString(webhook.Body.Span)));
            },
            options);
        await app.StartAsync();
        return receiver;
    }

    public PreparedWebhook Prepare(string? result = null, string? key = null, string? token = null) =>
        Seller.Prepare(Destination(token), new McpWebhook
        {
            TaskId = "task_1",
            TaskType = TaskType.CreateMediaBuy,
            Status = AdcpTaskStatus.Completed,
            IdempotencyKey = key,
            Result = result is null ? default : Encoding.UTF8.GetBytes(result),
        });

    /// <summary>Makes one signed attempt.</summary>
    public async Task<WebhookSendResult> SendAsync(PreparedWebhook webhook) => await Seller.SendAsync(webhook);

    public async Task<int> StatusAsync(PreparedWebhook webhook) => (await SendAsync(webhook)).StatusCode;

    /// <summary>Signs a body that none of our payloads would have.</summary>
    public PreparedWebhook Raw(string body, string key = "whk_0123456789abcdef") => new(Destination(), Encoding.UTF8.GetBytes(body), key);

    /// <summary>Writes the head of a request that is signed for an origin, and says that a body follows.</summary>
    /// <param name="origin">The origin that is signed; null for the receiver's own.</param>
    /// <param name="host">The Host header; null for the signed one.</param>
    /// <param name="framing">The header line that frames the body.</param>
    /// <param name="signedBody">The body whose digest is signed.</param>
    /// <param name="key">The key that signs; null for the receiver's own.</param>
    public byte[] SignedHead(string? origin, string? host, string framing, ReadOnlySpan<byte> signedBody, SigningKey? key = null)
    {
        Assert.True(TargetUri.TryParse((origin ?? OriginOf(_socket)) + Url.PathAndQuery, out TargetUri? target, out _));
        string digest = Rfc9421Signer.ContentDigest(signedBody);
        new Rfc9421Signer(key ?? _key).Sign(target, digest, DateTimeOffset.UtcNow, out string input, out string signature);
        return Encoding.ASCII.GetBytes(
            $"POST {target.PathAndQuery} HTTP/1.1\r\nHost: {host ?? target.Authority}\r\nContent-Type: application/json\r\n{framing}\r\n"
            + $"Content-Digest: {digest}\r\nSignature-Input: {input}\r\nSignature: {signature}\r\n\r\n");
    }

    /// <summary>Sends a webhook that is signed for an origin to this receiver.</summary>
    /// <returns>The answer's status.</returns>
    public async Task<int> PostSignedAsync(string? origin, string? host = null)
    {
        byte[] body = Prepare().Body.ToArray();
        await using NetworkStream stream = await ConnectAsync();
        await stream.WriteAsync(SignedHead(origin, host, $"Content-Length: {body.Length}", body));
        await stream.WriteAsync(body);
        return await StatusAsync(stream);
    }

    /// <summary>Reads an answer's status.</summary>
    public static async Task<int> StatusAsync(NetworkStream stream)
    {
        byte[] line = new byte["HTTP/1.1 413".Length];
        await stream.ReadExactlyAsync(line);
        return int.Parse(line.AsSpan("HTTP/1.1 ".Length), CultureInfo.InvariantCulture);
    }

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
        _socket.Dispose();
        _key.Dispose();
    }

    private static string OriginOf(Socket socket) => $"http://{socket.LocalEndPoint}";

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

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue($"{logLevel}: {formatter(state, exception)} {exception?.GetType().Name}");
    }
}
