namespace Adcp.Aot.Threading;

/// <summary>
/// Monotonic timestamps of a <see cref="TimeProvider"/>: exact ones, and coarse ones at a fifth of their price.
/// </summary>
/// <remarks>
/// An exact timestamp costs as much as everything else a delivery does. A coarse one is the exact timestamp taken when the machine's tick counter last moved, which is
/// 1 to 16 ms ago, and costs a read of that counter. It serves where milliseconds are plenty: a circuit's timeout, a refusal, an attempt that ended within the tick it began
/// in. Both are in the same unit. Any provider but the system's own is always asked exactly. Thread-safe.
/// </remarks>
internal sealed class MonotonicClock
{
    private readonly bool _ticks;
    private readonly double _millisecondsPerStamp;
    private long _tick = long.MinValue;
    private long _stamp;

    internal MonotonicClock(TimeProvider time)
        : this(time, time.GetTimestamp())
    {
    }

    internal MonotonicClock(TimeProvider time, long origin)
    {
        Time = time;
        Origin = origin;
        _ticks = ReferenceEquals(time, TimeProvider.System);

        // TimeProvider.GetElapsedTime asks for the frequency and divides at every call; a clock's frequency never changes.
        _millisecondsPerStamp = 1_000.0 / time.TimestampFrequency;
    }

    internal TimeProvider Time { get; }

    /// <summary>The timestamp at which <see cref="Milliseconds(long)"/> is 0.</summary>
    internal long Origin { get; }

    internal long Exact() => Time.GetTimestamp();

    /// <summary>Never ahead of <see cref="Exact"/> (volatile reads).</summary>
    internal long Coarse()
    {
        if (!_ticks)
        {
            return Time.GetTimestamp();
        }

        long tick = Environment.TickCount64;
        return Volatile.Read(ref _tick) == tick ? Volatile.Read(ref _stamp) : Refresh(tick);
    }

    /// <summary>A timestamp as a circuit's milliseconds, modulo 2^32. The machine's own conversion: C#'s looks for values that no timestamp has.</summary>
    internal uint Milliseconds(long stamp) => unchecked((uint)double.ConvertToIntegerNative<long>((stamp - Origin) * _millisecondsPerStamp));

    /// <summary>A circuit's milliseconds now.</summary>
    internal uint Milliseconds() => Milliseconds(Coarse());

    private long Refresh(long tick)
    {
        // Whoever reads the new tick then reads this timestamp or a later one: the tick is written last.
        long stamp = Time.GetTimestamp();
        Volatile.Write(ref _stamp, stamp);
        Volatile.Write(ref _tick, tick);
        return stamp;
    }
}
