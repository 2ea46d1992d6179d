using System.Net;
using System.Net.Sockets;
using Adcp.Aot.Network;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;

namespace Adcp.Aot.Tests.Network;

/// <summary>Urls whose host is this machine, its network or a metadata service, in every way to write it.</summary>
public sealed class HostileHostTests
{
    public static TheoryData<string> Hosts => HostileHosts.All;

    [Theory]
    [MemberData(nameof(Hosts))]
    public void Host_that_is_not_refused_by_its_form_is_one_name_to_parser_and_http_client(string host)
    {
        DestinationGuard guard = new(new DestinationGuardOptions());

        if (TargetUri.TryParse($"https://{host}/x", out TargetUri? target, out _) && !target.HadUserInfo && guard.Refuse(target) is null)
        {
            Assert.Equal(target.Host, target.ToRequestUri().IdnHost);
            Assert.Contains("xn--", target.Host, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Hosts))]
    public async Task Registration_is_refused_without_a_look_up_of_an_address(string host)
    {
        List<string> asked = [];
        DestinationGuard guard = new(new DestinationGuardOptions { Resolver = Absent(asked), AllowHttp = true });

        bool byHttps = await guard.AllowsAsync($"https://{host}/x");
        bool byHttp = await guard.AllowsAsync($"http://{host}/x");

        Assert.False(byHttps || byHttp);
        Assert.All(asked, static name => Assert.Contains("xn--", name, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Hosts))]
    public async Task Sender_connects_to_none(string host)
    {
        List<string> asked = [];
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");
        using WebhookSender sender = new(
            new Rfc9421Signer(key), new WebhookSenderOptions { Version = AdcpVersion.V32, AllowHttp = true, Resolver = Absent(asked) });
        WebhookDestination destination;
        try
        {
            destination = new WebhookDestination($"http://{host}/x");
        }
        catch (ArgumentException)
        {
            return;
        }

        WebhookSendResult result = await sender.SendAsync(sender.Prepare(destination, new RawPayload()), CancellationToken.None);

        Assert.Contains(result.Error, (WebhookSendError[])[WebhookSendError.DestinationRefused, WebhookSendError.NoUsableAddress]);
        Assert.All(asked, static name => Assert.Contains("xn--", name, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("10.0.0.1")]
    [InlineData("169.254.169.254")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("::ffff:169.254.169.254")]
    [InlineData("::127.0.0.1")]
    [InlineData("fd00:ec2::254%2")]
    [InlineData("fe80::1%2")]
    [InlineData("64:ff9b::7f00:1")]
    [InlineData("2002:7f00:1::")]
    public async Task Name_that_looks_like_a_host_in_another_script_is_judged_by_its_addresses(string address)
    {
        DestinationGuard guard = new(
            new DestinationGuardOptions { Resolver = (_, _) => Task.FromResult(new[] { IPAddress.Parse(address) }) });

        Assert.False(await guard.AllowsAsync("https://localho\u017ft/"));
        Assert.False(await guard.AllowsAsync("https://\u0661\u0662\u0667.0.0.example/"));
    }

    private static Func<string, CancellationToken, Task<IPAddress[]>> Absent(List<string> asked) => (host, _) =>
    {
        asked.Add(host);
        throw new SocketException((int)SocketError.HostNotFound);
    };
}
