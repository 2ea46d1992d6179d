using Adcp.Aot.Payloads;
using Adcp.Aot.Signing;

namespace Adcp.Aot;

/// <summary>
/// A webhook whose body and idempotency key are frozen. Every attempt sends these very bytes; only signatures are fresh.
/// Immutable and safe for concurrent use.
/// </summary>
public sealed class PreparedWebhook
{
    private string? _contentDigest;

    /// <summary>
    /// Freezes a body. <see cref="IWebhookSender.Prepare"/> is the usual way; this one is for stores that kept the
    /// bytes.
    /// </summary>
    /// <param name="destination">Where it goes.</param>
    /// <param name="body">The UTF-8 JSON body. Not copied: the caller must not change it again.</param>
    /// <param name="idempotencyKey">The key that the body carries.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="ArgumentException">The body is empty or the key breaks its pattern.</exception>
    public PreparedWebhook(WebhookDestination destination, ReadOnlyMemory<byte> body, string idempotencyKey)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(idempotencyKey);
        if (body.IsEmpty)
        {
            throw new ArgumentException("A webhook body cannot be empty.", nameof(body));
        }

        IdempotencyKeys.Validate(idempotencyKey, nameof(idempotencyKey));
        Destination = destination;
        Body = body;
        IdempotencyKey = idempotencyKey;
    }

    /// <summary>Where it goes.</summary>
    public WebhookDestination Destination { get; }

    /// <summary>The UTF-8 JSON body of every attempt.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>The delivery's identity at the receiver, the same on every attempt.</summary>
    public string IdempotencyKey { get; }

    /// <summary>The task it reports on, if any.</summary>
    public string? TaskId { get; init; }

    /// <summary>The wire name of the task type, if any.</summary>
    public string? TaskType { get; init; }

    /// <summary>The AdCP notification type, if any.</summary>
    public string? NotificationType { get; init; }

    /// <summary>The event's identity over re-emissions, if any.</summary>
    public string? NotificationId { get; init; }

    /// <summary>Extra HTTP headers of every attempt.</summary>
    public IReadOnlyList<KeyValuePair<string, string>>? Headers { get; init; }

    /// <summary>The number that the body carries, if it carries one.</summary>
    public long? SequenceNumber { get; init; }

    /// <summary>
    /// Gets whether the body of the answer is part of the outcome, as for an ownership challenge, and is read whole.
    /// </summary>
    internal bool NeedsAnswerBody { get; init; }

    /// <summary>The tenant of the delivery under way, which says whose share of the name look-ups an attempt uses.</summary>
    internal string? Tenant { get; set; }

    /// <summary>The body's digest header, computed once for all attempts.</summary>
    internal string ContentDigest => _contentDigest ??= Rfc9421Signer.ContentDigest(Body.Span);

    /// <summary>Names the key only: url and body may hold secrets.</summary>
    public override string ToString() => $"PreparedWebhook {IdempotencyKey}";
}
