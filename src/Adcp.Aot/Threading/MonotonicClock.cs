namespace Adcp.Aot.Threading;

/// <summary>
/// Monotonic timestamps of a <see cref="TimeProvider"/>: exact ones, and coarse ones at a fifth of their price.
/// </summary>
/// <remarks>
/// An exact timestamp costs as much as the rest of a delivery. A coarse one is the exact timestamp that was taken when
/// the machine's tick counter last moved, 1 to 16 ms ago, and costs a read of that counter. It is enough if
/// milliseconds suffice: for a circuit's timeout, a refusal, an attempt that ended within the tick it began in. Both
/// are in the same unit. A user's provider is always asked exactly. Thread-safe.
/// </remarks>
internal sealed class MonotonicClock
{
    private readonly bool _ticks;
    private readonly double _millisecondsPerStamp;
    private long _tick = long.MinValue;

    // A timestamp of the machine may have any value, even in its first second.
    private long _stamp = long.MinValue;

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
        return TryRead(tick, out long stamp) ? stamp : Refresh(tick);
    }

    /// <summary>
    /// Returns the whole milliseconds from <see cref="Origin"/> to a timestamp. The native conversion skips checks for
    /// values that no timestamp has.
    /// </summary>
    internal long Milliseconds(long stamp) => double.ConvertToIntegerNative<long>((stamp - Origin) * _millisecondsPerStamp);

    /// <summary>Returns the present as milliseconds for a circuit.</summary>
    internal long Milliseconds() => Milliseconds(Coarse());

    /// <summary>
    /// Keeps a timestamp for a tick. Many threads may do so at once: a thread that was suspended in between must not put its old
    /// timestamp under a new tick, so the kept timestamp only rises. The tick is written last, so a reader of the tick finds this
    /// timestamp or a later one.
    /// </summary>
    /// <param name="tick">The tick counter, read before the timestamp.</param>
    /// <param name="stamp">The exact timestamp.</param>
    internal void Keep(long tick, long stamp)
    {
        long kept = Volatile.Read(ref _stamp);
        while (stamp > kept)
        {
            long before = Interlocked.CompareExchange(ref _stamp, stamp, kept);
            if (before == kept)
            {
                break;
            }

            kept = before;
        }

        Volatile.Write(ref _tick, tick);
    }

    /// <summary>
    /// Reads the kept timestamp of a tick. Returns <c>false</c> if another tick's is kept (volatile reads).
    /// </summary>
    internal bool TryRead(long tick, out long stamp)
    {
        bool isKept = Volatile.Read(ref _tick) == tick;
        stamp = Volatile.Read(ref _stamp);
        return isKept;
    }

    private long Refresh(long tick)
    {
        long stamp = Time.GetTimestamp();
        Keep(tick, stamp);
        return stamp;
    }
}
