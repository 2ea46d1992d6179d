using Adcp.Aot.Resilience;

namespace Adcp.Aot;

/// <summary>The rules for opening and closing a circuit. Immutable; a bad value throws when it is set.</summary>
public sealed record CircuitBreakerPolicy
{
    /// <summary>5 failures, 2 successes, 60 seconds.</summary>
    public static CircuitBreakerPolicy Default { get; } = new();

    /// <summary>The number of consecutive failed attempts that open a closed circuit. 1 to 1023, default 5.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 1023.</exception>
    public int FailureThreshold
    {
        get;
        init => field = Require.InRange(value, 1, CircuitBreaker.MaxFailures, nameof(FailureThreshold));
    } = 5;

    /// <summary>The number of successful probes that close a half-open circuit. 1 to 31, default 2.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 31.</exception>
    public int SuccessThreshold
    {
        get;
        init => field = Require.InRange(value, 1, CircuitBreaker.MaxProbes, nameof(SuccessThreshold));
    } = 2;

    /// <summary>
    /// The number of probes at a time when half-open. 1 to 31; default null, which means
    /// <see cref="SuccessThreshold"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 31.</exception>
    public int? HalfOpenPermits
    {
        get;
        init => field = value is { } permits ? Require.InRange(permits, 1, CircuitBreaker.MaxProbes, nameof(HalfOpenPermits)) : null;
    }

    /// <summary>
    /// The time for which an open circuit refuses, and after which the lease of an unreturned probe expires. 1 ms to 7
    /// days, default 60 s.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 ms to 7 days.</exception>
    public TimeSpan OpenTimeout
    {
        get;
        init
        {
            field = Require.InRange(value, TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(7), nameof(OpenTimeout));
            OpenMilliseconds = (long)value.TotalMilliseconds;
        }
    } = TimeSpan.FromSeconds(60);

    /// <summary><see cref="OpenTimeout"/> in milliseconds, computed once.</summary>
    internal long OpenMilliseconds { get; private init; } = 60_000;

    internal int EffectiveHalfOpenPermits => HalfOpenPermits ?? SuccessThreshold;
}
