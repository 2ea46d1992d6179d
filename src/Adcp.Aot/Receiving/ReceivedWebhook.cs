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
    /// The sender: the identity that its key or secret belongs to, never a word of the body. A key whose source names no sender
    /// gives <c>key:</c> and the key id.
    /// </summary>
    public string Sender { get; }

    /// <summary>The key that signed the webhook; <c>null</c> for ways without one.</summary>
    public string? KeyId { get; }

    /// <summary>The webhook's identity: a handler sees it again only if an earlier call failed.</summary>
    public string IdempotencyKey { get; }

    /// <summary>
    /// The members of a task webhook; <c>null</c> for other payloads, which
    /// <see cref="WebhookReceiverOptions.AcceptsOtherPayloads"/> lets pass.
    /// </summary>
    public WebhookEnvelope? Envelope { get; }

    /// <summary>
    /// The whole body, UTF-8 JSON without duplicate names. The memory is used again after the handler has returned: copy what must
    /// stay.
    /// </summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>Returns the key only: the body may hold secrets.</summary>
    public override string ToString() => IdempotencyKey;
}
