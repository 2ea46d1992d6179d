using Adcp.Aot.AspNetCore.Tests;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Hosting.Tests;

/// <summary>Builds hosts from settings that look like a file.</summary>
internal static class TestHost
{
    public static readonly string Jwk = MakeJwk();

    public static readonly (string Key, string Value)[] Sound = [("Adcp:Version", "3.1"), ("Adcp:Keys:0:Jwk", Jwk)];

    /// <summary>Settings with which webhooks are sent to receivers on this machine.</summary>
    public static readonly (string Key, string Value)[] Local =
        [("Adcp:Sender:AllowHttp", "true"), ("Adcp:Sender:AllowPrivateNetworks", "true")];

    /// <summary>Returns the settings of an outbox in a file of SQLite.</summary>
    public static (string Key, string Value)[] Outbox(Folder folder) =>
    [
        ("Adcp:EncryptionKeys:0:Id", "2026"), ("Adcp:EncryptionKeys:0:Base64", Convert.ToBase64String(new byte[32])),
        ("Adcp:Database:Dialect", "Sqlite"), ("ConnectionStrings:adcp", folder["a.db"]),
    ];

    public static HostApplicationBuilder Builder(params (string Key, string Value)[] settings) => Builder(null, settings);

    public static HostApplicationBuilder Builder(ILoggerProvider? log, params (string Key, string Value)[] settings)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(settings.Select(static s => KeyValuePair.Create(s.Key, (string?)s.Value)));
        if (log is not null)
        {
            builder.Logging.AddProvider(log).AddFilter("Microsoft", LogLevel.None);
        }

        return builder;
    }

    private static string MakeJwk()
    {
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-1");
        return key.ExportPrivateJwk();
    }
}
