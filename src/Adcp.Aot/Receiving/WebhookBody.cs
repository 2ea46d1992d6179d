using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;

namespace Adcp.Aot.Receiving;

/// <summary>
/// A message's body, read once, with its digest computed while reading. It never holds more than the limit and the
/// endpoint's budget allow, whatever length is announced.
/// </summary>
internal sealed class WebhookBody : IDisposable
{
    private const int FirstSize = 4096;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _sha256 = new byte[SHA256.HashSizeInBytes];
    private readonly BodyBudget _budget;
    private byte[] _bytes = [];
    private int _length;

    private WebhookBody(BodyBudget budget) => _budget = budget;

    /// <summary>The reason why a reading ended.</summary>
    internal enum Ending
    {
        Complete,
        TooLarge,
        NoRoom,
    }

    internal ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(0, _length);

    internal ReadOnlyMemory<byte> Sha256 => _sha256;

    /// <summary>Reads a body.</summary>
    /// <returns>The body, which the caller disposes; <c>null</c> if it has more than <paramref name="maxBytes"/> or the budget is
    /// used up.</returns>
    /// <exception cref="OperationCanceledException">The time was up, or the sender gave up.</exception>
    internal static async ValueTask<(WebhookBody? Body, Ending Ending)> ReadAsync(
        PipeReader reader, long? contentLength, int maxBytes, BodyBudget budget, CancellationToken cancellationToken)
    {
        WebhookBody body = new(budget);
        try
        {
            while (true)
            {
                ReadResult read = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                Ending ending = read.Buffer.Length <= maxBytes - body._length ? Ending.Complete : Ending.TooLarge;
                if (ending == Ending.Complete)
                {
                    foreach (ReadOnlyMemory<byte> segment in read.Buffer)
                    {
                        if (!body.TryAppend(segment.Span, (int)Math.Min(contentLength ?? 0, maxBytes)))
                        {
                            ending = Ending.NoRoom;
                            break;
                        }
                    }
                }

                // Copied at once, so that the pipe does not hold the body a second time.
                reader.AdvanceTo(read.Buffer.End);
                if (ending != Ending.Complete)
                {
                    body.Dispose();
                    return (null, ending);
                }

                if (read.IsCompleted)
                {
                    body._hash.GetHashAndReset(body._sha256);
                    return (body, ending);
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
        Replace([]);
        _length = 0;
    }

    private bool TryAppend(ReadOnlySpan<byte> segment, int announced)
    {
        if (_bytes.Length - _length < segment.Length && !TryGrow(segment.Length, announced))
        {
            return false;
        }

        segment.CopyTo(_bytes.AsSpan(_length));
        _length += segment.Length;
        _hash.AppendData(segment);
        return true;
    }

    private bool TryGrow(int more, int announced)
    {
        // The buffer is at most a few times as large as the bytes that have arrived, so that a false announced length
        // uses little memory.
        int needed = _length + more;
        int size = Math.Max(Math.Max(needed, 2 * _bytes.Length), Math.Max(FirstSize, (int)Math.Min(announced, 4L * needed)));
        byte[] larger = ArrayPool<byte>.Shared.Rent(size);
        if (!_budget.TryReserve(larger.Length))
        {
            ArrayPool<byte>.Shared.Return(larger);
            return false;
        }

        _bytes.AsSpan(0, _length).CopyTo(larger);
        Replace(larger);
        return true;
    }

    private void Replace(byte[] bytes)
    {
        if (_bytes.Length > 0)
        {
            _budget.Return(_bytes.Length);
            ArrayPool<byte>.Shared.Return(_bytes);
        }

        _bytes = bytes;
    }
}
