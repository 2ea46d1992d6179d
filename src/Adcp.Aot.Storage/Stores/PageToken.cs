using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Adcp.Aot.Storage;

/// <summary>
/// The end of a page of tasks: the position of its last row in the order. As text it is opaque to clients. A checksum
/// binds it to its scope and filters, so that a token of another list, or a damaged or invented one, is refused and not
/// read as another position. It is no secret and grants no access: every page checks the scope again.
/// </summary>
/// <param name="UpdatedAt">The last row's save, in milliseconds of Unix time.</param>
/// <param name="TaskId">The last row's task.</param>
public readonly record struct PageToken(long UpdatedAt, string TaskId)
{
    private const int SumBytes = 12;
    private const int MaxTextLength = (((8 + SumBytes + TaskFacts.MaxIdBytes) * 4) + 2) / 3;

    /// <summary>Returns the token's text.</summary>
    /// <param name="scope">The owner of the list.</param>
    /// <param name="query">The list's filters.</param>
    public string Encode(StoreScope scope, TaskQuery query)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(query);
        int idBytes = Encoding.UTF8.GetByteCount(TaskId);
        byte[] token = new byte[SumBytes + 8 + idBytes];
        BinaryPrimitives.WriteInt64BigEndian(token.AsSpan(SumBytes), UpdatedAt);
        Encoding.UTF8.GetBytes(TaskId, token.AsSpan(SumBytes + 8));
        Sum(token.AsSpan(SumBytes), scope, query, token);
        return Base64Url.EncodeToString(token);
    }

    /// <summary>Reads the query's token.</summary>
    /// <param name="scope">The owner of the list.</param>
    /// <param name="query">The list's filters, with the token.</param>
    /// <returns><c>null</c> if the query asks for the first page.</returns>
    /// <exception cref="PageTokenException">The token does not belong to this list.</exception>
    public static PageToken? Decode(StoreScope scope, TaskQuery query)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(query);
        if (query.PageToken is not { } text)
        {
            return null;
        }

        Span<byte> token = stackalloc byte[SumBytes + 8 + TaskFacts.MaxIdBytes];
        if (text.Length > MaxTextLength || Base64Url.DecodeFromChars(text, token, out _, out int length) != OperationStatus.Done
            || length <= SumBytes + 8
            || Base64Url.EncodeToString(token[..length]) != text)
        {
            throw new PageTokenException();
        }

        Span<byte> sum = stackalloc byte[SumBytes];
        Sum(token[SumBytes..length], scope, query, sum);
        if (!sum.SequenceEqual(token[..SumBytes]))
        {
            throw new PageTokenException();
        }

        return new PageToken(BinaryPrimitives.ReadInt64BigEndian(token[SumBytes..]),
            Encoding.UTF8.GetString(token[(SumBytes + 8)..length]));
    }

    /// <summary>
    /// Computes a shortened SHA-256 over everything the token is bound to. Each part is preceded by its length, so that
    /// no two lists give the same input.
    /// </summary>
    private static void Sum(ReadOnlySpan<byte> position, StoreScope scope, TaskQuery query, Span<byte> destination)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> number = stackalloc byte[8];
        Append(hash, number, scope.Key);
        Append(hash, number, query.ContextId);
        Append(hash, number, query.State);
        BinaryPrimitives.WriteInt64BigEndian(number, query.UpdatedSince?.ToUnixTimeMilliseconds() ?? long.MinValue);
        hash.AppendData(number);
        hash.AppendData(position);
        Span<byte> full = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(full);
        full[..SumBytes].CopyTo(destination);
    }

    private static void Append(IncrementalHash hash, Span<byte> number, string? text)
    {
        byte[] bytes = text is null ? [] : Encoding.UTF8.GetBytes(text);
        BinaryPrimitives.WriteInt64BigEndian(number, text is null ? -1 : bytes.Length);
        hash.AppendData(number);
        hash.AppendData(bytes);
    }
}
