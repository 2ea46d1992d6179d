using System.Buffers;
using Adcp.Aot.Payloads;

namespace Adcp.Aot;

/// <summary>What a webhook says. A sender turns it into bytes once; see <c>IWebhookSender.Prepare</c>.</summary>
public abstract class WebhookPayload
{
    /// <summary>For payload types of this assembly and of callers with a body of their own.</summary>
    protected WebhookPayload()
    {
    }

    /// <summary>The delivery's idempotency key, 16 to 255 of <c>A-Z a-z 0-9 _ . : -</c>; null lets the sender draw a random one.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>Extra HTTP headers of every attempt. A header that the sender writes itself is refused by <c>Prepare</c>.</summary>
    public IReadOnlyList<KeyValuePair<string, string>>? Headers { get; init; }

    /// <summary>The AdCP notification type (<c>scheduled</c>, <c>impairment</c>, ...), where the payload has one.</summary>
    public virtual string? NotificationType { get; init; }

    /// <summary>The event's identity over re-emissions, where the payload defines one.</summary>
    public virtual string? NotificationId { get; init; }

    /// <summary>The task the webhook reports on, for the audit record.</summary>
    public virtual string? AuditTaskId => null;

    /// <summary>The wire name of the task type, for the audit record.</summary>
    public virtual string? AuditTaskType => null;

    /// <summary>
    /// Gets whether the body carries the delivery's sequence number. Then <see cref="Write"/> is called after the
    /// number is drawn.
    /// </summary>
    public virtual bool CarriesSequenceNumber => false;

    /// <summary>Writes the whole JSON body. Called once for a delivery.</summary>
    /// <param name="output">Where the UTF-8 JSON goes.</param>
    /// <param name="facts">What the sender contributes.</param>
    /// <exception cref="WebhookPayloadException">The payload breaks a rule of the wire.</exception>
    public abstract void Write(IBufferWriter<byte> output, in EnvelopeContext facts);
}
