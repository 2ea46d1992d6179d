using System.Buffers.Text;
using System.Net.Sockets;
using System.Text;

namespace Adcp.Aot.Benchmarks.Hostile;

/// <summary>One accepted connection. It reads requests by hand, so that answers can break every rule.</summary>
internal sealed class HostileConnection(Socket socket, Stream stream)
{
    private const int MaxHead = 16 << 10;

    private readonly byte[] _buffer = new byte[MaxHead];
    private int _start;
    private int _end;

    /// <summary>Serves requests until either side closes the connection.</summary>
    internal async Task ServeAsync()
    {
        while (await ReadHeadAsync() is { } head)
        {
            if (HostileKinds.Find(head.Kind) is not { } kind)
            {
                await WriteAsync("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
                return;
            }

            if (kind.ReadsBody)
            {
                if (head.ExpectsContinue)
                {
                    await WriteAsync("HTTP/1.1 100 Continue\r\n\r\n");
                }

                await SkipAsync(head.BodyLength);
            }

            if (!await kind.AnswerAsync(this))
            {
                return;
            }
        }
    }

    internal Task<bool> WriteAsync(string text) => WriteAsync(Encoding.ASCII.GetBytes(text));

    /// <summary>Writes and keeps the connection.</summary>
    internal async Task<bool> WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        await stream.WriteAsync(bytes);
        return true;
    }

    internal async Task<bool> CloseAfterAsync(string text)
    {
        await WriteAsync(text);
        return false;
    }

    internal async Task<bool> ResetAsync(string before)
    {
        await WriteAsync(before);
        socket.LingerState = new LingerOption(enable: true, seconds: 0);
        socket.Close();
        return false;
    }

    /// <summary>Never answers. Ends when the client gives up.</summary>
    internal async Task<bool> HangAsync()
    {
        while (await stream.ReadAsync(_buffer) > 0)
        {
        }

        return false;
    }

    private async Task<Head?> ReadHeadAsync()
    {
        while (true)
        {
            int length = _buffer.AsSpan(_start, _end - _start).IndexOf("\r\n\r\n"u8);
            if (length >= 0)
            {
                Head head = Parse(_buffer.AsSpan(_start, length + 2));
                _start += length + 4;
                return head;
            }

            if (_start > 0)
            {
                _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
                _end -= _start;
                _start = 0;
            }

            int read = _end == MaxHead ? 0 : await stream.ReadAsync(_buffer.AsMemory(_end));
            if (read == 0)
            {
                return null;
            }

            _end += read;
        }
    }

    private async Task SkipAsync(long length)
    {
        int buffered = (int)Math.Min(length, _end - _start);
        _start += buffered;
        length -= buffered;
        while (length > 0)
        {
            int read = await stream.ReadAsync(_buffer.AsMemory(0, (int)Math.Min(length, MaxHead)));
            if (read == 0)
            {
                throw new EndOfStreamException();
            }

            length -= read;
        }
    }

    private static Head Parse(ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> path = text[(text.IndexOf((byte)'/') + 1)..];
        int end = path.IndexOfAny((byte)'/', (byte)' ');
        long length = Utf8Parser.TryParse(Field(text, "Content-Length: "u8), out long parsed, out _) ? parsed : 0;
        return new Head(Encoding.ASCII.GetString(path[..Math.Max(0, end)]), length, Field(text, "Expect: "u8).Length > 0);
    }

    /// <summary>
    /// Returns the rest of the head from a field's value on. The client is the platform's, which writes names in one way.
    /// </summary>
    private static ReadOnlySpan<byte> Field(ReadOnlySpan<byte> text, ReadOnlySpan<byte> name)
    {
        int at = text.IndexOf(name);
        return at < 0 ? default : text[(at + name.Length)..];
    }

    private readonly record struct Head(string Kind, long BodyLength, bool ExpectsContinue);
}
