using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Adcp.Aot.Storage;

/// <summary>
/// The subkeys of an <see cref="OutboxSeal"/>: each is derived from a given key and a random salt by HKDF-SHA256, and encrypts a limited
/// number of rows under random nonces. Thread-safe.
/// </summary>
internal sealed class OutboxSubkeys
{
    /// <summary>The length of a salt in bytes.</summary>
    internal const int SaltBytes = 16;

    /// <summary>
    /// The most rows that are encrypted under one subkey. The probability that two of them have the same nonce is below 2^-48.
    /// </summary>
    internal const int MaxRowsPerSubkey = 1 << 24;

    /// <summary>The most subkeys that are remembered, so that rows of the same salt are opened without another derivation.</summary>
    internal const int MaxSubkeys = 256;

    private readonly ConcurrentDictionary<(string KeyId, UInt128 Salt), OutboxSubkey> _known = new();

    /// <summary>Derives a new subkey for rows that are sealed from now on.</summary>
    internal OutboxSubkey Create(EncryptionKey key)
    {
        Span<byte> salt = stackalloc byte[SaltBytes];
        RandomNumberGenerator.Fill(salt);
        return Of(key, salt);
    }

    /// <summary>Returns the subkey of a salt.</summary>
    internal OutboxSubkey Of(EncryptionKey key, ReadOnlySpan<byte> salt)
    {
        (string, UInt128) name = (key.Id, MemoryMarshal.Read<UInt128>(salt));
        if (_known.TryGetValue(name, out OutboxSubkey? known))
        {
            return known;
        }

        if (_known.Count >= MaxSubkeys)
        {
            _known.Clear();
        }

        return _known.GetOrAdd(name, new OutboxSubkey(key, salt));
    }
}

/// <summary>A subkey. Thread-safe.</summary>
internal sealed class OutboxSubkey
{
    private readonly byte[] _salt;
    private readonly byte[] _key = new byte[EncryptionKey.SizeInBytes];
    private readonly ConcurrentBag<AesGcm> _idle = [];
    private int _rows;

    internal OutboxSubkey(EncryptionKey key, ReadOnlySpan<byte> salt)
    {
        _salt = salt.ToArray();
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key.Bytes, _key, salt, "adcp-outbox-2"u8);
    }

    /// <summary>Gets the salt.</summary>
    internal ReadOnlySpan<byte> Salt => _salt;

    /// <summary>Counts a row to encrypt.</summary>
    /// <returns><see langword="false"/> if the subkey has encrypted as many rows as it may.</returns>
    internal bool TryCount() => Interlocked.Increment(ref _rows) is > 0 and <= OutboxSubkeys.MaxRowsPerSubkey;

    /// <summary>Encrypts.</summary>
    internal void Encrypt(
        ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> plain, Span<byte> ciphertext, Span<byte> tag, ReadOnlySpan<byte> associated)
    {
        AesGcm aes = Rent(tag.Length);
        aes.Encrypt(nonce, plain, ciphertext, tag, associated);
        _idle.Add(aes);
    }

    /// <summary>Decrypts.</summary>
    /// <returns><see langword="false"/> if the ciphertext, the tag or the associated data was changed.</returns>
    internal bool TryDecrypt(
        ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> ciphertext, ReadOnlySpan<byte> tag, Span<byte> plain, ReadOnlySpan<byte> associated)
    {
        AesGcm aes = Rent(tag.Length);
        try
        {
            aes.Decrypt(nonce, ciphertext, tag, plain, associated);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
        finally
        {
            _idle.Add(aes);
        }
    }

    /// <summary>Takes a cipher, which is for one thread at a time. There are as many as threads encrypt and decrypt at once.</summary>
    private AesGcm Rent(int tagBytes) => _idle.TryTake(out AesGcm? idle) ? idle : new AesGcm(_key, tagBytes);
}
