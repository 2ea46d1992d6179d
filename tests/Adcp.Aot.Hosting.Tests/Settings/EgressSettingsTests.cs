using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Adcp.Aot.AspNetCore.Tests;
using Adcp.Aot.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Hosting.Tests.Settings;

/// <summary>Egress rules and rate limits in a configuration file.</summary>
public sealed class EgressSettingsTests : IDisposable
{
    private static readonly (string, string)[] Local = [("Adcp:Sender:AllowHttp", "true"), ("Adcp:Sender:AllowPrivateNetworks", "true")];

    private readonly Folder _folder = new();

    public EgressSettingsTests()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 certificate = new CertificateRequest("CN=seller", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        PbeParameters encryption = new(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000);
        File.WriteAllText(_folder["both.pem"], certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(_folder["cert.pem"], certificate.ExportCertificatePem());
        File.WriteAllText(_folder["key.pem"], key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(_folder["locked.pem"], key.ExportEncryptedPkcs8PrivateKeyPem("secret", encryption));
        File.WriteAllText(_folder["empty.pem"], "nothing");
        File.WriteAllBytes(_folder["both.pfx"], certificate.Export(X509ContentType.Pkcs12, "secret"));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_rule_of_a_file_reaches_the_sender()
    {
        using Socket taken = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using ScriptedReceiver receiver = new();
        HostApplicationBuilder builder = TestHost.Builder(
        [
            .. TestHost.Sound, .. Local,
            ("Adcp:Sender:Egress:0:Origins:0", receiver.Origin),
            ("Adcp:Sender:Egress:0:Proxy", $"http://127.0.0.1:{((IPEndPoint)taken.LocalEndPoint!).Port}"),
            ("Adcp:Sender:Egress:1:Origins:0", "https://*.partner.example"),
            ("Adcp:Sender:Egress:1:AttemptTimeout", "00:00:40"),
        ]);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp");
        using IHost host = builder.Build();
        await host.StartAsync();

        WebhookSender sender = host.Services.GetRequiredService<WebhookSender>();
        WebhookSendResult result = await sender.SendAsync(sender.Prepare(receiver.Destination("op_1"), Payload()));

        Assert.Equal((WebhookSendError.LocalNetwork, "the proxy cannot be reached"), (result.Error, result.ErrorDetail));
        Assert.Equal(0, receiver.Count);
        Assert.Equal(TimeSpan.FromSeconds(40), sender.Facts.AttemptTimeout);
        await host.StopAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Renewed_certificates_are_used_and_broken_files_keep_the_earlier_ones_and_are_logged_once(bool isMountedSecret)
    {
        // A mounted secret: the file is a link whose target is exchanged, and the link itself does not change.
        string used = isMountedSecret ? "mounted.pem" : "both.pem";
        if (isMountedSecret)
        {
            Directory.CreateDirectory(_folder["first"]);
            Directory.CreateDirectory(_folder["second"]);
            File.Copy(_folder["both.pem"], Path.Combine(_folder["first"], "tls.pem"));
            File.WriteAllText(Path.Combine(_folder["second"], "tls.pem"), Issue("CN=renewed"));
            Directory.CreateSymbolicLink(_folder["data"], "first");
            File.CreateSymbolicLink(_folder[used], Path.Combine("data", "tls.pem"));
        }

        FakeTimeProvider time = new();
        CapturingLog log = new();
        HostApplicationBuilder builder = TestHost.Builder(
            log,
            [
                .. TestHost.Sound, ("Adcp:Sender:Egress:0:Origins:0", "*"), ("Adcp:Sender:Egress:0:ClientCertificateFile", _folder[used]),
                ("Adcp:Sender:Egress:0:RootsFile", _folder["cert.pem"]),
            ]);
        builder.Services.AddSingleton<TimeProvider>(time);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp");
        using IHost host = builder.Build();
        await host.StartAsync();
        EgressRule rule = host.Services.GetRequiredKeyedService<WebhookEngine>("").Plan.Sender.Egress[0];
        Assert.Equal(("CN=seller", 1), (rule.Certificates!.ClientCertificate!.Subject, rule.Certificates.Roots!.Count));

        File.WriteAllText(_folder["cert.pem"], "nothing");
        time.Advance(FileWatch.Interval);
        time.Advance(FileWatch.Interval);

        string refused = await log.WhenWritten(HostingEventIds.FilesRefused);
        Assert.StartsWith("Warning: The files of Adcp:Sender:Egress:0 have changed and cannot be used", refused, StringComparison.Ordinal);
        Assert.Single(log.Lines, static line => line.Contains("cannot be used", StringComparison.Ordinal));
        Assert.Equal(("CN=seller", 1), (rule.Certificates.ClientCertificate.Subject, rule.Certificates.Roots!.Count));

        File.WriteAllText(_folder["cert.pem"], Issue("CN=root 1") + Issue("CN=root 2"));
        if (isMountedSecret)
        {
            Directory.Delete(_folder["data"]);
            Directory.CreateSymbolicLink(_folder["data"], "second");
        }
        else
        {
            File.WriteAllText(_folder[used], Issue("CN=renewed"));
        }

        time.Advance(FileWatch.Interval);

        Assert.Equal(("CN=renewed", 2), (rule.Certificates.ClientCertificate!.Subject, rule.Certificates.Roots.Count));
        Assert.Single(log.Lines, static line => line.Contains("are used from now on", StringComparison.Ordinal));
        await host.StopAsync();
    }

    [Fact]
    public async Task A_rate_limit_of_a_file_reaches_the_supervisor()
    {
        await using ScriptedReceiver receiver = new();
        HostApplicationBuilder builder = TestHost.Builder(
        [
            .. TestHost.Sound, .. Local,
            ("Adcp:Delivery:RateLimits:0:Origins:0", "*"), ("Adcp:Delivery:RateLimits:0:MaxAttempts", "1"),
            ("Adcp:Delivery:RateLimits:0:Period", "1.00:00:00"),
        ]);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp");
        using IHost host = builder.Build();
        await host.StartAsync();
        InMemoryWebhookDeliverySupervisor supervisor = host.Services.GetRequiredService<InMemoryWebhookDeliverySupervisor>();

        Assert.True((await supervisor.SendAsync(receiver.Destination("op_1"), Payload())).IsDelivered);
        using CancellationTokenSource caller = new();
        Task<DeliveryOutcome> second = supervisor.SendAsync(receiver.Destination("op_1"), Payload(), null, caller.Token).AsTask();
        Assert.False(second.IsCompleted);
        await caller.CancelAsync();

        Assert.Equal((DeliveryStatus.Cancelled, 0), ((await second).Status, (await second).Attempts));
        Assert.Equal(1, receiver.Count);
        await host.StopAsync();
    }

    [Theory]
    [InlineData("ClientCertificateFile=both.pem", null)]
    [InlineData("ClientCertificateFile=cert.pem;ClientCertificateKeyFile=key.pem", null)]
    [InlineData("ClientCertificateFile=cert.pem;ClientCertificateKeyFile=locked.pem;ClientCertificatePassword=secret", null)]
    [InlineData("ClientCertificateFile=both.pfx;ClientCertificatePassword=secret", null)]
    [InlineData("RootsFile=cert.pem", null)]
    [InlineData("Proxy=http://proxy.example:3128;ProxyUser=u;ProxyPassword=p;ProxyResolvesNames=true", null)]
    [InlineData("ClientCertificateFile=none.pem", "ClientCertificateFile")]
    [InlineData("ClientCertificateFile=cert.pem", "ClientCertificateFile")]
    [InlineData("ClientCertificateFile=both.pfx;ClientCertificatePassword=wrong", "ClientCertificateFile")]
    [InlineData("ClientCertificateKeyFile=key.pem", "ClientCertificateFile")]
    [InlineData("RootsFile=none.pem", "RootsFile")]
    [InlineData("RootsFile=empty.pem", "RootsFile")]
    [InlineData("Proxy=proxy.example", "Proxy")]
    [InlineData("Proxy=https://proxy.example", "Proxy")]
    [InlineData("Proxy=http://u:hunter2@proxy.example", "Proxy")]
    [InlineData("ProxyUser=u", "Proxy")]
    [InlineData("AttemptTimeout=00:00:00", "AttemptTimeout")]
    [InlineData("ConnectTimeout=01:00:00", "ConnectTimeout")]
    [InlineData("Origins:1=partner.example", "Origins")]
    [InlineData("Poxy=http://proxy.example", "Poxy")]
    public async Task A_rule_is_checked_when_the_host_starts(string settings, string? path)
    {
        Assert.Equal(
            path is null ? null : "Adcp:Sender:Egress:0:" + path,
            await FaultOfAsync("Adcp:Sender:Egress:0", "Origins:0=https://partner.example;" + settings));
    }

    [Theory]
    [InlineData("Origins:0=*;MaxAttempts=10;Period=00:01:00;Burst=3", null)]
    [InlineData("MaxAttempts=10", "Origins")]
    [InlineData("Origins:0=*", "MaxAttempts")]
    [InlineData("Origins:0=partner.example;MaxAttempts=1", "Origins")]
    [InlineData("Origins:0=*;MaxAttempts=0", "MaxAttempts")]
    [InlineData("Origins:0=*;MaxAttempts=1;Period=00:00:00", "Period")]
    [InlineData("Origins:0=*;MaxAttempts=1;Burst=0", "Burst")]
    public async Task A_rate_limit_is_checked_when_the_host_starts(string settings, string? path)
    {
        Assert.Equal(
            path is null ? null : "Adcp:Delivery:RateLimits:0:" + path, await FaultOfAsync("Adcp:Delivery:RateLimits:0", settings));
    }

    /// <summary>Returns a certificate and its key as PEM.</summary>
    private static string Issue(string subject)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 certificate = new CertificateRequest(subject, key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem() + "\n";
    }

    private static McpWebhook Payload() =>
        new() { TaskId = "task_1", TaskType = TaskType.CreateMediaBuy, Status = AdcpTaskStatus.Completed };

    /// <summary>Starts a host and returns the path of the only fault.</summary>
    private async Task<string?> FaultOfAsync(string section, string settings)
    {
        IEnumerable<(string, string)> given = settings.Split(';').Select(setting =>
        {
            string name = setting[..setting.IndexOf('=', StringComparison.Ordinal)];
            string value = setting[(name.Length + 1)..];
            return ($"{section}:{name}", name.EndsWith("File", StringComparison.Ordinal) ? _folder[value] : value);
        });
        HostApplicationBuilder builder = TestHost.Builder([.. TestHost.Sound, .. given]);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp");
        using IHost host = builder.Build();

        Exception? fault = await Record.ExceptionAsync(() => host.StartAsync());

        Assert.Equal(fault is null, fault is not OptionsValidationException);
        string? failure = (fault as OptionsValidationException)?.Failures.Single();
        Assert.DoesNotContain("hunter2", failure ?? "", StringComparison.Ordinal);
        return failure?.Split(": ")[0];
    }
}
