namespace Adcp.Aot.Resilience;

/// <summary>Monotonic milliseconds modulo 2^32, read only when a breaker is not simply closed.</summary>
internal readonly struct CircuitClock(TimeProvider time, long origin)
{
    internal CircuitClock(TimeProvider time)
        : this(time, time.GetTimestamp())
    {
    }

    internal TimeProvider Time => time;

    internal uint Milliseconds() => unchecked((uint)(long)time.GetElapsedTime(origin).TotalMilliseconds);

    /// <summary>The same clock for a timestamp already at hand.</summary>
    internal uint Milliseconds(long timestamp) => unchecked((uint)(long)time.GetElapsedTime(origin, timestamp).TotalMilliseconds);
}
