using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Auditing;

/// <summary>
/// A bounded queue of audit entries for many producers and one consumer, in which producers share no cache line.
/// </summary>
/// <remarks>
/// <para>
/// Each of the first living threads has its own producer segment: a chain of blocks, of which it fills the last. Only
/// its thread writes to a segment, so one ordered write of the block's count publishes an entry. No interlocked
/// operation makes the thread wait for the entry's memory, which the consumer's core touched last. Further threads
/// share a segment under a lock.
/// </para>
/// <para>
/// Blocks come from a shared free list and return to it when the consumer has read them. One busy thread may use nearly
/// all of the queue, and the free list is the bound. Every segment may keep one block that is read and not yet full.
/// There are at most half as many segments as blocks, so these never exhaust the free list. Entries are filled in
/// place. Entries of different threads have no order among each other.
/// </para>
/// <para>
/// If the queue is full, it drops an entry without a lock: a flag shows that the free list is exhausted. Only the
/// consumer and the thread that takes the last block write the flag.
/// </para>
/// </remarks>
internal sealed class AttemptQueue
{
    private const int Shared = 0;
    private const int MaxLines = ThreadStripe.MaxNumbers + 1;
    private const int MaxBlockSize = 64;

    private readonly Line[] _lines;
    private readonly Reading[] _readings;
    private readonly Stack<Block> _stock;
    private readonly Func<int, Block> _create;
    private readonly int _blockSize;
    private readonly int _blocks;
    private int _made;

    /// <summary><c>true</c> while every block is in a segment. Written under the lock of the free list.</summary>
    private volatile bool _isExhausted;

    /// <summary>Creates an empty queue.</summary>
    /// <param name="capacity">The most entries that wait.</param>
    /// <param name="create">Allocates a block of a size; null for its constructor.</param>
    internal AttemptQueue(int capacity, Func<int, Block>? create = null)
    {
        // Rounded down, so that the caller's bound is never exceeded. The exception is a bound of 1: a segment needs a
        // second block before its first can return.
        _blockSize = Math.Clamp(capacity / 8, 1, MaxBlockSize);
        _blocks = Math.Max(2, capacity / _blockSize);
        _create = create ?? (static size => new Block(size));

        // As long as it can get: the consumer's push never allocates.
        _stock = new Stack<Block>(_blocks);
        _lines = new Line[Math.Clamp(_blocks / 2, 1, MaxLines)];
        _readings = new Reading[_lines.Length];
    }

    /// <summary>Gets how many entries found no room (volatile reads).</summary>
    internal long Dropped
    {
        get
        {
            long sum = 0;
            foreach (ref Line line in _lines.AsSpan())
            {
                sum += Volatile.Read(ref line.Dropped);
            }

            return sum;
        }
    }

    /// <summary>
    /// Gets whether an entry is published and not yet taken. For the consumer, or for any thread if there is none
    /// (volatile reads).
    /// </summary>
    internal bool HasItems => Waiting != 0;

    /// <summary>
    /// Gets how many entries are published and not yet taken. For the consumer, or for any thread if there is none
    /// (volatile reads).
    /// </summary>
    internal int Waiting
    {
        get
        {
            int waiting = 0;
            foreach (ref Reading reading in _readings.AsSpan())
            {
                int read = reading.Read;
                for (Block? block = Volatile.Read(ref reading.First); block is not null; block = Volatile.Read(ref block.Next))
                {
                    waiting += Volatile.Read(ref block.Written) - read;
                    read = 0;
                }
            }

            return waiting;
        }
    }

    /// <summary>
    /// Claims an entry to fill. <see cref="Publish"/> must follow on the same thread, and nothing between them may
    /// throw. Returns <c>null</c> if the queue is full or no memory is left, and counts it. Never throws.
    /// </summary>
    /// <param name="thread">This thread's <see cref="ThreadStripe.Index"/>.</param>
    internal Block? Claim(int thread)
    {
        Line[] lines = _lines;
        return thread < lines.Length && lines[thread].Last is { IsFull: false } block ? block : ClaimInNext(thread);
    }

    /// <summary>Hands a filled entry to the consumer (release).</summary>
    /// <returns><c>true</c> if the free list is at most half full: the consumer should not pause any longer.</returns>
    internal bool Publish(Block block)
    {
        int written = block.Written + 1;
        Volatile.Write(ref block.Written, written);
        if (block.IsShared)
        {
            Monitor.Exit(_lines);
        }

        return written == 1 && block.IsOfSecondHalf;
    }

    /// <summary>Gets the number of segments.</summary>
    internal int Lines => _lines.Length;

