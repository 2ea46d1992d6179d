using System.Buffers;

namespace Adcp.Aot.Storage;

/// <summary>
/// A 256-bit AES key and its name. Each stored value carries the name of its key. Immutable; never prints the key.
/// </summary>
public sealed class EncryptionKey
{
    /// <summary>The length of the key in bytes.</summary>
    public const int SizeInBytes = 32;

    internal const int MaxIdLength = 64;

    private static readonly SearchValues<char> IdCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

    private readonly byte[] _bytes;

    /// <summary>Creates a key from the bytes of a secret store.</summary>
    /// <param name="id">Its name: 1 to 64 of <c>A-Z a-z 0-9 _ -</c>. A new key needs a new name.</param>
    /// <param name="bytes">32 random bytes; copied.</param>
    /// <exception cref="ArgumentNullException"><paramref name="id"/> is null.</exception>
    /// <exception cref="ArgumentException">The name breaks its pattern, or the key has not 32 bytes.</exception>
    public EncryptionKey(string id, ReadOnlySpan<byte> bytes)
    {
        ArgumentNullException.ThrowIfNull(id);
        if (id.Length is 0 or > MaxIdLength || id.AsSpan().ContainsAnyExcept(IdCharacters))
        {
            throw new ArgumentException($"A key's name is 1 to {MaxIdLength} characters of A-Z a-z 0-9 _ -", nameof(id));
        }

        if (bytes.Length != SizeInBytes)
        {
            throw new ArgumentException($"An AES-256 key has {SizeInBytes} bytes.", nameof(bytes));
        }

        Id = id;
        _bytes = bytes.ToArray();
    }

    /// <summary>The key's name.</summary>
    public string Id { get; }

    internal ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Returns the key's name only.</summary>
    public override string ToString() => $"EncryptionKey {Id}";
}
