namespace Adcp.Aot.Auditing;

/// <summary>Where audit records go. What it throws is logged and swallowed; what it takes too long over is left behind.</summary>
public interface IDeliveryLogSink
{
    /// <summary>
    /// Records attempts. Buffered, it is called by one reader with batches, never twice at once unless a call outlived its timeout; inline, it is
    /// called by every delivery at once with one record. The records are the sink's until the returned task ends and must not be kept longer.
    /// </summary>
    /// <param name="attempts">At least one record, those of one delivery in order where they are in one batch.</param>
    /// <param name="cancellationToken">Cancelled when <c>RetryPolicy.SinkTimeout</c> has passed.</param>
    ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken);
}
