namespace Adcp.Aot.Auditing;

/// <summary>How records reach the sink.</summary>
public enum SinkMode
{
    /// <summary>
    /// Through a bounded queue, in batches, off the delivery's road: a record waits up to 20 ms for others, no longer once the queue is half full. A full queue drops the newest record and
    /// counts it.
    /// </summary>
    Buffered = 0,

    /// <summary>The delivery waits for the sink, up to <c>RetryPolicy.SinkTimeout</c> for each record.</summary>
    Inline = 1,
}
