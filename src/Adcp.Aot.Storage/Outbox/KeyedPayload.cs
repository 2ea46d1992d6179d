using System.Buffers;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Storage;

/// <summary>
/// A payload with an idempotency key that was drawn before it is written, because a delivery id is bound to the key
/// first.
/// </summary>
internal sealed class KeyedPayload : WebhookPayload
{
    private readonly WebhookPayload _inner;

    internal KeyedPayload(WebhookPayload inner, string idempotencyKey)
    {
        _inner = inner;
        IdempotencyKey = idempotencyKey;
        Headers = inner.Headers;
    }

    /// <inheritdoc/>
    public override string? NotificationType { get => _inner.NotificationType; init => throw new NotSupportedException(); }

    /// <inheritdoc/>
    public override string? NotificationId { get => _inner.NotificationId; init => throw new NotSupportedException(); }

    /// <inheritdoc/>
    public override string? AuditTaskId => _inner.AuditTaskId;

    /// <inheritdoc/>
    public override string? AuditTaskType => _inner.AuditTaskType;

    /// <inheritdoc/>
    public override bool CarriesSequenceNumber => _inner.CarriesSequenceNumber;

    /// <inheritdoc/>
    public override void Write(IBufferWriter<byte> output, in EnvelopeContext facts) => _inner.Write(output, facts);
}
