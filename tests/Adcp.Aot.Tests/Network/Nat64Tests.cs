using System.Net;
using Adcp.Aot.Network;

namespace Adcp.Aot.Tests.Network;

public sealed class Nat64Tests
{
    [Theory]
    [InlineData("2001:db8::/32", "2001:db8:c000:221::", "192.0.2.33")]
    [InlineData("2001:db8:100::/40", "2001:db8:1c0:2:21::", "192.0.2.33")]
    [InlineData("2001:db8:122::/48", "2001:db8:122:c000:2:2100::", "192.0.2.33")]
    [InlineData("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::", "192.0.2.33")]
    [InlineData("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::", "192.0.2.33")]
    [InlineData("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33", "192.0.2.33")]
    [InlineData("64:ff9b::/96", "64:ff9b::192.0.2.33", "192.0.2.33")]
    public void Address_inside_is_read_at_each_length_of_the_standard(string prefix, string address, string inside) =>
        Assert.Equal(
            IPAddress.Parse(inside), Nat64.Inside(IPAddress.Parse(address).GetAddressBytes(), IPNetwork.Parse(prefix).PrefixLength));

    [Theory]
    [InlineData("64:ff9b::8.8.8.8", true)]
    [InlineData("64:ff9b::10.0.0.1", false)]
    [InlineData("64:ff9b::127.0.0.1", false)]
    [InlineData("64:ff9b::169.254.169.254", false)]
    [InlineData("2001:db8:64::8.8.8.8", true)]
    [InlineData("2001:db8:64::10.0.0.1", false)]
    [InlineData("2001:db8:65::8.8.8.8", false)]
    public void Address_behind_a_prefix_is_judged_by_the_one_inside(string address, bool allowed)
    {
        DestinationGuard guard = new(new DestinationGuardOptions { Nat64Prefixes = [IPNetwork.Parse("2001:db8:64::/96")] });

        Assert.Equal(allowed, guard.IsAllowed(IPAddress.Parse(address)));
    }

    [Fact]
    public async Task Synthesized_answer_beside_a_public_one_refuses_no_name()
    {
        DestinationGuard guard = new(new DestinationGuardOptions
        {
            Resolver = static (_, _) => Task.FromResult(
                new[] { IPAddress.Parse("64:ff9b::8.8.8.8"), IPAddress.Parse("8.8.8.8"), IPAddress.Parse("::ffff:8.8.4.4") }),
        });

        Assert.True(await guard.AllowsAsync("https://buyer.example/"));
    }

    [Theory]
    [InlineData("10.0.0.0/8")]
    [InlineData("2001:db8::/33")]
    [InlineData("2001:db8::/128")]
    [InlineData("::/0")]
    public void Prefix_that_cannot_be_one_is_named_at_once(string prefix) =>
        Assert.Equal(
            "Nat64Prefixes",
            Assert.Throws<ArgumentException>(() => new DestinationGuardOptions { Nat64Prefixes = [IPNetwork.Parse(prefix)] }).ParamName);
}
