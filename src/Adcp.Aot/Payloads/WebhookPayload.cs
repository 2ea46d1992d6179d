using System.Buffers;
using Adcp.Aot.Payloads;

namespace Adcp.Aot;

/// <summary>The content of a webhook. A sender converts it to bytes once; see <c>IWebhookSender.Prepare</c>.</summary>
public abstract class WebhookPayload
{
    /// <summary>For payload types of this assembly and of callers that write their own bodies.</summary>
    protected WebhookPayload()
    {
    }

    /// <summary>
    /// The delivery's idempotency key, 16 to 255 of <c>A-Z a-z 0-9 _ . : -</c>. If null, the sender creates a random
    /// one.
    /// </summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>
    /// Extra HTTP headers of every attempt. If the sender writes a header itself, <c>Prepare</c> refuses it.
    /// </summary>
    public IReadOnlyList<KeyValuePair<string, string>>? Headers { get; init; }

    /// <summary>
    /// The AdCP notification type (<c>scheduled</c>, <c>impairment</c>, ...); <c>null</c> if the payload has none.
    /// </summary>
    public virtual string? NotificationType { get; init; }

    /// <summary>The event's identity, the same for all re-emissions; <c>null</c> if the payload defines none.</summary>
    public virtual string? NotificationId { get; init; }

    /// <summary>The task that the webhook reports on, for the audit record.</summary>
    public virtual string? AuditTaskId => null;

    /// <summary>The wire name of the task type, for the audit record.</summary>
    public virtual string? AuditTaskType => null;

    /// <summary>
    /// Gets whether the body contains the delivery's sequence number. If so, <see cref="Write"/> is called after the
    /// number is drawn.
    /// </summary>
    public virtual bool CarriesSequenceNumber => false;

    /// <summary>Writes the complete JSON body. Called once for a delivery.</summary>
    /// <param name="output">Receives the UTF-8 JSON.</param>
    /// <param name="facts">The values that the sender contributes.</param>
    /// <exception cref="WebhookPayloadException">The payload breaks a rule of the wire.</exception>
    public abstract void Write(IBufferWriter<byte> output, in EnvelopeContext facts);
}
