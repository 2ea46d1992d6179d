using Adcp.Aot.Payloads;

namespace Adcp.Aot.Receiving;

/// <summary>A webhook that was verified and that this handler owns. Valid only while the handler runs.</summary>
public sealed class ReceivedWebhook
{
    internal ReceivedWebhook(string sender, string? keyId, string idempotencyKey, WebhookEnvelope? envelope, ReadOnlyMemory<byte> body)
    {
        Sender = sender;
        KeyId = keyId;
        IdempotencyKey = idempotencyKey;
        Envelope = envelope;
        Body = body;
    }

    /// <summary>
    /// The sender: the owner of the key or secret, never a claim of the body. If the key source names no sender, it is
    /// <c>key:</c> and the key id.
    /// </summary>
    public string Sender { get; }

    /// <summary>The key that signed the webhook; <c>null</c> for schemes without one.</summary>
    public string? KeyId { get; }

    /// <summary>The webhook's identity. A handler sees it again only if an earlier call failed.</summary>
    public string IdempotencyKey { get; }

    /// <summary>
    /// The members of a task webhook; <c>null</c> for other payloads, which
    /// <see cref="WebhookReceiverOptions.AcceptsOtherPayloads"/> allows.
    /// </summary>
    public WebhookEnvelope? Envelope { get; }

    /// <summary>
    /// The whole body, UTF-8 JSON without duplicate names. The memory is reused after the handler has returned: copy
    /// the parts that you keep.
    /// </summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>Returns the key only: the body may hold secrets.</summary>
    public override string ToString() => IdempotencyKey;
}
