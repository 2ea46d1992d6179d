using System.Runtime.CompilerServices;
using Adcp.Aot.Storage.Tests.Sinks;

namespace Adcp.Aot.Storage.Tests.LegacyTimes;

/// <summary>The times of a log and a store under Npgsql's legacy timestamp behaviour, in a process whose zone is New York.</summary>
public sealed class LegacyTimeTests : TimeContract
{
    [ModuleInitializer]
    internal static void LiveInNewYork()
    {
        Environment.SetEnvironmentVariable("TZ", "America/New_York");
        TimeZoneInfo.ClearCachedData();
    }

    [Fact]
    public void Process_has_the_switch_and_a_zone_of_its_own()
    {
        Assert.True(AppContext.TryGetSwitch("Npgsql.EnableLegacyTimestampBehavior", out bool isLegacy) && isLegacy);
        Assert.NotEqual(TimeSpan.Zero, TimeZoneInfo.Local.GetUtcOffset(Attempts.Noon));
    }
}
