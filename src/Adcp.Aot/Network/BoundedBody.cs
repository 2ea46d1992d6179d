using System.Buffers;

namespace Adcp.Aot.Network;

/// <summary>Reads the body of an answer up to a bound.</summary>
internal static class BoundedBody
{
    /// <returns><c>null</c> if the body has more bytes.</returns>
    internal static async Task<byte[]?> ReadAsync(HttpContent content, int maxBytes, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(maxBytes + 1);
        try
        {
            using Stream stream = await content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            Memory<byte> most = buffer.AsMemory(0, maxBytes + 1);
            int length = await stream.ReadAtLeastAsync(most, most.Length, throwOnEndOfStream: false, cancellationToken)
                .ConfigureAwait(false);
            return length > maxBytes ? null : buffer.AsSpan(0, length).ToArray();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
