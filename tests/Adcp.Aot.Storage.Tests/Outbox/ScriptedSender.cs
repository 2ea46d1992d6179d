using System.Collections.Concurrent;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>
/// A sender of one process: freezes webhooks as the real one does, and answers attempts as a test scripts them. A negative status is an
/// error without an answer.
/// </summary>
internal sealed class ScriptedSender(Func<PreparedWebhook, int, CancellationToken, ValueTask<int>> answer) : IWebhookSender, IDisposable
{
    private readonly WebhookSender _real =
        WebhookSender.FromBearerToken(new string('t', 40), new WebhookSenderOptions { Version = AdcpVersion.V32 });

    private readonly ConcurrentDictionary<string, int> _attempts = new(StringComparer.Ordinal);

    /// <summary>Gets every attempt that reached the receiver, in order.</summary>
    public ConcurrentQueue<(string Key, byte[] Body, string Url)> Received { get; } = new();

    public static ScriptedSender Always(int status) => new((_, _, _) => ValueTask.FromResult(status));

    public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) =>
        _real.Prepare(destination, payload, sequenceNumber);

    public async ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default)
    {
        await Task.Yield();
        Received.Enqueue((webhook.IdempotencyKey, webhook.Body.ToArray(), webhook.Destination.Url));
        int status = await answer(webhook, _attempts.AddOrUpdate(webhook.IdempotencyKey, 1, static (_, made) => made + 1),
            cancellationToken);
        return status < 0 ? new WebhookSendResult(webhook, (WebhookSendError)(-status)) : new WebhookSendResult(webhook, status);
    }

    public void Dispose() => _real.Dispose();
}
