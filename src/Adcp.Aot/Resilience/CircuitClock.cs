namespace Adcp.Aot.Resilience;

/// <summary>Monotonic milliseconds modulo 2^32, read only when a breaker is not simply closed.</summary>
internal readonly struct CircuitClock(TimeProvider time, long origin)
{
    // TimeProvider.GetElapsedTime asks for the frequency and divides at every call; a clock's frequency never changes.
    private readonly double _millisecondsPerStamp = 1_000.0 / time.TimestampFrequency;

    internal CircuitClock(TimeProvider time)
        : this(time, time.GetTimestamp())
    {
    }

    internal TimeProvider Time => time;

    internal long Origin => origin;

    internal uint Milliseconds() => Milliseconds(time.GetTimestamp());

    /// <summary>The same clock for a timestamp already at hand.</summary>
    internal uint Milliseconds(long timestamp) => unchecked((uint)(long)((timestamp - origin) * _millisecondsPerStamp));
}
