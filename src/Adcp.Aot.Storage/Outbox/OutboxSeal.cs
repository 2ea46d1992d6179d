using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Adcp.Aot.Storage;

/// <summary>
/// Seals webhooks for the outbox's tables and opens them: AES-256-GCM, with a key for each row that is derived from the given key and a
/// random salt, so that the number of rows under one key has no limit. A row cannot be read in another place: format, key id, lane,
/// endpoint, tenant and installation are associated data. Thread-safe.
/// </summary>
/// <remarks>
/// <code>
/// byte 0      format, 1
/// byte 1-16   salt
/// byte 17-32  tag
/// byte 33-    ciphertext of an <see cref="OutboxWebhook"/>
/// </code>
/// </remarks>
internal sealed class OutboxSeal
{
    /// <summary>The format of a row that this program writes.</summary>
    internal const byte Format = 1;

    private const int SaltBytes = 16;
    private const int TagBytes = 16;
    private const int NonceBytes = 12;
    private const int HeaderBytes = 1 + SaltBytes + TagBytes;
    private const int AssociatedBytes = 1 + 2 + 8 + 8 + 16;

    private readonly SecretsAtRest _secrets;
    private readonly EncryptionKey _current;

    /// <exception cref="ArgumentException">The secrets are kept out of the database.</exception>
    internal OutboxSeal(SecretsAtRest secrets)
    {
        ArgumentNullException.ThrowIfNull(secrets);
        _secrets = secrets;
        _current = secrets.Current ?? throw new ArgumentException(
            "An outbox keeps whole webhooks, which hold secrets: use SecretsAtRest.EncryptedWith and a key.", nameof(secrets));
    }

    /// <summary>Gets the id of the key that new rows are sealed with.</summary>
    internal string KeyId => _current.Id;

    /// <summary>Seals a webhook for a row.</summary>
    internal byte[] Seal(OutboxWebhook webhook, Guid installation, short lane, long endpoint, long tenant)
    {
        int length = webhook.Length;
        byte[] row = new byte[HeaderBytes + length];
        row[0] = Format;
        RandomNumberGenerator.Fill(row.AsSpan(1, SaltBytes));
        byte[] plain = GC.AllocateUninitializedArray<byte>(length);
        webhook.Write(plain);
        Span<byte> material = stackalloc byte[EncryptionKey.SizeInBytes + NonceBytes];
        Derive(_current, row.AsSpan(1, SaltBytes), material);
        using (AesGcm aes = new(material[..EncryptionKey.SizeInBytes], TagBytes))
        {
            aes.Encrypt(
                material[EncryptionKey.SizeInBytes..], plain, row.AsSpan(HeaderBytes), row.AsSpan(1 + SaltBytes, TagBytes),
                Associated(_current.Id, installation, lane, endpoint, tenant));
        }

        CryptographicOperations.ZeroMemory(material);
        return row;
    }

    /// <summary>Opens a row.</summary>
    internal OutboxSealStatus Open(OutboxRow row, Guid installation, out OutboxWebhook? webhook) =>
        Open(row.Sealed, row.KeyId, installation, row.Lane, row.Endpoint, row.Tenant, out webhook);

    /// <summary>Opens a row.</summary>
    /// <param name="row">The sealed row.</param>
    /// <param name="keyId">The id of its key.</param>
    /// <param name="installation">The installation of its tables.</param>
    /// <param name="lane">The lane it stands in.</param>
    /// <param name="endpoint">The endpoint it stands under.</param>
    /// <param name="tenant">The tenant it stands under.</param>
    /// <param name="webhook">The webhook, if the result is <see cref="OutboxSealStatus.Opened"/>.</param>
    internal OutboxSealStatus Open(
        byte[] row, string keyId, Guid installation, short lane, long endpoint, long tenant, out OutboxWebhook? webhook)
    {
        webhook = null;
        if (row.Length == 0 || row[0] != Format)
        {
            return row.Length == 0 ? OutboxSealStatus.Damaged : OutboxSealStatus.UnknownFormat;
        }

        if (_secrets.Find(keyId) is not { } key)
        {
            return OutboxSealStatus.UnknownKey;
        }

        if (row.Length < HeaderBytes)
        {
            return OutboxSealStatus.Damaged;
        }

        byte[] plain = GC.AllocateUninitializedArray<byte>(row.Length - HeaderBytes);
        Span<byte> material = stackalloc byte[EncryptionKey.SizeInBytes + NonceBytes];
        Derive(key, row.AsSpan(1, SaltBytes), material);
        try
        {
            using AesGcm aes = new(material[..EncryptionKey.SizeInBytes], TagBytes);
            aes.Decrypt(
                material[EncryptionKey.SizeInBytes..], row.AsSpan(HeaderBytes), row.AsSpan(1 + SaltBytes, TagBytes), plain,
                Associated(keyId, installation, lane, endpoint, tenant));
        }
        catch (AuthenticationTagMismatchException)
        {
            return OutboxSealStatus.Damaged;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(material);
        }

        webhook = OutboxWebhook.Read(plain);
        return webhook is null ? OutboxSealStatus.Damaged : OutboxSealStatus.Opened;
    }

    private static void Derive(EncryptionKey key, ReadOnlySpan<byte> salt, Span<byte> material) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key.Bytes, material, salt, "adcp-outbox-row-1"u8);

    private static byte[] Associated(string keyId, Guid installation, short lane, long endpoint, long tenant)
    {
        byte[] data = new byte[AssociatedBytes + Encoding.UTF8.GetByteCount(keyId)];
        data[0] = Format;
        BinaryPrimitives.WriteInt16BigEndian(data.AsSpan(1), lane);
        BinaryPrimitives.WriteInt64BigEndian(data.AsSpan(3), endpoint);
        BinaryPrimitives.WriteInt64BigEndian(data.AsSpan(11), tenant);
        installation.TryWriteBytes(data.AsSpan(19));
        Encoding.UTF8.GetBytes(keyId, data.AsSpan(AssociatedBytes));
        return data;
    }
}

/// <summary>The result of opening a row.</summary>
internal enum OutboxSealStatus
{
    /// <summary>The row was opened.</summary>
    Opened,

    /// <summary>The row needs an encryption key that this process does not have. Another process, or a later start, may have it.</summary>
    UnknownKey,

    /// <summary>The row was written by a newer program.</summary>
    UnknownFormat,

    /// <summary>The row was changed, moved or damaged. No process can read it.</summary>
    Damaged,
}
