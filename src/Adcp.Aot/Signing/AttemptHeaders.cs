using System.Text;

namespace Adcp.Aot.Signing;

/// <summary>
/// The headers of one attempt as ASCII bytes in one buffer, behind the signature base. Its thread keeps it and uses it
/// again, so that signing allocates nothing. Not thread-safe.
/// </summary>
internal sealed class AttemptHeaders
{
    private const int MaxHeaders = 3;

    [ThreadStatic]
    private static AttemptHeaders? _spare;

    private readonly (string Name, int Start, int End)[] _headers = new (string, int, int)[MaxHeaders];
    private byte[] _buffer = new byte[2048];

    internal int Count { get; private set; }

    /// <summary>Takes this thread's buffer, or a new one if that is in use.</summary>
    internal static AttemptHeaders Rent()
    {
        AttemptHeaders headers = _spare ?? new AttemptHeaders();
        _spare = null;
        headers.Count = 0;
        return headers;
    }

    internal static void Return(AttemptHeaders headers) => _spare = headers;

    /// <summary>Returns the whole buffer, grown to at least this many bytes. Its content is kept.</summary>
    internal Memory<byte> Buffer(int length)
    {
        if (_buffer.Length < length)
        {
            Array.Resize(ref _buffer, Math.Max(length, 2 * _buffer.Length));
        }

        return _buffer;
    }

    /// <summary>Adds a header whose value is a part of the buffer.</summary>
    internal void Add(string name, int start, int end) => _headers[Count++] = (name, start, end);

    internal string Name(int index) => _headers[index].Name;

    internal ReadOnlySpan<byte> Value(int index) => _buffer.AsSpan(_headers[index].Start.._headers[index].End);

    internal string Text(int index) => Encoding.ASCII.GetString(Value(index));
}
