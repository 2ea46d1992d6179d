using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Auditing;

/// <summary>
/// A bounded queue of audit entries, many producers, one consumer, in which a producer shares nothing with anybody.
/// </summary>
/// <remarks>
/// <para>
/// Each of the first threads alive has a line of its own: a chain of blocks, of which it fills the last. Only its thread writes to a line, so an entry is published by one ordered
/// write of the block's count, and no interlocked operation makes the thread wait until the entry's memory, which the consumer's core touched last, has come back to its own.
/// Further threads share a line under a lock.
/// </para>
/// <para>
/// Blocks come from a common stock and go back when the consumer has read them, so one busy thread may use nearly all of the queue, and the stock is the bound. Every line may
/// keep one block that is read and not yet full; there are at most half as many lines as blocks, so that these never exhaust the stock. Entries
/// are filled in place. Those of different threads have no order among each other.
/// </para>
/// </remarks>
internal sealed class AttemptQueue
{
    private const int Shared = 0;
    private const int MaxLines = ThreadStripe.MaxNumbers + 1;
    private const int MaxBlockSize = 64;

    private readonly Line[] _lines;
    private readonly Reading[] _readings;
    private readonly Stack<Block> _stock = new();
    private readonly int _blockSize;
    private readonly int _blocks;
    private int _made;

    internal AttemptQueue(int capacity)
    {
        // Rounded down, so that the bound the caller set is never exceeded.
        _blockSize = Math.Clamp(capacity / 8, 1, MaxBlockSize);
        _blocks = capacity / _blockSize;
        _lines = new Line[Math.Clamp(_blocks / 2, 1, MaxLines)];
        _readings = new Reading[_lines.Length];
    }

    /// <summary>Entries that found no room (volatile reads).</summary>
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

    /// <summary>Consumer only: true where an entry is published and not yet taken (volatile reads).</summary>
    internal bool HasItems
    {
        get
        {
            foreach (ref Reading reading in _readings.AsSpan())
            {
                int read = reading.Read;
                for (Block? block = Volatile.Read(ref reading.First); block is not null; block = Volatile.Read(ref block.Next))
                {
                    if (Volatile.Read(ref block.Written) > read)
                    {
                        return true;
                    }

                    read = 0;
                }
            }

            return false;
        }
    }

    /// <summary>
    /// Claims an entry, to fill until <see cref="Publish"/>, which must follow on the same thread without anything between that could throw. Null where the queue is full, which is
    /// counted.
    /// </summary>
    /// <param name="thread">This thread's <see cref="ThreadStripe.Index"/>.</param>
    internal Block? Claim(int thread)
    {
        Line[] lines = _lines;
        return thread < lines.Length && lines[thread].Last is { IsFull: false } block ? block : ClaimInNext(thread);
    }

    /// <summary>Hands a filled entry to the consumer (release).</summary>
    /// <returns>True where the stock has run half out: the consumer should not pause any longer.</returns>
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

    /// <summary>How many lines there are to take from.</summary>
    internal int Lines => _lines.Length;

    /// <summary>Consumer only: makes records of what a line holds, up to the batch's length, and frees the entries.</summary>
    /// <returns>How many; less than the batch's length where the line is read up to now.</returns>
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

            // Its thread has gone on to the next block and never looks back.
            reading.First = next;
            reading.Read = 0;
            block.Written = 0;
            block.Next = null;
            lock (_stock)
            {
                _stock.Push(block);
            }
        }

        return count;
    }

    /// <summary>The rare claim: the thread has no block yet, or a full one, or no line of its own.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private Block? ClaimInNext(int thread)
    {
        bool shared = thread >= _lines.Length;
        if (shared)
        {
            Monitor.Enter(_lines);
        }

        int at = shared ? Shared : thread;
        ref Line line = ref _lines[at];
        Block? block = line.Last is { IsFull: false } last ? last : Extend(at);
        if (block is null)
        {
            Volatile.Write(ref line.Dropped, line.Dropped + 1);
            if (shared)
            {
                Monitor.Exit(_lines);
            }
        }

        return block;
    }

    /// <summary>Producer only: a new last block for its line; null where there is none left.</summary>
    private Block? Extend(int at)
    {
        ref Line line = ref _lines[at];
        Block? block;
        lock (_stock)
        {
            if (!_stock.TryPop(out block))
            {
                if (_made == _blocks)
                {
                    return null;
                }

                _made++;
                block = new Block(_blockSize);
            }

            block.IsOfSecondHalf = _stock.Count + _blocks - _made < _blocks / 2;
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

        line.Last = block;
        return block;
    }

    /// <summary>Written by its producer while it is on a line.</summary>
    internal sealed class Block(int size)
    {
        internal readonly AttemptEntry[] Entries = new AttemptEntry[size];
        internal readonly AttemptCause[] Causes = new AttemptCause[size];
        internal Block? Next;
        internal int Written;

        /// <summary>True on the line whose producers take a lock.</summary>
        internal bool IsShared;

        /// <summary>True where it was taken from a stock that had run half out.</summary>
        internal bool IsOfSecondHalf;

        internal bool IsFull => Written == Entries.Length;

        /// <summary>The entry that is claimed.</summary>
        internal ref AttemptEntry Entry => ref Entries[Written];

        /// <summary>What belongs to it where it is a failure's.</summary>
        internal ref AttemptCause Cause => ref Causes[Written];
    }

    /// <summary>The producer's end of a line: two cache lines, since processors fetch them in pairs.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Line
    {
        [FieldOffset(0)]
        internal Block? Last;

        [FieldOffset(8)]
        internal long Dropped;
    }

    /// <summary>The consumer's end, apart from the producer's, whose line a consumer at work would else take away with every entry.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Reading
    {
        /// <summary>Set once by the producer, then the consumer's.</summary>
        [FieldOffset(0)]
        internal Block? First;

        /// <summary>How many entries of the first block are taken.</summary>
        [FieldOffset(8)]
        internal int Read;
    }
}
