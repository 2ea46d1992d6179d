using System.Runtime.InteropServices;

namespace Adcp.Aot.Sequencing;

/// <summary>
/// One stream of numbers 1, 2, 3, ... Keep it if you want to draw without a look-up. Thread-safe, lock-free and
/// wait-free.
/// </summary>
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

    /// <summary>The allocator that created it.</summary>
    internal SequenceAllocator Owner { get; }

    /// <summary>Gets the last number drawn, 0 before the first (volatile read).</summary>
    public long Last => Volatile.Read(ref _cell.Value) is >= 0 and var last ? last : long.MaxValue;

    /// <summary>Draws the next number (full fence).</summary>
    /// <exception cref="InvalidOperationException">The stream has used its last number, <see cref="long.MaxValue"/>. It never starts
    /// again.</exception>
    public long Next() => Interlocked.Increment(ref _cell.Value) is > 0 and var number ? number : throw Exhausted();

    /// <summary>Raises the last number to at least <paramref name="last"/>.</summary>
    internal void Resume(long last)
    {
        // If the value is below zero, the count has passed the last number, and there is nothing to raise.
        long seen = Volatile.Read(ref _cell.Value);
        while (seen >= 0 && seen < last)
        {
            long before = Interlocked.CompareExchange(ref _cell.Value, last, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }

    private InvalidOperationException Exhausted() =>
        new($"The stream '{Key}' has used its last sequence number, {long.MaxValue}. Use a new sequence key.");

    /// <summary>
    /// The size of a cache line, so that two streams never share the line they count on. If the value is below zero,
    /// the numbers are used up.
    /// </summary>
    [StructLayout(LayoutKind.Explicit, Size = 64)]
    private struct Cell
    {
        [FieldOffset(0)]
        internal long Value;
    }
}
