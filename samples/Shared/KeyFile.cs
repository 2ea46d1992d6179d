using System.Security.Cryptography;
using Adcp.Aot.Storage;

namespace Samples;

/// <summary>
/// Keeps the key that encrypts secrets at rest in a file that only its owner can read. Keep a real one in a secret
/// store.
/// </summary>
internal static class KeyFile
{
    /// <exception cref="ArgumentException">The file holds no such key.</exception>
    public static EncryptionKey ReadOrCreate(string path)
    {
        if (!File.Exists(path))
        {
            using FileStream file = PrivateFile.Create(path);
            file.Write(RandomNumberGenerator.GetBytes(EncryptionKey.SizeInBytes));
        }

        byte[] bytes = File.ReadAllBytes(path);
        return bytes.Length == EncryptionKey.SizeInBytes
            ? new EncryptionKey("file-" + Convert.ToHexStringLower(SHA256.HashData(bytes))[..12], bytes)
            : throw new ArgumentException($"A key file holds {EncryptionKey.SizeInBytes} bytes.");
    }
}
