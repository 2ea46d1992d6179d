using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Adcp.Aot.Storage;

/// <summary>
/// Seals webhooks for the outbox's tables and opens them: AES-256-GCM under subkeys of the given key, so that the number of rows under one
/// key has no limit. A row cannot be read in another place: format, key id, lane, endpoint, tenant and installation are associated data.
/// Thread-safe.
/// </summary>
/// <remarks>
/// <code>
/// byte 0      format, 2
/// byte 1-16   salt of the subkey
/// byte 17-28  nonce
/// byte 29-44  tag
/// byte 45-    ciphertext of an <see cref="OutboxWebhook"/>
/// </code>
/// </remarks>
internal sealed class OutboxSeal
{
    /// <summary>The format of a row that this program writes.</summary>
    internal const byte Format = 2;

    private const int NonceAt = 1 + OutboxSubkeys.SaltBytes;
    private const int NonceBytes = 12;
    private const int TagAt = NonceAt + NonceBytes;
    private const int TagBytes = 16;
    private const int HeaderBytes = TagAt + TagBytes;
    private const int AssociatedBytes = 1 + 2 + 8 + 8 + 16;
    private const int AssociatedBuffer = AssociatedBytes + EncryptionKey.MaxIdLength;

    private readonly OutboxSubkeys _subkeys = new();
    private readonly SecretsAtRest _secrets;
    private readonly EncryptionKey _current;
    private OutboxSubkey _subkey;

    /// <exception cref="ArgumentException">The secrets are kept out of the database.</exception>
    internal OutboxSeal(SecretsAtRest secrets)
    {
        ArgumentNullException.ThrowIfNull(secrets);
        _secrets = secrets;
        _current = secrets.Current ?? throw new ArgumentException(
            "An outbox keeps whole webhooks, which hold secrets: use SecretsAtRest.EncryptedWith and a key.", nameof(secrets));
        _subkey = _subkeys.Create(_current);
    }

    /// <summary>Gets the id of the key that new rows are sealed with.</summary>
    internal string KeyId => _current.Id;

    /// <summary>Gets the subkey of the next row.</summary>
    internal OutboxSubkey Current => Volatile.Read(ref _subkey);

    /// <summary>Seals a webhook for a row.</summary>
    internal byte[] Seal(OutboxWebhook webhook, Guid installation, short lane, long endpoint, long tenant)
    {
        int length = webhook.Length;
        byte[] row = GC.AllocateUninitializedArray<byte>(HeaderBytes + length);
        row[0] = Format;
        OutboxSubkey subkey = Subkey();
        subkey.Salt.CopyTo(row.AsSpan(1));
        RandomNumberGenerator.Fill(row.AsSpan(NonceAt, NonceBytes));
        Span<byte> plain = row.AsSpan(HeaderBytes);
        webhook.Write(plain);
        subkey.Encrypt(
            row.AsSpan(NonceAt, NonceBytes), plain, plain, row.AsSpan(TagAt, TagBytes),
            Associated(stackalloc byte[AssociatedBuffer], _current.Id, installation, lane, endpoint, tenant));
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
        if (!_subkeys.Of(key, row.AsSpan(1, OutboxSubkeys.SaltBytes)).TryDecrypt(
            row.AsSpan(NonceAt, NonceBytes), row.AsSpan(HeaderBytes), row.AsSpan(TagAt, TagBytes), plain,
            Associated(stackalloc byte[AssociatedBuffer], key.Id, installation, lane, endpoint, tenant)))
        {
            return OutboxSealStatus.Damaged;
        }

        webhook = OutboxWebhook.Read(plain);
        return webhook is null ? OutboxSealStatus.Damaged : OutboxSealStatus.Opened;
    }

    /// <summary>Returns the subkey for the next row, which is another one when it has encrypted as many rows as it may.</summary>
    private OutboxSubkey Subkey()
    {
        OutboxSubkey subkey = Current;
        while (!subkey.TryCount())
        {
            Interlocked.CompareExchange(ref _subkey, _subkeys.Create(_current), subkey);
            subkey = Current;
        }

        return subkey;
    }

    private static ReadOnlySpan<byte> Associated(
        Span<byte> data, string keyId, Guid installation, short lane, long endpoint, long tenant)
    {
        data[0] = Format;
        BinaryPrimitives.WriteInt16BigEndian(data[1..], lane);
        BinaryPrimitives.WriteInt64BigEndian(data[3..], endpoint);
        BinaryPrimitives.WriteInt64BigEndian(data[11..], tenant);
        installation.TryWriteBytes(data[19..]);
        return data[..(AssociatedBytes + Encoding.UTF8.GetBytes(keyId, data[AssociatedBytes..]))];
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
