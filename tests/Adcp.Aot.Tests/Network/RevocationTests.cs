using System.Security.Cryptography.X509Certificates;
using Adcp.Aot.Signing;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Tests.Network;

/// <summary>The option that looks certificates of hosts up in revocation lists.</summary>
public sealed class RevocationTests
{
    [Theory]
    [InlineData(X509RevocationMode.NoCheck)]
    [InlineData(X509RevocationMode.Offline)]
    [InlineData(X509RevocationMode.Online)]
    public void Connections_of_senders_and_of_readers_of_keys_have_the_mode_that_was_set(X509RevocationMode mode)
    {
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");
        using WebhookSender sender = new(
            new Rfc9421Signer(key), new WebhookSenderOptions { Version = AdcpVersion.V32, Revocation = mode });
        using RemoteKeySource keys = RemoteKeySource.FromJwksUri(
            "https://seller.example/jwks.json", "https://seller.example/agent", new RemoteKeySourceOptions { Revocation = mode });

        Assert.Equal(mode, sender.Http.Tls.CertificateRevocationCheckMode);
        Assert.Equal(mode, keys.Http.Tls.CertificateRevocationCheckMode);
    }

    [Fact]
    public void Nothing_is_looked_up_by_default_and_an_undefined_mode_is_refused()
    {
        Assert.Equal(X509RevocationMode.NoCheck, new WebhookSenderOptions { Version = AdcpVersion.V32 }.Revocation);
        Assert.Equal(X509RevocationMode.NoCheck, new RemoteKeySourceOptions().Revocation);
        Assert.Throws<ArgumentOutOfRangeException>(
            static () => new WebhookSenderOptions { Version = AdcpVersion.V32, Revocation = (X509RevocationMode)7 });
        Assert.Throws<ArgumentOutOfRangeException>(static () => new RemoteKeySourceOptions { Revocation = (X509RevocationMode)7 });
    }
}
