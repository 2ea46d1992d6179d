using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Adcp.Aot.Storage;

/// <summary>
/// Protects secrets before they reach a database: encrypts them with AES-256-GCM, or leaves them out. A value is bound
/// to its row (its scope, its ids): if it is copied to another row, it cannot be read. The text is <c>v1:</c>, the
/// key's name, <c>:</c>, and nonce, tag and ciphertext in base64url. Immutable and safe for concurrent use.
/// </summary>
public sealed class SecretsAtRest
{
    private const string Form = "v1:";
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly EncryptionKey? _current;
    private readonly Dictionary<string, EncryptionKey> _keys = new(StringComparer.Ordinal);

    private SecretsAtRest(EncryptionKey? current, ReadOnlySpan<EncryptionKey> older)
    {
        _current = current;
        if (current is not null)
        {
            _keys.Add(current.Id, current);
        }

        foreach (EncryptionKey key in older)
        {
            ArgumentNullException.ThrowIfNull(key, nameof(older));
            if (!_keys.TryAdd(key.Id, key))
            {
                throw new ArgumentException($"Two keys have the name '{key.Id}'.", nameof(older));
            }
        }
    }

    /// <summary>Gets the choice never to store secrets. Rows are read back without them.</summary>
    public static SecretsAtRest KeptOut { get; } = new(null, []);

    /// <summary>Gets whether secrets are stored, encrypted.</summary>
    public bool AreStored => _current is not null;

    /// <summary>Gets the key that encrypts; <see langword="null"/> if secrets are kept out.</summary>
    internal EncryptionKey? Current => _current;

    /// <summary>Returns the key with an id; <see langword="null"/> if it is not among the given ones.</summary>
    internal EncryptionKey? Find(string id) => _keys.GetValueOrDefault(id);

    /// <summary>Returns the choice to store secrets encrypted.</summary>
    /// <param name="current">The key that encrypts. It also decrypts.</param>
    /// <param name="older">Keys that only decrypt, after a rotation. A value moves to the current key when its row is
    /// next saved.</param>
    /// <exception cref="ArgumentNullException">A key is null.</exception>
    /// <exception cref="ArgumentException">Two keys have one name.</exception>
    public static SecretsAtRest EncryptedWith(EncryptionKey current, params ReadOnlySpan<EncryptionKey> older)
    {
        ArgumentNullException.ThrowIfNull(current);
        return new SecretsAtRest(current, older);
    }

    /// <summary>Returns the text to store for a secret.</summary>
    /// <param name="secret">The secret; <c>null</c> if there is none.</param>
    /// <param name="boundTo">The names of the row and the column, in order. <see cref="Reveal"/> needs the
    /// same.</param>
    /// <returns><c>null</c> if there is no secret, or if secrets are kept out.</returns>
    public string? Protect(string? secret, params ReadOnlySpan<string> boundTo)
    {
        if (secret is null || _current is null)
        {
            return null;
        }

        byte[] plain = Strict.GetBytes(secret);
        byte[] sealedBytes = new byte[NonceBytes + TagBytes + plain.Length];
        RandomNumberGenerator.Fill(sealedBytes.AsSpan(0, NonceBytes));
        using (AesGcm aes = new(_current.Bytes, TagBytes))
        {
            aes.Encrypt(
                sealedBytes.AsSpan(0, NonceBytes), plain, sealedBytes.AsSpan(NonceBytes + TagBytes),
                sealedBytes.AsSpan(NonceBytes, TagBytes),
                Associated(_current.Id, boundTo));
        }

        CryptographicOperations.ZeroMemory(plain);
        return string.Concat(Form, _current.Id, ":", Base64Url.EncodeToString(sealedBytes));
    }

    /// <summary>Reads the text of <see cref="Protect"/> for the same row and column.</summary>
    /// <param name="stored">The stored text; <c>null</c> if there is none.</param>
    /// <param name="boundTo">The names of the row and the column.</param>
    /// <returns>The secret; <c>null</c> if none is stored, or if secrets are kept out.</returns>
    /// <exception cref="CryptographicException">The text is damaged, was written for another row, or needs a key that
    /// is not configured. The message names at most the key.</exception>
    public string? Reveal(string? stored, params ReadOnlySpan<string> boundTo)
    {
        if (stored is null || _current is null)
        {
            return null;
        }

        int end = stored.StartsWith(Form, StringComparison.Ordinal) ? stored.IndexOf(':', Form.Length) : -1;
        if (end < 0 || end - Form.Length > EncryptionKey.MaxIdLength)
        {
            throw Malformed();
        }

        string id = stored[Form.Length..end];
        if (!_keys.TryGetValue(id, out EncryptionKey? key))
        {
            throw new CryptographicException($"A stored secret needs the key '{id}', which is not among the given ones.");
        }

        byte[] sealedBytes = new byte[Base64Url.GetMaxDecodedLength(stored.Length - end - 1)];
        if (Base64Url.DecodeFromChars(stored.AsSpan(end + 1), sealedBytes, out _, out int length) != OperationStatus.Done
            || length < NonceBytes + TagBytes)
        {
            throw Malformed();
        }

        byte[] plain = new byte[length - NonceBytes - TagBytes];
        try
        {
            using AesGcm aes = new(key.Bytes, TagBytes);
            aes.Decrypt(
                sealedBytes.AsSpan(0, NonceBytes), sealedBytes.AsSpan(NonceBytes + TagBytes, plain.Length),
                sealedBytes.AsSpan(NonceBytes, TagBytes), plain,
                Associated(key.Id, boundTo));
            return Strict.GetString(plain);
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new CryptographicException("A stored secret is damaged, or was written for another row.");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
        }
    }

    /// <summary>Returns the choice and the name of the current key.</summary>
    public override string ToString() => _current is null ? "kept out" : $"encrypted with key {_current.Id}";

    private static CryptographicException Malformed() => new("A stored secret has not the form of one.");

    /// <summary>Precedes each part with its length, so that ("ab", "c") and ("a", "bc") differ.</summary>
    private static byte[] Associated(string keyId, ReadOnlySpan<string> boundTo)
    {
        int length = 4 + Encoding.UTF8.GetByteCount(keyId);
        foreach (string part in boundTo)
        {
            length += 4 + Encoding.UTF8.GetByteCount(part);
        }

        byte[] associated = new byte[length];
        int written = Append(associated, 0, keyId);
        foreach (string part in boundTo)
        {
            written = Append(associated, written, part);
        }

        return associated;
    }

    private static int Append(byte[] associated, int at, string part)
    {
        int bytes = Encoding.UTF8.GetBytes(part, associated.AsSpan(at + 4));
        BinaryPrimitives.WriteInt32BigEndian(associated.AsSpan(at), bytes);
        return at + 4 + bytes;
    }
}
