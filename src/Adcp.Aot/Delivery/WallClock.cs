namespace Adcp.Aot.Delivery;

/// <summary>
/// UTC of monotonic timestamps. The wall clock is read once a second and interpolated in between: a delivery needs its timestamps for durations
/// anyway, and a third clock read would be a quarter of its cost. A step of the wall clock shows within a second and never bends a duration.
/// </summary>
internal sealed class WallClock(TimeProvider time)
{
    private readonly double _ticksPerStamp = (double)TimeSpan.TicksPerSecond / time.TimestampFrequency;
    private Anchor _anchor = new(time.GetTimestamp(), time.GetUtcNow());

    internal DateTimeOffset At(long timestamp)
    {
        Anchor anchor = Volatile.Read(ref _anchor);
        TimeSpan since = Elapsed(anchor.Timestamp, timestamp);
        if (since.Ticks is < 0 or > TimeSpan.TicksPerSecond)
        {
            anchor = new Anchor(time.GetTimestamp(), time.GetUtcNow());
            Volatile.Write(ref _anchor, anchor);
            since = Elapsed(anchor.Timestamp, timestamp);
        }

        return anchor.Utc + since;
    }

    /// <summary>What <see cref="TimeProvider.GetElapsedTime(long, long)"/> gives, without its two virtual calls and its division.</summary>
    internal TimeSpan Elapsed(long from, long to) => new((long)((to - from) * _ticksPerStamp));

    private sealed record Anchor(long Timestamp, DateTimeOffset Utc);
}
