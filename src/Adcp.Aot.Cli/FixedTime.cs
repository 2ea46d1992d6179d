namespace Adcp.Aot.Cli;

/// <summary>A clock that stands still at the time of a vector or an option.</summary>
internal sealed class FixedTime(long unixSeconds) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeSeconds(unixSeconds);
}
