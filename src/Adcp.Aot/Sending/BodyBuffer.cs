using System.Buffers;

namespace Adcp.Aot.Sending;

/// <summary>
/// A buffer for a body, which is then copied at its length. Larger buffers are rented, so that a body leaves no
/// copies behind that are as large as itself. Not thread-safe.
/// </summary>
internal sealed class BodyBuffer : IBufferWriter<byte>
{
    /// <summary>The largest buffer that is kept for the next body.</summary>
    internal const int MaxKept = 64 << 10;

    private const int Smallest = 4096;

    private byte[] _buffer = new byte[Smallest];
    private bool _isRented;

    internal int WrittenCount { get; private set; }

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _buffer.Length - WrittenCount);
        WrittenCount += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Grow(sizeHint);
        return _buffer.AsMemory(WrittenCount);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Grow(sizeHint);
        return _buffer.AsSpan(WrittenCount);
    }

    internal byte[] ToArray() => _buffer.AsSpan(0, WrittenCount).ToArray();

    /// <summary>Makes it ready for the next body, and returns the rented buffer.</summary>
    internal void Reset()
    {
        WrittenCount = 0;
        if (_isRented)
        {
            byte[] rented = _buffer;
            _buffer = new byte[Smallest];
            _isRented = false;
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private void Grow(int sizeHint)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        int free = _buffer.Length - WrittenCount;
        if (free >= Math.Max(sizeHint, 1))
        {
            return;
        }

        int size = checked(Math.Max(2 * _buffer.Length, WrittenCount + Math.Max(sizeHint, 1)));
        byte[] larger = size <= MaxKept ? new byte[size] : ArrayPool<byte>.Shared.Rent(size);
        _buffer.AsSpan(0, WrittenCount).CopyTo(larger);
        byte[] smaller = _buffer;
        _buffer = larger;
        if (_isRented)
        {
            ArrayPool<byte>.Shared.Return(smaller);
        }

        _isRented = size > MaxKept;
    }
}
