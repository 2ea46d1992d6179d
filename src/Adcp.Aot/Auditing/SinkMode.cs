namespace Adcp.Aot.Auditing;

/// <summary>The way in which records reach the sink.</summary>
public enum SinkMode
{
    /// <summary>
    /// Through a bounded queue, in batches, in the background. A record waits up to 20 ms for others, and not at all if
    /// the queue is half full. If the queue is full, the newest record is dropped and counted.
    /// </summary>
    Buffered = 0,

    /// <summary>
    /// The delivery calls the sink and waits for it, up to <c>WebhookSupervisorOptions.SinkTimeout</c> for each record.
    /// If 64 calls have exceeded that and not ended, further records are dropped and counted.
    /// </summary>
    Inline = 1,
}
