namespace Adcp.Aot.Storage;

/// <summary>
/// The lanes that an outbox is divided into. All webhooks to one host are in one lane, and a lane belongs to one process at a time, so
/// that limits, circuits and order of an endpoint are decided in one memory.
/// </summary>
internal static class OutboxLanes
{
    /// <summary>The number of lanes. Stored with each row: it never changes.</summary>
    internal const int Count = 64;
}
