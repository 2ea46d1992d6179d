using Adcp.Aot.Payloads;
using Adcp.Aot.Signing;

namespace Adcp.Aot;

/// <summary>
/// A webhook with a frozen body and idempotency key. Every attempt sends the same bytes with a fresh signature.
/// Immutable and safe for concurrent use.
/// </summary>
public sealed class PreparedWebhook
{
    private string? _contentDigest;

    /// <summary>
    /// Creates a webhook from bytes that a store has kept. In other cases use <see cref="IWebhookSender.Prepare"/>.
    /// </summary>
    /// <param name="destination">The destination.</param>
    /// <param name="body">The UTF-8 JSON body. Not copied: the caller must not change it again.</param>
    /// <param name="idempotencyKey">The key in the body.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="ArgumentException">The body is empty or the key breaks its pattern.</exception>
    public PreparedWebhook(WebhookDestination destination, ReadOnlyMemory<byte> body, string idempotencyKey)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(idempotencyKey);
        if (body.IsEmpty)
        {
            throw new ArgumentException("The body of a webhook must not be empty.", nameof(body));
        }

        IdempotencyKeys.Validate(idempotencyKey, nameof(idempotencyKey));
        Destination = destination;
        Body = body;
        IdempotencyKey = idempotencyKey;
    }

    /// <summary>The destination.</summary>
    public WebhookDestination Destination { get; }

    /// <summary>The UTF-8 JSON body of every attempt.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>The delivery's identity at the receiver, the same on every attempt.</summary>
    public string IdempotencyKey { get; }

    /// <summary>The task that it reports on; <c>null</c> if none.</summary>
    public string? TaskId { get; init; }

    /// <summary>The wire name of the task type; <c>null</c> if none.</summary>
    public string? TaskType { get; init; }

    /// <summary>The AdCP notification type; <c>null</c> if none.</summary>
    public string? NotificationType { get; init; }

    /// <summary>The event's identity, the same for all re-emissions; <c>null</c> if none.</summary>
    public string? NotificationId { get; init; }

    /// <summary>Extra HTTP headers of every attempt.</summary>
    public IReadOnlyList<KeyValuePair<string, string>>? Headers { get; init; }

    /// <summary>The sequence number in the body; <c>null</c> if it has none.</summary>
    public long? SequenceNumber { get; init; }

    /// <summary>
    /// Gets whether the body of the answer is part of the result, as for an ownership challenge, and is read
    /// completely.
    /// </summary>
    internal bool NeedsAnswerBody { get; init; }

    /// <summary>The tenant of the delivery under way, which says whose share of the name look-ups an attempt uses.</summary>
    internal string? Tenant { get; set; }

    /// <summary>The body's digest header, computed once for all attempts.</summary>
    internal string ContentDigest => _contentDigest ??= Rfc9421Signer.ContentDigest(Body.Span);

    /// <summary>Returns the key only: url and body may hold secrets.</summary>
    public override string ToString() => $"PreparedWebhook {IdempotencyKey}";
}
