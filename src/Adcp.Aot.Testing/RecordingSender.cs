using System.Collections.Concurrent;

namespace Adcp.Aot.Testing;

/// <summary>
/// A sender without a network: it freezes webhooks as a real sender does, keeps each attempt, and answers by a script. Thread-safe.
/// </summary>
public sealed class RecordingSender : IWebhookSender, IDisposable
{
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "test-key");
    private readonly WebhookSender _inner;
    private readonly ConcurrentQueue<Func<PreparedWebhook, WebhookSendResult>> _script = new();
    private readonly ConcurrentQueue<PreparedWebhook> _attempts = new();

    /// <summary>Creates a sender that answers every attempt with 200.</summary>
    /// <param name="version">The AdCP version of the bodies.</param>
    /// <param name="time">The clock of the bodies; <see langword="null"/> for the system's.</param>
    public RecordingSender(AdcpVersion version = AdcpVersion.V32, TimeProvider? time = null) => _inner = new WebhookSender(
        new Signing.Rfc9421Signer(_key),
        new WebhookSenderOptions
        {
            Version = version,
            AllowHttp = true,
            AllowPrivateNetworks = true,
            TimeProvider = time ?? TimeProvider.System,
        });

    /// <summary>Gets the webhooks of all attempts, in order.</summary>
    public IReadOnlyList<PreparedWebhook> Attempts => [.. _attempts];

    /// <inheritdoc/>
    public WebhookSenderFacts Facts => _inner.Facts;

    /// <summary>Answers the next attempts with statuses, then 200 again.</summary>
    /// <param name="statuses">One for each attempt, 100 to 599.</param>
    /// <exception cref="ArgumentNullException"><paramref name="statuses"/> is null.</exception>
    public RecordingSender AnswerWith(params int[] statuses)
    {
        ArgumentNullException.ThrowIfNull(statuses);
        foreach (int status in statuses)
        {
            _script.Enqueue(webhook => new WebhookSendResult(webhook, status));
        }

        return this;
    }

    /// <summary>Lets the next attempt fail without an answer.</summary>
    /// <param name="error">The fault.</param>
    public RecordingSender FailWith(WebhookSendError error)
    {
        _script.Enqueue(webhook => new WebhookSendResult(webhook, error, "scripted"));
        return this;
    }

    /// <inheritdoc/>
    public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) =>
        _inner.Prepare(destination, payload, sequenceNumber);

    /// <inheritdoc/>
    public ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(webhook);
        cancellationToken.ThrowIfCancellationRequested();
        _attempts.Enqueue(webhook);
        return new(_script.TryDequeue(out Func<PreparedWebhook, WebhookSendResult>? answer)
            ? answer(webhook)
            : new WebhookSendResult(webhook, 200));
    }

    /// <summary>Disposes the test's own key.</summary>
    public void Dispose()
    {
        _inner.Dispose();
        _key.Dispose();
    }
}
