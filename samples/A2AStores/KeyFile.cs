using System.Security.Cryptography;
using Adcp.Aot.Storage;

namespace A2AStores;

/// <summary>The key that encrypts push secrets, in a file that only its owner reads. Keep a real one in a secret store.</summary>
internal static class KeyFile
{
    /// <exception cref="ArgumentException">The file holds no such key.</exception>
    public static EncryptionKey ReadOrCreate(string path)
    {
        if (!File.Exists(path))
        {
            FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            using FileStream file = new(path, options);
            file.Write(RandomNumberGenerator.GetBytes(EncryptionKey.SizeInBytes));
        }

        byte[] bytes = File.ReadAllBytes(path);
        return bytes.Length == EncryptionKey.SizeInBytes
            ? new EncryptionKey("file-" + Convert.ToHexStringLower(SHA256.HashData(bytes))[..12], bytes)
            : throw new ArgumentException($"A key file holds {EncryptionKey.SizeInBytes} bytes.");
    }
}
