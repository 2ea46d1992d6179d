using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Hosting.Tests;

/// <summary>Builds hosts from settings that look like a file.</summary>
internal static class TestHost
{
    public static readonly string Jwk = MakeJwk();

    public static readonly (string Key, string Value)[] Sound = [("Adcp:Version", "3.1"), ("Adcp:Keys:0:Jwk", Jwk)];

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
