using System.Collections.Concurrent;

namespace Adcp.Aot.Sequencing;

/// <summary>
/// Draws the numbers of delivery streams: for each key 1, 2, 3, ... without gap or repeat under any contention. In
/// memory: after a restart, call <see cref="Resume"/> with the last number that the receiver may have seen.
/// Thread-safe; drawing from a known stream takes no lock.
/// </summary>
/// <remarks>
/// Each stream counts in its own cache line, so streams do not contend with each other, and one stream costs one
/// <see cref="Interlocked.Increment(ref long)"/>. Streams are never forgotten, because a forgotten stream would start
/// again at 1. Instead their number is bounded, and a new stream over the bound throws.
/// </remarks>
public sealed class SequenceAllocator
{
    internal const int MaxKeyLength = 4096;

    private readonly ConcurrentDictionary<string, SequenceStream> _streams = new(StringComparer.Ordinal);
    private readonly object _adding = new();
    private int _count;

    /// <summary>Creates an allocator.</summary>
    /// <param name="maxStreams">The maximum number of streams, 1 or more. Default 1,000,000 (about 170 bytes each
    /// beside the key).</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxStreams"/> is below 1.</exception>
    public SequenceAllocator(int maxStreams = 1_000_000)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxStreams, 1);
        MaxStreams = maxStreams;
    }

    /// <summary>The maximum number of streams.</summary>
    public int MaxStreams { get; }

    /// <summary>The number of streams.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Draws the next number of a stream, 1 for the first.</summary>
    /// <param name="key">The stream's key, 1 to 4,096 characters.</param>
    /// <exception cref="ArgumentException"><paramref name="key"/> is null, empty or longer.</exception>
    /// <exception cref="SequenceCapacityException">The key is new and the allocator is full.</exception>
    /// <exception cref="InvalidOperationException">The stream has used its last number, <see cref="long.MaxValue"/>.</exception>
    public long Next(string key) => GetStream(key).Next();

    /// <summary>Returns the stream of a key. Creates it if it is new.</summary>
    /// <param name="key">The stream's key, 1 to 4,096 characters.</param>
    /// <exception cref="ArgumentException"><paramref name="key"/> is null, empty or longer.</exception>
    /// <exception cref="SequenceCapacityException">The key is new and the allocator is full.</exception>
    public SequenceStream GetStream(string key)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        return _streams.TryGetValue(key, out SequenceStream? stream) ? stream : Add(key);
    }

    /// <summary>Continues a stream after <paramref name="last"/>; never moves it back.</summary>
    /// <param name="key">The stream's key, 1 to 4,096 characters.</param>
    /// <param name="last">The last number known to be used, 0 or more and below <see cref="long.MaxValue"/>, so that
    /// there is a next one.</param>
    /// <exception cref="ArgumentException"><paramref name="key"/> is null, empty or longer.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="last"/> is negative, or <see cref="long.MaxValue"/>.</exception>
    /// <exception cref="SequenceCapacityException">The key is new and the allocator is full.</exception>
    public void Resume(string key, long last)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(last);
        if (last == long.MaxValue)
        {
            throw new ArgumentOutOfRangeException(nameof(last), last, "Must be below long.MaxValue: no number follows that one.");
        }

        GetStream(key).Resume(last);
    }

    private SequenceStream Add(string key)
    {
        if (key.Length > MaxKeyLength)
        {
            throw new ArgumentException($"A sequence key has 1 to {MaxKeyLength} characters.", nameof(key));
        }

        // Once in a stream's life. If it were counted without the lock, two first draws of one key could count twice,
        // and the second of them, or a third key, would be refused although there is still room.
        lock (_adding)
        {
            if (_streams.TryGetValue(key, out SequenceStream? stream))
            {
                return stream;
            }

            if (_count >= MaxStreams)
            {
                throw new SequenceCapacityException(MaxStreams);
            }

            stream = new SequenceStream(key, this);
            _streams[key] = stream;
            Volatile.Write(ref _count, _count + 1);
            return stream;
        }
    }
}
