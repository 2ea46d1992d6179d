using System.Buffers;
using System.Security.Cryptography;

namespace Adcp.Aot.Signing;

/// <summary>
/// Computes HMAC-SHA256 over parts joined by dots: <c>{timestamp}.{body}</c> and <c>{id}.{timestamp}.{body}</c>.
/// </summary>
internal static class DottedMac
{
    /// <remarks>
    /// The parts are copied together, because .NET's one-shot HMAC allocates nothing and its incremental one does.
    /// </remarks>
    internal static void Compute(ReadOnlySpan<byte> key, ReadOnlySpan<byte> id, ReadOnlySpan<byte> timestamp,
        ReadOnlySpan<byte> body, Span<byte> mac)
    {
        byte[] message = ArrayPool<byte>.Shared.Rent(id.Length + timestamp.Length + body.Length + 2);
        int length = 0;
        if (!id.IsEmpty)
        {
            Append(id);
            message[length++] = (byte)'.';
        }

        Append(timestamp);
        message[length++] = (byte)'.';
        Append(body);
        HMACSHA256.HashData(key, message.AsSpan(0, length), mac);
        ArrayPool<byte>.Shared.Return(message);

        void Append(ReadOnlySpan<byte> part)
        {
            part.CopyTo(message.AsSpan(length));
            length += part.Length;
        }
    }
}
