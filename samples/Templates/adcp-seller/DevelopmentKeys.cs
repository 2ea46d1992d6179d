using System.Security.Cryptography;
using Adcp.Aot;

namespace SellerApp;

/// <summary>
/// Creates the keys and the token of appsettings.json for development. In production give them to the configuration from a secret store.
/// </summary>
internal static class DevelopmentKeys
{
    public static void CreateIfAbsent(string folder)
    {
        Write(Path.Combine(folder, "seller.jwk"), static () =>
        {
            using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-1");
            return key.ExportPrivateJwk();
        });
        Write(Path.Combine(folder, "storage.key"), static () => Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));
        Write(Path.Combine(folder, "operators.token"), static () => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)));
    }

    private static void Write(string path, Func<string> make)
    {
        if (File.Exists(path))
        {
            return;
        }

        FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using StreamWriter writer = new(path, options);
        writer.Write(make());
    }
}