    /// <summary>
    /// Consumer only: creates records from the entries of a segment, up to the batch's length, and frees the entries.
    /// </summary>
    /// <returns>The number of records; fewer than the batch's length if the segment has no more now.</returns>
    internal int Take(int from, ReadOnlySpan<DeliveryAttempt> batch)
    {
        ref Reading reading = ref _readings[from];
        int count = 0;
        while (count < batch.Length && Volatile.Read(ref reading.First) is { } block)
        {
            int written = Volatile.Read(ref block.Written);
            while (reading.Read < written && count < batch.Length)
            {
                int at = reading.Read++;
                ref AttemptEntry entry = ref block.Entries[at];
                if (entry.HasCause)
                {
                    ref AttemptCause cause = ref block.Causes[at];
                    batch[count++].Fill(entry, cause);
                    cause = default;
                }
                else
                {
                    batch[count++].Fill(entry);
                }

                entry = default;
            }

            if (reading.Read < block.Entries.Length || Volatile.Read(ref block.Next) is not { } next)
            {
                break;
            }

            // Its thread has moved to the next block and never looks back.
            reading.First = next;
            reading.Read = 0;
            block.Written = 0;
            block.Next = null;
            lock (_stock)
            {
                _stock.Push(block);
                _isExhausted = false;
            }
        }

        return count;
    }

    /// <summary>Claims an entry if the thread has no block yet, a full one, or no segment of its own.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private Block? ClaimInNext(int thread)
    {
        if (thread >= _lines.Length)
        {
            return ClaimInShared();
        }

        Block? block = Extend(thread);
        if (block is null)
        {
            ref long dropped = ref _lines[thread].Dropped;
            Volatile.Write(ref dropped, dropped + 1);
        }

        return block;
    }

    /// <summary>Claims an entry in the shared segment and keeps its lock until <see cref="Publish"/>.</summary>
    private Block? ClaimInShared()
    {
        ref Line line = ref _lines[Shared];
        if (_isExhausted && Volatile.Read(ref line.Last) is { IsFull: true })
        {
            Interlocked.Increment(ref line.Dropped);
            return null;
        }

        Monitor.Enter(_lines);
        Block? block = line.Last is { IsFull: false } last ? last : Extend(Shared);
        if (block is null)
        {
            Interlocked.Increment(ref line.Dropped);
            Monitor.Exit(_lines);
        }

        return block;
    }

    /// <summary>
    /// Producer only: gives its segment a new last block. Returns <c>null</c> if the free list is exhausted. Never
    /// throws.
    /// </summary>
    private Block? Extend(int at)
    {
        if (_isExhausted)
        {
            return null;
        }

        ref Line line = ref _lines[at];
        Block? block;
        lock (_stock)
        {
            if (!_stock.TryPop(out block) && (block = Create()) is null)
            {
                return null;
            }

            int left = _stock.Count + _blocks - _made;
            _isExhausted = left == 0;
            block.IsOfSecondHalf = left < _blocks / 2;
            block.IsShared = at == Shared;
        }

        if (line.Last is { } last)
        {
            Volatile.Write(ref last.Next, block);
        }
        else
        {
            Volatile.Write(ref _readings[at].First, block);
        }

        Volatile.Write(ref line.Last, block);
        return block;
    }

    /// <summary>
    /// Allocates a block if the bound allows one more. If there is no memory, there is no block: a delivery matters
    /// more than a record.
    /// </summary>
    private Block? Create()
    {
        if (_made == _blocks)
        {
            return null;
        }

        try
        {
            Block block = _create(_blockSize);
            _made++;
            return block;
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    /// <summary>Entries of one segment. Its producer writes them while the block is in the segment.</summary>
    internal sealed class Block(int size)
    {
        internal readonly AttemptEntry[] Entries = new AttemptEntry[size];
        internal readonly AttemptCause[] Causes = new AttemptCause[size];
        internal Block? Next;
        internal int Written;

        /// <summary><c>true</c> if it is in the segment whose producers take a lock.</summary>
        internal bool IsShared;

        /// <summary><c>true</c> if it was taken from a free list that was at most half full.</summary>
        internal bool IsOfSecondHalf;

        internal bool IsFull => Volatile.Read(ref Written) == Entries.Length;

        /// <summary>Gets the entry that is claimed.</summary>
        internal ref AttemptEntry Entry => ref Entries[Written];

        /// <summary>Gets the cause that belongs to the claimed entry if the attempt failed.</summary>
        internal ref AttemptCause Cause => ref Causes[Written];
    }

    /// <summary>
    /// The producer's end of a segment. It takes two cache lines, because processors fetch them in pairs.
    /// </summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Line
    {
        [FieldOffset(0)]
        internal Block? Last;

        [FieldOffset(8)]
        internal long Dropped;
    }

    /// <summary>
    /// The consumer's end of a segment. It is separate from the producer's, so that a busy consumer does not take the
    /// producer's cache line with every entry.
    /// </summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Reading
    {
        /// <summary>The block to read. The producer sets it once, then the consumer owns it.</summary>
        [FieldOffset(0)]
        internal Block? First;

        /// <summary>The number of entries of that block that are taken.</summary>
        [FieldOffset(8)]
        internal int Read;
    }
}
