namespace Adcp.Aot.Storage;

/// <summary>The bounds of a takeover from a dead owner, whose memory is gone.</summary>
internal static class OutboxTakeover
{
    /// <summary>The most rows of a table that are counted as perhaps under way: as many as a worker has in memory by default.</summary>
    internal const int MaxCounted = 8192;

    /// <summary>The oldest rows of the log among which they are. Lanes of other owners have their share of these.</summary>
    internal const int MaxScanned = 65_536;
}
