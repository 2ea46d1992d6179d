namespace Adcp.Aot.Auditing;

/// <summary>
/// Receives audit records. An exception is logged and swallowed, and a call that takes too long is abandoned: neither
/// changes a delivery.
/// </summary>
/// <remarks>
/// <para>
/// If a call exceeds <c>WebhookSupervisorOptions.SinkTimeout</c>, it is late. It is counted as a failure and keeps its
/// records until it ends. Buffered, the sink is not called again before that, and records that find the queue full are
/// dropped and counted. Inline, the delivery continues, and if 64 late calls are out, further records are dropped and
/// counted.
/// </para>
/// <para>
/// If a buffered sink blocks its thread, no delivery is blocked. An inline sink is called on the delivery's thread, so
/// it must not block. A drain gives up on a call that has exceeded its timeout by a second, by the machine's clock, and
/// counts the records behind it as dropped.
/// </para>
/// </remarks>
public interface IDeliveryLogSink
{
    /// <summary>
    /// Records attempts. Buffered, one reader calls it with batches, never twice at once, and not in a caller's
    /// execution context. Inline, every delivery calls it with one record, many at once. The records belong to the sink
    /// until the returned task ends and must not be kept longer.
    /// </summary>
    /// <param name="attempts">At least one record. The records of one delivery are in order if they are in one batch.</param>
    /// <param name="cancellationToken">Cancelled when <c>WebhookSupervisorOptions.SinkTimeout</c> has passed.</param>
    ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken);
}
