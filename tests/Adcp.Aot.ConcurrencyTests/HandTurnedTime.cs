namespace Adcp.Aot.ConcurrencyTests;

/// <summary>A clock that stands still until a test turns it.</summary>
internal sealed class HandTurnedTime : TimeProvider
{
    private long _ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _ticks;

    internal void Advance(TimeSpan by) => _ticks += by.Ticks;
}
