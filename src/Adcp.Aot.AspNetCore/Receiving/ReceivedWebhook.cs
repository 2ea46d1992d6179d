using Adcp.Aot.Payloads;

namespace Adcp.Aot.AspNetCore.Receiving;

/// <summary>A webhook that was verified and is this handler's to process. Valid only while the handler runs.</summary>
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

    /// <summary>Who sent it: the identity its key or secret belongs to, never anything the body says; empty where the verifier names no sender.</summary>
    public string Sender { get; }

    /// <summary>The key that signed it; null for ways without one.</summary>
    public string? KeyId { get; }

    /// <summary>Its identity: a handler sees it again only where an earlier call failed.</summary>
    public string IdempotencyKey { get; }

    /// <summary>The members of a task webhook; null for other payloads, which <see cref="WebhookReceiverOptions.AcceptsOtherPayloads"/> lets pass.</summary>
    public WebhookEnvelope? Envelope { get; }

    /// <summary>The whole body, UTF-8 JSON without duplicate names. The memory is used again when the handler ends: copy what must stay.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>Names the key only: the body may hold secrets.</summary>
    public override string ToString() => IdempotencyKey;
}
