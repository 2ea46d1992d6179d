using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Adcp.Aot.Storage;

/// <summary>The bytes that are hashed. Each thread keeps one for its next hash, and clears it, because destinations hold secrets.</summary>
internal sealed class OutboxHashInput : IDisposable
{
    /// <summary>The most bytes that a thread keeps.</summary>
    private const int MaxKeptBytes = 64 << 10;

    [ThreadStatic]
    private static OutboxHashInput? _kept;

    private OutboxHashInput()
    {
    }

    /// <summary>Gets the bytes. A payload writes itself into them.</summary>
    internal ArrayBufferWriter<byte> Bytes { get; } = new(4096);

    /// <summary>Returns an empty input for the current thread, which disposes it.</summary>
    internal static OutboxHashInput Rent()
    {
        OutboxHashInput input = _kept ?? new OutboxHashInput();
        _kept = null;
        return input;
    }

    /// <summary>Adds the length of a text in bytes, -1 for <see langword="null"/>, and its UTF-8.</summary>
    internal void Add(string? text)
    {
        int most = text is null ? 0 : Encoding.UTF8.GetMaxByteCount(text.Length);
        Span<byte> output = Bytes.GetSpan(sizeof(int) + most);
        int length = text is null ? 0 : Encoding.UTF8.GetBytes(text, output[sizeof(int)..]);
        BinaryPrimitives.WriteInt32BigEndian(output, text is null ? -1 : length);
        Bytes.Advance(sizeof(int) + length);
    }

    /// <summary>Returns the SHA-256 of the bytes.</summary>
    internal byte[] Hash() => SHA256.HashData(Bytes.WrittenSpan);

    public void Dispose()
    {
        if (Bytes.Capacity <= MaxKeptBytes)
        {
            Bytes.Clear();
            _kept = this;
        }
    }
}
