namespace Adcp.Aot.Delivery;

/// <summary>The result of enqueueing a webhook.</summary>
/// <param name="Status">Whether the webhook was added.</param>
/// <param name="Id">The outbox's own id of the row; 0 if the webhook was not added.</param>
/// <param name="IdempotencyKey">The key that every attempt sends, even if the delivery was enqueued before.</param>
/// <param name="SequenceNumber">
/// The number of the webhook in its stream, of the first one if it was enqueued before; <see langword="null"/> without a stream.
/// </param>
public readonly record struct OutboxReceipt(EnqueueStatus Status, long Id, string IdempotencyKey, long? SequenceNumber = null);
