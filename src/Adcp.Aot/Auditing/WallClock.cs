namespace Adcp.Aot.Auditing;

/// <summary>
/// UTC of monotonic timestamps. The wall clock is read once a second and interpolated in between: a delivery needs its timestamps for durations
/// anyway, and another clock read would cost as much as the rest of it. A step of the wall clock shows within a second and never bends a duration. Thread-safe.
/// </summary>
internal sealed class WallClock
{
    private readonly TimeProvider _time;
    private readonly double _ticksPerStamp;

    /// <summary>UTC ticks at timestamp 0. One number, so that a reader never pairs the halves of two anchors.</summary>
    private long _epoch;
    private long _readAt;

    internal WallClock(TimeProvider time)
    {
        _time = time;
        _ticksPerStamp = (double)TimeSpan.TicksPerSecond / time.TimestampFrequency;
        Read();
    }

    internal DateTimeOffset At(long timestamp)
    {
        if (timestamp - Volatile.Read(ref _readAt) > _time.TimestampFrequency)
        {
            Read();
        }

        return new DateTimeOffset(Volatile.Read(ref _epoch) + (long)(timestamp * _ticksPerStamp), TimeSpan.Zero);
    }

    /// <summary>What <see cref="TimeProvider.GetElapsedTime(long, long)"/> gives, without its virtual call and its division; never negative.</summary>
    internal TimeSpan Elapsed(long from, long to) => to <= from ? TimeSpan.Zero : new((long)((to - from) * _ticksPerStamp));

    private void Read()
    {
        long timestamp = _time.GetTimestamp();
        Volatile.Write(ref _epoch, _time.GetUtcNow().UtcTicks - (long)(timestamp * _ticksPerStamp));
        Volatile.Write(ref _readAt, timestamp);
    }
}
