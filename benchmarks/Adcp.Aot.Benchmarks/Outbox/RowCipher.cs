using System.Security.Cryptography;
using System.Text;

namespace Adcp.Aot.Benchmarks.Outbox;

/// <summary>Encrypts the bodies of a hand-written queue: AES-256-GCM with one key, bound to the row's idempotency key.</summary>
internal sealed class RowCipher(byte[] key) : IDisposable
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    private readonly ThreadLocal<AesGcm> _ciphers = new(() => new AesGcm(key, TagBytes), trackAllValues: true);

    internal byte[] Encrypt(ReadOnlySpan<byte> body, string bound)
    {
        byte[] row = GC.AllocateUninitializedArray<byte>(NonceBytes + TagBytes + body.Length);
        RandomNumberGenerator.Fill(row.AsSpan(0, NonceBytes));
        _ciphers.Value!.Encrypt(
            row.AsSpan(0, NonceBytes), body, row.AsSpan(NonceBytes + TagBytes), row.AsSpan(NonceBytes, TagBytes),
            Encoding.UTF8.GetBytes(bound));
        return row;
    }

    internal byte[] Decrypt(byte[] row, string bound)
    {
        byte[] body = GC.AllocateUninitializedArray<byte>(row.Length - NonceBytes - TagBytes);
        _ciphers.Value!.Decrypt(
            row.AsSpan(0, NonceBytes), row.AsSpan(NonceBytes + TagBytes), row.AsSpan(NonceBytes, TagBytes), body,
            Encoding.UTF8.GetBytes(bound));
        return body;
    }

    public void Dispose()
    {
        foreach (AesGcm cipher in _ciphers.Values)
        {
            cipher.Dispose();
        }

        _ciphers.Dispose();
    }
}
