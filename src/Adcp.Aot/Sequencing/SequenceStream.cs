using System.Runtime.InteropServices;

namespace Adcp.Aot.Sequencing;

/// <summary>One stream of numbers 1, 2, 3, ... Keep it to draw without a look-up. Thread-safe, lock-free and wait-free.</summary>
public sealed class SequenceStream
{
    private Cell _cell;

    internal SequenceStream(string key, SequenceAllocator owner)
    {
        Key = key;
        Owner = owner;
    }

    /// <summary>The stream's key.</summary>
    public string Key { get; }

    /// <summary>The allocator that made it.</summary>
    internal SequenceAllocator Owner { get; }

    /// <summary>The last number drawn, 0 before the first (volatile read).</summary>
    public long Last => Volatile.Read(ref _cell.Value);

    /// <summary>Draws the next number (full fence).</summary>
    public long Next() => Interlocked.Increment(ref _cell.Value);

    /// <summary>Raises the last number to at least <paramref name="last"/>.</summary>
    internal void Resume(long last)
    {
        long seen = Last;
        while (seen < last)
        {
            long before = Interlocked.CompareExchange(ref _cell.Value, last, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }

    /// <summary>A cache line's worth, so that two streams never share the line they count on.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 64)]
    private struct Cell
    {
        [FieldOffset(0)]
        internal long Value;
    }
}
