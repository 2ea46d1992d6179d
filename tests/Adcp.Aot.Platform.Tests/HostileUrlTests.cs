using System.Net.Sockets;
using System.Text.Json;
using Adcp.Aot.Network;

namespace Adcp.Aot.Platform.Tests;

/// <summary>Registrations whose url leads to this machine, its network or a metadata service.</summary>
public sealed class HostileUrlTests
{
    public static TheoryData<string> Hosts => HostileHosts.All;

    [Theory]
    [MemberData(nameof(Hosts))]
    public async Task Call_that_registers_a_hostile_host_is_refused_and_performs_nothing(string host)
    {
        DestinationGuard guard = new(new DestinationGuardOptions
        {
            AllowHttp = true,
            Resolver = static (_, _) => throw new SocketException((int)SocketError.HostNotFound),
        });
        await using Bench bench = new(AdcpVersion.V32, options => options with { Guard = guard });
        string url = JsonSerializer.Serialize($"http://{host}/x", TestJson.Default.String);

        ToolReply reply = await bench.BuyAsync("later", $$"""{"url":{{url}},"operation_id":"op_1"}""");

        Assert.Equal("INVALID_REQUEST", reply.Error?.Code);
        Assert.Equal((0, 0), (bench.Platform.Performed, bench.Handler.PendingDeliveries));
        Assert.DoesNotContain("127.0.0.1", Bench.Text(reply), StringComparison.Ordinal);
    }
}
