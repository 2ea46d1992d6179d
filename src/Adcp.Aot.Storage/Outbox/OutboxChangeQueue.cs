using System.Collections.Concurrent;

namespace Adcp.Aot.Storage;

/// <summary>
/// The changes that wait for their commit. Results of attempts come first: rows that only move, because memory has no room for them, hold
/// up no attempt. Thread-safe for any number of adders and one taker.
/// </summary>
internal sealed class OutboxChangeQueue
{
    /// <summary>The most changes of one commit.</summary>
    internal const int MaxChanges = 2000;

    /// <summary>The most bytes of rows whose change moves them, in one commit.</summary>
    internal const int MaxMovedBytes = 1 << 20;

    /// <summary>The same of rows without an attempt if the commit has results of attempts, which must not take long.</summary>
    internal const int MaxMovedBytesBesideResults = MaxMovedBytes / 8;

    /// <summary>While so many rows wait for their move, no more of a backlog is worth a read.</summary>
    internal const int MaxMoves = MaxChanges;

    private readonly ConcurrentQueue<OutboxChange> _results = new();
    private readonly ConcurrentQueue<OutboxChange> _moves = new();

    /// <summary>Gets whether a row that is parked as soon as it is read is committed soon.</summary>
    internal bool HasRoomForMoves => _moves.Count < MaxMoves;

    /// <summary>Adds a change. Those with a result of an attempt, and marks before one, come first.</summary>
    internal void Add(OutboxChange change) =>
        (change.EndsAttempt || change.Kind == OutboxChangeKind.Trial ? _results : _moves).Enqueue(change);

    /// <summary>Takes the changes of the next commit.</summary>
    internal void Take(List<OutboxChange> batch)
    {
        Take(_results, MaxMovedBytes, batch);
        Take(_moves, batch.Count == 0 ? MaxMovedBytes : MaxMovedBytesBesideResults, batch);
    }

    private static void Take(ConcurrentQueue<OutboxChange> changes, int maxBytes, List<OutboxChange> batch)
    {
        int moved = 0;
        while (batch.Count < MaxChanges && moved < maxBytes && changes.TryDequeue(out OutboxChange? change))
        {
            batch.Add(change);
            moved += change.Kind is OutboxChangeKind.Delivered or OutboxChangeKind.Trial ? 0 : change.Row.Sealed.Length;
        }
    }
}
