using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Tests.Network;

/// <summary>The option that looks certificates of hosts up in revocation lists.</summary>
public sealed class RevocationTests : IAsyncLifetime
{
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");
    private readonly TestAuthority _authority = new("Revocations");
    private RecordingReceiver _lists = null!;

    public async ValueTask InitializeAsync()
    {
        _lists = await RecordingReceiver.StartAsync();
        _lists.Answer = async http =>
        {
            http.Response.ContentType = "application/pkix-crl";
            await http.Response.Body.WriteAsync(_authority.RevocationList());
        };
    }

    public async ValueTask DisposeAsync()
    {
        await _lists.DisposeAsync();
        ForgetCachedLists();
        _authority.Dispose();
        _key.Dispose();
    }

    [Fact]
    public async Task A_revoked_certificate_ends_the_attempt_and_the_result_names_the_cause()
    {
        X509Certificate2 certificate = Issue();
        _authority.Revoke(certificate);

        WebhookSendResult result = await SendAsync(certificate, X509RevocationMode.Online);

        Assert.Equal((WebhookSendError.ConnectionFailed, "TLS failed: the certificate is revoked"), (result.Error, result.ErrorDetail));
        Assert.True(result.IsConnectFailure);
        Assert.NotEmpty(_lists.Requests);
    }

    [Fact]
    public async Task A_certificate_that_is_not_in_the_list_passes()
    {
        X509Certificate2 certificate = Issue();
        _authority.Revoke(Issue());

        Assert.Equal(200, (await SendAsync(certificate, X509RevocationMode.Online)).StatusCode);
        Assert.NotEmpty(_lists.Requests);
    }

    [Fact]
    public async Task A_list_that_cannot_be_read_refuses_the_host()
    {
        _lists.Answer = static http =>
        {
            http.Response.StatusCode = 404;
            return Task.CompletedTask;
        };

        WebhookSendResult result = await SendAsync(Issue(), X509RevocationMode.Online);

        Assert.Equal(
            (WebhookSendError.ConnectionFailed, "TLS failed: the revocation list cannot be read"), (result.Error, result.ErrorDetail));
        Assert.NotEmpty(_lists.Requests);
    }

    [Fact]
    public async Task Offline_reads_no_list_and_refuses_a_host_whose_list_is_not_cached()
    {
        WebhookSendResult result = await SendAsync(Issue(), X509RevocationMode.Offline);

        Assert.Equal("TLS failed: the revocation list cannot be read", result.ErrorDetail);
        Assert.Empty(_lists.Requests);
    }

    [Fact]
    public async Task Without_a_check_a_revoked_certificate_passes_and_no_list_is_read()
    {
        X509Certificate2 certificate = Issue();
        _authority.Revoke(certificate);

        Assert.Equal(200, (await SendAsync(certificate, X509RevocationMode.NoCheck)).StatusCode);
        Assert.Empty(_lists.Requests);
    }

    [Theory]
    [InlineData(X509RevocationMode.NoCheck)]
    [InlineData(X509RevocationMode.Offline)]
    [InlineData(X509RevocationMode.Online)]
    public void Connections_of_senders_and_of_readers_of_keys_have_the_mode_that_was_set(X509RevocationMode mode)
    {
        using WebhookSender sender = new(
            new Rfc9421Signer(_key), new WebhookSenderOptions { Version = AdcpVersion.V32, Revocation = mode });
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

    /// <summary>
    /// Issues a certificate whose list is at a url of its own, because .NET keeps lists by their urls in the user's folder.
    /// </summary>
    private X509Certificate2 Issue() => _authority.Issue("a.example", revocationList: $"{_lists.BaseUrl}/{Guid.NewGuid():N}.crl");

    private async Task<WebhookSendResult> SendAsync(X509Certificate2 certificate, X509RevocationMode mode)
    {
        await using RecordingReceiver receiver =
            await RecordingReceiver.StartAsync(https: https => https.ServerCertificate = certificate);
        using WebhookSender sender = new(new Rfc9421Signer(_key), new WebhookSenderOptions
        {
            Version = AdcpVersion.V32,
            AllowPrivateNetworks = true,
            Resolver = static (_, _) => Task.FromResult(new[] { IPAddress.Loopback }),
            Revocation = mode,
            Egress = [new EgressRule { Origins = ["*"], Roots = [_authority.Root] }],
        });
        return await sender.SendAsync(
            sender.Prepare(new WebhookDestination($"https://a.example:{new Uri(receiver.BaseUrl).Port}/"), new RawPayload()),
            TestContext.Current.CancellationToken);
    }

    /// <summary>Deletes the lists of this test from the folder in which .NET keeps those that it downloaded.</summary>
    private void ForgetCachedLists()
    {
        string folder = Path.Combine(
            Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".dotnet", "corefx", "cryptography", "crls");
        string issuer = _authority.Root.SubjectName.Name["CN=".Length..];
        foreach (string file in Directory.Exists(folder) ? Directory.GetFiles(folder) : [])
        {
            if (IsOf(issuer, file))
            {
                File.Delete(file);
            }
        }
    }

    private static bool IsOf(string issuer, string file)
    {
        try
        {
            string pem = File.ReadAllText(file);
            PemFields fields = PemEncoding.Find(pem);
            byte[] list = Convert.FromBase64String(pem[fields.Base64Data]);
            return Encoding.Latin1.GetString(list).Contains(issuer, StringComparison.Ordinal);
        }
        catch (Exception fault) when (fault is IOException or ArgumentException)
        {
            // Another process reads, writes or deletes a list of its own.
            return false;
        }
    }
}
