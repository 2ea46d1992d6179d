using System.Net;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Platform.Tests;

/// <summary>Senders without a network whose guard knows every host at a public address.</summary>
internal static class TestSenders
{
    public static RecordingSender Of(AdcpVersion version, TimeProvider? time = null) => new(new WebhookSenderOptions
    {
        Version = version,
        TimeProvider = time ?? TimeProvider.System,
        Resolver = static (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse("8.8.8.8")]),
    });
}
