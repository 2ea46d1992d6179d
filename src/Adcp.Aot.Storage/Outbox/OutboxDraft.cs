using Adcp.Aot.Delivery;

namespace Adcp.Aot.Storage;

/// <summary>A webhook on its way into the outbox.</summary>
internal sealed class OutboxDraft(
    OutboxItem item, KeyedPayload payload, string key, PreparedWebhook webhook, OutboxBinding? binding)
{
    internal OutboxItem Item { get; } = item;

    internal KeyedPayload Payload { get; } = payload;

    internal OutboxBinding? Binding { get; } = binding;

    /// <summary>Gets or sets the frozen webhook. Until its number is drawn it has another body.</summary>
    internal PreparedWebhook Webhook { get; set; } = webhook;

    internal long? SequenceNumber { get; set; }

    /// <summary>Gets or sets the W3C id of the span of the enqueueing; <see langword="null"/> for none.</summary>
    internal string? TraceParent { get; set; }

    /// <summary>Gets or sets the id of the row; 0 if it has none.</summary>
    internal long Id { get; set; }

    /// <summary>Gets or sets the binding that the delivery id had before.</summary>
    internal OutboxBinding? Earlier { get; set; }

    /// <summary>Gets or sets the draft of the same call that has the same delivery id and comes before this one.</summary>
    internal OutboxDraft? Same { get; set; }

    /// <summary>Gets or sets whether <see cref="Binding"/> was bound before the row is appended.</summary>
    internal bool IsBound { get; set; }

    /// <summary>Gets whether the webhook has a number in a stream.</summary>
    internal bool IsNumbered => Item.Options.SequenceKey is not null;

    /// <summary>Gets whether a row is added.</summary>
    internal bool IsNew => Earlier is null && Same is null;

    internal OutboxReceipt Receipt
    {
        get
        {
            if (Same is { } same)
            {
                OutboxReceipt first = same.Receipt;
                bool isEqual = same.Binding!.Fingerprint.AsSpan().SequenceEqual(Binding!.Fingerprint);
                EnqueueStatus status = !isEqual ? EnqueueStatus.Conflict
                    : first.Status == EnqueueStatus.Enqueued ? EnqueueStatus.AlreadyEnqueued
                    : first.Status;
                return first with { Status = status, Id = 0 };
            }

            return Earlier is { } earlier
                ? new OutboxReceipt(StatusOf(earlier), 0, earlier.IdempotencyKey, earlier.SequenceNumber)
                : new OutboxReceipt(EnqueueStatus.Enqueued, Id, key, SequenceNumber);
        }
    }

    private EnqueueStatus StatusOf(OutboxBinding earlier) =>
        !earlier.Fingerprint.AsSpan().SequenceEqual(Binding!.Fingerprint) ? EnqueueStatus.Conflict
        : earlier.IsRetired ? EnqueueStatus.Retired
        : EnqueueStatus.AlreadyEnqueued;
}
