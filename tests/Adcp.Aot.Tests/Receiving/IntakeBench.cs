using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Text;
using Adcp.Aot.Receiving;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;
using Adcp.Aot.Tests.Verification;
using Adcp.Aot.Verification;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Tests.Receiving;

/// <summary>An intake without HTTP, the seller whose messages it takes, and a clock that tests turn.</summary>
internal sealed class IntakeBench : IDisposable, ILogger
{
    public const string Origin = "https://buyer.example";
    public const string Sender = "https://seller.example/agent";
    private const string Path = "/hook";

    public IntakeBench(
        Func<WebhookReceiverOptions, WebhookReceiverOptions>? with = null,
        Func<ReceivedWebhook, CancellationToken, ValueTask>? handler = null)
    {
        Options = new WebhookReceiverOptions
        {
            Verifier = new Rfc9421Verifier(Keys(), new InMemoryReplayCache(timeProvider: Time), new() { TimeProvider = Time }),
            PublicOrigins = [Origin],
            Store = new DevelopmentWebhookClaimStore(timeProvider: Time),
            TimeProvider = Time,
        };
        Options = with?.Invoke(Options) ?? Options;
        Intake = new WebhookIntake(handler ?? ((_, _) => default), Options, "/hook", this);
    }

    public WatchedTime Time { get; } = new(DateTimeOffset.FromUnixTimeSeconds(1776520800));

    public SigningKey Key { get; } = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k1");

    public WebhookReceiverOptions Options { get; }

    public WebhookIntake Intake { get; }

    public ConcurrentQueue<(LogLevel Level, string Text)> Log { get; } = new();

    public static byte[] Body(string key = "whk_0123456789abcdef") => Encoding.UTF8.GetBytes(
        $$"""
        {"idempotency_key":"{{key}}","operation_id":"op_1","task_id":"t","task_type":"create_media_buy","status":"completed",
        "timestamp":"2026-04-18T14:00:00Z"}
        """);

    public SignedMessage Sign(byte[]? body = null, string origin = Origin) =>
        SignedMessage.Sign(new Rfc9421Signer(Key), origin + Path, body ?? Body(), Time.GetUtcNow());

    public Task<IntakeResult> ReceiveAsync(SignedMessage message, CancellationToken hungUp = default) =>
        Intake.ReceiveAsync(message.Request(), PipeReader.Create(new ReadOnlySequence<byte>(message.Body)), message.Body.Length,
            hungUp).AsTask();

    public Task<IntakeResult> ReceiveAsync(SignedMessage message, PipeReader body, long? length = null) =>
        Intake.ReceiveAsync(message.Request(), body, length, default).AsTask();

    /// <summary>Waits for another thread without turning the clock.</summary>
    public static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Yield();
        }
    }

    public VerificationKeySet Keys() => VerificationKeySet.FromJwks(SigningKey.ExportJwks([Key]), Sender);

    public void Dispose() => Key.Dispose();

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?,
        string> formatter) =>
        Log.Enqueue((logLevel, formatter(state, exception)));
}
