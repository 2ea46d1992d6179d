namespace Adcp.Aot.Storage.Tests.Databases;

/// <summary>
/// The system's clock, set forward by a test. Its timers are the system's, so that waiting for a database still ends by
/// itself. Thread-safe.
/// </summary>
internal sealed class ShiftedTime : TimeProvider
{
    private long _ticks;

    public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddTicks(Interlocked.Read(ref _ticks));

    public override long GetTimestamp() =>
        base.GetTimestamp() + (long)(Interlocked.Read(ref _ticks) / (double)TimeSpan.TicksPerSecond * TimestampFrequency);
}
