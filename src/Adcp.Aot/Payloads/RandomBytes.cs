using System.Security.Cryptography;

namespace Adcp.Aot.Payloads;

/// <summary>
/// Random bytes for values that become public when they are used: keys and nonces. Many are drawn at once, because one
/// call of the system's generator costs a tenth of a signature.
/// </summary>
internal static class RandomBytes
{
    private const int Drawn = 1024;

    [ThreadStatic]
    private static byte[]? _bytes;

    [ThreadStatic]
    private static int _used;

    /// <summary>Returns bytes that were not returned before. They are valid until this thread asks again.</summary>
    internal static ReadOnlySpan<byte> Next(int length)
    {
        if (_bytes is not { } bytes || _used + length > Drawn)
        {
            RandomNumberGenerator.Fill(bytes = _bytes ??= new byte[Drawn]);
            _used = 0;
        }

        _used += length;
        return bytes.AsSpan(_used - length, length);
    }
}
