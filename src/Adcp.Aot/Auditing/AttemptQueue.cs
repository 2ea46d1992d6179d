using System.Runtime.InteropServices;
using Adcp.Aot.Resilience;

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
    private const int MaxLines = 64;
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
    /// Claims an entry, to fill until <see cref="Publish"/>, which must follow on the same thread without anything between that could throw. False where the queue is full, which is
    /// counted.
    /// </summary>
    /// <param name="thread">This thread's <see cref="ThreadStripe.Index"/>.</param>
    /// <param name="claim">The claim.</param>
    internal bool TryClaim(int thread, out Claim claim)
    {
        bool shared = thread >= _lines.Length;
        if (shared)
        {
            Monitor.Enter(_lines);
        }

        ref Line line = ref _lines[shared ? Shared : thread];
        Block? block = line.Last;
        bool filling = false;
        if ((block is null || block.Written == block.Entries.Length) && (block = Extend(shared ? Shared : thread, out filling)) is null)
        {
            Volatile.Write(ref line.Dropped, line.Dropped + 1);
            if (shared)
            {
                Monitor.Exit(_lines);
            }

            claim = default;
            return false;
        }

        claim = new Claim(block, shared, filling);
        return true;
    }

    /// <summary>Hands a filled entry to the consumer (release).</summary>
    /// <returns>True where the stock has run half out: the consumer should not pause any longer.</returns>
    internal bool Publish(in Claim claim)
    {
        Volatile.Write(ref claim.Block.Written, claim.Block.Written + 1);
        if (claim.IsShared)
        {
            Monitor.Exit(_lines);
        }

        return claim.IsFilling;
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

    /// <summary>Producer only: a new last block for its line; null where there is none left.</summary>
    private Block? Extend(int at, out bool filling)
    {
        ref Line line = ref _lines[at];
        Block? block;
        lock (_stock)
        {
            if (!_stock.TryPop(out block) && _made < _blocks)
            {
                _made++;
                block = new Block(_blockSize);
            }

            filling = _stock.Count + _blocks - _made < _blocks / 2;
        }

        if (block is not null)
        {
            if (line.Last is { } last)
            {
                Volatile.Write(ref last.Next, block);
            }
            else
            {
                Volatile.Write(ref _readings[at].First, block);
            }

            line.Last = block;
        }

        return block;
    }

    /// <summary>An entry that a producer fills.</summary>
    internal readonly record struct Claim(Block Block, bool IsShared, bool IsFilling)
    {
        internal ref AttemptEntry Entry => ref Block.Entries[Block.Written];

        internal ref AttemptCause Cause => ref Block.Causes[Block.Written];
    }

    /// <summary>Written by its producer while it is on a line.</summary>
    internal sealed class Block(int size)
    {
        internal readonly AttemptEntry[] Entries = new AttemptEntry[size];
        internal readonly AttemptCause[] Causes = new AttemptCause[size];
        internal Block? Next;
        internal int Written;
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
