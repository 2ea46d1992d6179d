namespace Adcp.Aot.Storage;

/// <summary>
/// Holds the ordered streams whose first row is to be read, and those whose first row is in memory. A part of
/// <see cref="OutboxSchedule"/>, called under its lock.
/// </summary>
/// <remarks>
/// A row of such a stream is only noted when it is read from the log: its stream is wanted. The first row of a wanted stream, its head,
/// is read by itself, and the stream is wanted again when that row has ended. A parked row of such a stream is its head, and returns as
/// any other.
/// </remarks>
internal sealed class OutboxStreams
{
    private readonly Dictionary<long, short> _wanted = [];
    private readonly HashSet<long> _heads = [];

    /// <summary>Gets the number of streams that wait for the read of their head.</summary>
    internal int Wanted => _wanted.Count;

    /// <summary>Notes that the head of a stream is to be read.</summary>
    internal void Want(long stream, short lane) => _wanted[stream] = lane;

    /// <summary>Takes streams whose heads are to be read now.</summary>
    internal IReadOnlyList<(long Stream, short Lane)> TakeWanted(int most)
    {
        (long Stream, short Lane)[] taken = [.. _wanted.Take(most).Select(static wanted => (wanted.Key, wanted.Value))];
        foreach ((long stream, short _) in taken)
        {
            _wanted.Remove(stream);
        }

        // A head in memory may be settled while it is read again. Its end wants the stream anew.
        return [.. taken.Where(wanted => !_heads.Contains(wanted.Stream))];
    }

    /// <summary>Takes a row that was read as the head of its stream.</summary>
    /// <returns>Whether it is new: it is not parked, and the head of its stream is not in memory.</returns>
    internal bool TryHold(OutboxRow row) => row.IsHead = !row.IsParked && _heads.Add(row.Stream!.Value);

    /// <summary>Notes that a row leaves memory.</summary>
    internal void Release(OutboxRow row)
    {
        if (row is { Stream: { } stream, IsHead: true })
        {
            _heads.Remove(stream);
        }
    }

    /// <summary>Forgets the wanted streams of a lane; <see langword="null"/> for all lanes.</summary>
    internal void Leave(short? lane)
    {
        foreach ((long stream, short owner) in _wanted)
        {
            if (lane is null || owner == lane)
            {
                _wanted.Remove(stream);
            }
        }
    }
}
