using System.Net;
using Adcp.Aot.Network;

namespace Adcp.Aot.Tests.Network;

public sealed class DestinationGuardTests
{
    private static readonly DestinationGuard Strict = new(new DestinationGuardOptions());
    private static readonly DestinationGuard Lenient = new(new DestinationGuardOptions { AllowHttp = true, AllowPrivateNetworks = true });

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("10.0.0.0")]
    [InlineData("10.255.255.255")]
    [InlineData("100.64.0.0")]
    [InlineData("100.127.255.255")]
    [InlineData("127.0.0.1")]
    [InlineData("169.254.0.1")]
    [InlineData("172.16.0.0")]
    [InlineData("172.31.255.255")]
    [InlineData("192.0.0.1")]
    [InlineData("192.0.2.1")]
    [InlineData("192.88.99.1")]
    [InlineData("192.168.0.1")]
    [InlineData("198.18.0.1")]
    [InlineData("198.19.255.255")]
    [InlineData("198.51.100.1")]
    [InlineData("203.0.113.1")]
    [InlineData("224.0.0.1")]
    [InlineData("240.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("::ffff:8.8.8.8")]
    [InlineData("::8.8.8.8")]
    [InlineData("64:ff9b::10.0.0.1")]
    [InlineData("64:ff9b::169.254.0.1")]
    [InlineData("64:ff9b:1::1")]
    [InlineData("100::1")]
    [InlineData("2001::1")]
    [InlineData("2001:1ff::1")]
    [InlineData("2001:db8::1")]
    [InlineData("2002:808:808::1")]
    [InlineData("3fff::1")]
    [InlineData("5f00::1")]
    [InlineData("fc00::1")]
    [InlineData("fdff::1")]
    [InlineData("fe80::1")]
    [InlineData("fec0::1")]
    [InlineData("ff02::1")]
    public void Reserved_addresses_are_refused(string address) => Assert.False(Strict.IsAllowed(IPAddress.Parse(address)));

    [Theory]
    [InlineData("1.1.1.1")]
    [InlineData("9.255.255.255")]
    [InlineData("11.0.0.0")]
    [InlineData("100.63.255.255")]
    [InlineData("100.128.0.0")]
    [InlineData("172.15.255.255")]
    [InlineData("172.32.0.0")]
    [InlineData("192.169.0.0")]
    [InlineData("198.17.255.255")]
    [InlineData("198.20.0.0")]
    [InlineData("223.255.255.255")]
    [InlineData("2001:200::1")]
    [InlineData("2606:4700::1111")]
    [InlineData("64:ff9b::808:808")]
    public void Public_addresses_pass(string address) => Assert.True(Strict.IsAllowed(IPAddress.Parse(address)));

    [Theory]
    [InlineData("169.254.169.254")]
    [InlineData("100.100.100.200")]
    [InlineData("192.0.0.192")]
    [InlineData("fd00:ec2::254")]
    [InlineData("fd00:ec2::254%3")]
    [InlineData("::ffff:169.254.169.254")]
    [InlineData("64:ff9b::a9fe:a9fe")]
    [InlineData("2002:a9fe:a9fe::1")]
    public void Metadata_services_are_refused_whatever_the_flags(string address) =>
        Assert.False(Lenient.IsAllowed(IPAddress.Parse(address)));

    [Theory]
    [InlineData("10.1.2.3", true)]
    [InlineData("127.0.0.1", true)]
    [InlineData("::1", true)]
    [InlineData("fc00::1", true)]
    [InlineData("169.254.0.1", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("224.0.0.1", false)]
    public void Private_networks_are_admitted_on_request_and_nothing_else(string address, bool allowed) =>
        Assert.Equal(allowed, Lenient.IsAllowed(IPAddress.Parse(address)));

    [Theory]
    [InlineData("http://buyer.example/")]
    [InlineData("https://2130706433/")]
    [InlineData("https://0x7f.0.0.1/")]
    [InlineData("https://0x7f000001/")]
    [InlineData("https://127.1/")]
    [InlineData("https://127。0。0。1/")]
    [InlineData("https://0177.0.0.1/")]
    [InlineData("https://127.0.0.1/")]
    [InlineData("https://[::1]/")]
    [InlineData("https://localhost/")]
    [InlineData("https://a.localhost/")]
    [InlineData("https://metadata.google.internal/")]
    public void Urls_are_refused_before_anything_is_resolved(string url) => Assert.NotNull(Strict.Refuse(Parse(url)));

    [Fact]
    public void Plain_urls_pass_and_ports_are_free_unless_listed()
    {
        Assert.Null(Strict.Refuse(Parse("https://buyer.example:9999/")));
        DestinationGuard listed = new(new DestinationGuardOptions { AllowedPorts = new HashSet<int> { 443 } });
        Assert.Null(listed.Refuse(Parse("https://buyer.example/")));
        Assert.NotNull(listed.Refuse(Parse("https://buyer.example:8443/")));
    }

    [Fact]
    public void One_bad_answer_among_many_refuses_all()
    {
        Assert.True(Strict.AllAllowed([IPAddress.Parse("1.1.1.1")]));
        Assert.False(Strict.AllAllowed([IPAddress.Parse("1.1.1.1"), IPAddress.Parse("10.0.0.1")]));
        Assert.False(Strict.AllAllowed([]));
        Assert.False(Strict.AllAllowed([.. Enumerable.Repeat(IPAddress.Parse("1.1.1.1"), 33)]));
    }

    private static TargetUri Parse(string url)
    {
        Assert.True(TargetUri.TryParse(url, out TargetUri? target, out string? reason), reason);
        return target;
    }

    [Theory]
    [InlineData("https://buyer.example/hook", true)]
    [InlineData("https://8.8.8.8/hook", true)]
    [InlineData("http://buyer.example/hook", false)]
    [InlineData("https://inside.example/hook", false)]
    [InlineData("https://half.example/hook", false)]
    [InlineData("https://gone.example/hook", false)]
    [InlineData("https://169.254.169.254/latest", false)]
    [InlineData("https://user:word@buyer.example/", false)]
    [InlineData("not a url", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public async Task Url_is_allowed_where_every_address_of_its_host_is(string? url, bool allowed)
    {
        DestinationGuard guard = new(new DestinationGuardOptions
        {
            Resolver = static (host, _) => host switch
            {
                "buyer.example" => Task.FromResult(new[] { IPAddress.Parse("8.8.8.8") }),
                "half.example" => Task.FromResult(new[] { IPAddress.Parse("8.8.8.8"), IPAddress.Loopback }),
                "inside.example" => Task.FromResult(new[] { IPAddress.Parse("10.0.0.1") }),
                _ => throw new System.Net.Sockets.SocketException((int)System.Net.Sockets.SocketError.HostNotFound),
            },
        });
        Assert.Equal(allowed, await guard.AllowsAsync(url));
    }

    [Fact]
    public async Task Name_that_never_resolves_is_refused_after_the_connect_timeout()
    {
        Microsoft.Extensions.Time.Testing.FakeTimeProvider time = new();
        DestinationGuard guard = new(new DestinationGuardOptions
        {
            TimeProvider = time,
            Resolver = static async (_, token) =>
            {
                await Task.Delay(Timeout.Infinite, token);
                return [];
            },
        });
        Task<bool> asked = guard.AllowsAsync("https://slow.example/").AsTask();
        Assert.False(asked.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(6));
        Assert.False(await asked);
    }
}
