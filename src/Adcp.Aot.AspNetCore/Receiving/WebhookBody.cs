using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;

namespace Adcp.Aot.AspNetCore.Receiving;

/// <summary>
/// A request's body, read once, with its digest computed on the way. It never holds more than the limit allows, whatever the body's length is said to be and however it arrives.
/// </summary>
internal sealed class WebhookBody : IDisposable
{
    private const int FirstSize = 4096;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _sha256 = new byte[SHA256.HashSizeInBytes];
    private byte[] _bytes = [];
    private int _length;

    private WebhookBody()
    {
    }

    internal ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(0, _length);

    internal ReadOnlyMemory<byte> Sha256 => _sha256;

    /// <summary>Reads a body.</summary>
    /// <returns>Null where it has more than <paramref name="maxBytes"/>.</returns>
    /// <exception cref="OperationCanceledException">The time was up, or the sender gave up.</exception>
    internal static async ValueTask<WebhookBody?> ReadAsync(HttpRequest request, int maxBytes, CancellationToken cancellationToken)
    {
        if (request.ContentLength > maxBytes)
        {
            return null;
        }

        WebhookBody body = new();
        try
        {
            PipeReader reader = request.BodyReader;
            while (true)
            {
                ReadResult read = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                bool fits = read.Buffer.Length <= maxBytes - body._length;
                if (fits)
                {
                    foreach (ReadOnlyMemory<byte> segment in read.Buffer)
                    {
                        body.Append(segment.Span, (int)Math.Min(request.ContentLength ?? 0, maxBytes));
                    }
                }

                // Taken at once, so that the pipe does not hold the body a second time.
                reader.AdvanceTo(read.Buffer.End);
                if (!fits)
                {
                    body.Dispose();
                    return null;
                }

                if (read.IsCompleted)
                {
                    body._hash.GetHashAndReset(body._sha256);
                    return body;
                }
            }
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _hash.Dispose();
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = [];
            _length = 0;
        }
    }

    private void Append(ReadOnlySpan<byte> segment, int announced)
    {
        if (_bytes.Length - _length < segment.Length)
        {
            // What is announced is trusted for the first buffer only up to a few times what has come: a liar holds little.
            int size = Math.Max(_length + segment.Length, Math.Max(FirstSize, Math.Min(announced, 4 * (_length + segment.Length))));
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(size, 2 * _bytes.Length));
            _bytes.AsSpan(0, _length).CopyTo(larger);
            if (_bytes.Length > 0)
            {
                ArrayPool<byte>.Shared.Return(_bytes);
            }

            _bytes = larger;
        }

        segment.CopyTo(_bytes.AsSpan(_length));
        _length += segment.Length;
        _hash.AppendData(segment);
    }
}
