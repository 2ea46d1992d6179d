namespace Adcp.Aot.Cli;

/// <summary>A clock that stands at the time a vector or an option states.</summary>
internal sealed class FixedTime(long unixSeconds) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeSeconds(unixSeconds);
}
