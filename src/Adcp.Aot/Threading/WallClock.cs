namespace Adcp.Aot.Threading;

/// <summary>
/// Converts monotonic timestamps to UTC. The wall clock is read once a second and interpolated in between: a delivery
/// needs its timestamps for durations anyway, and another clock read would cost as much as the rest of it. A step of
/// the wall clock shows within a second and never changes a duration. Thread-safe.
/// </summary>
internal sealed class WallClock
{
    private readonly TimeProvider _time;
    private readonly double _ticksPerStamp;
    private readonly long _frequency;

    /// <summary>
    /// UTC ticks at timestamp 0. One number, so that a reader never combines the halves of two anchors.
    /// </summary>
    private long _epoch;
    private long _readAt;

    internal WallClock(TimeProvider time)
    {
        _time = time;
        _frequency = time.TimestampFrequency;
        _ticksPerStamp = (double)TimeSpan.TicksPerSecond / _frequency;
        Read();
    }

    internal DateTimeOffset At(long timestamp) => new(TicksAt(timestamp), TimeSpan.Zero);

    /// <summary>Returns the UTC ticks of a timestamp.</summary>
    internal long TicksAt(long timestamp)
    {
        if (timestamp - Volatile.Read(ref _readAt) > _frequency)
        {
            Read();
        }

        return Volatile.Read(ref _epoch) + Ticks(timestamp);
    }

    /// <summary>
    /// Returns the same as <see cref="TimeProvider.GetElapsedTime(long, long)"/>, without its virtual call and its
    /// division; never negative.
    /// </summary>
    internal TimeSpan Elapsed(long from, long to) => to <= from ? TimeSpan.Zero : new(Ticks(to - from));

    private void Read()
    {
        long timestamp = _time.GetTimestamp();
        Volatile.Write(ref _epoch, _time.GetUtcNow().UtcTicks - Ticks(timestamp));
        Volatile.Write(ref _readAt, timestamp);
    }

    /// <summary>Uses the native conversion: C#'s checks for values that no timestamp has.</summary>
    private long Ticks(long timestamp) => double.ConvertToIntegerNative<long>(timestamp * _ticksPerStamp);
}
