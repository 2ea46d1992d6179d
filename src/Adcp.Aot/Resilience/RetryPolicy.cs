namespace Adcp.Aot;

/// <summary>
/// The number of attempts of a delivery and the delays between them. Immutable; a bad value throws when it is set. The
/// delay is 0 before attempt 1, otherwise <c>min(BaseDelay * 2^(n-2), MaxDelay)</c>, with jitter times a uniform draw
/// from [0.5, 1).
/// </summary>
public sealed record RetryPolicy
{
    /// <summary>The maximum of <see cref="MaxAttempts"/>.</summary>
    private const int MostAttempts = 1000;

    private TimeSpan[]? _schedule;

    /// <summary>3 attempts, 1 s doubling to 30 s, jitter.</summary>
    public static RetryPolicy Default { get; } = new();

    /// <summary>
    /// AdCP's schedule for rights revocations: after 1 s, 5 s, 30 s, 5 min and 30 min, six attempts in all
    /// (<c>acquire_rights</c>).
    /// </summary>
    public static RetryPolicy RightsRevocation { get; } = Schedule(
        TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(30));

    /// <summary>The number of attempts, including the first. 1 to 1000, default 3.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 1000.</exception>
    public int MaxAttempts
    {
        get;
        init => field = Require.InRange(value, 1, MostAttempts, nameof(MaxAttempts));
    } = 3;

    /// <summary>The delay before attempt 2. 0 to 1 day, default 1 s.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 0 to 1 day.</exception>
    public TimeSpan BaseDelay
    {
        get;
        init => field = Require.InRange(value, TimeSpan.Zero, TimeSpan.FromDays(1), nameof(BaseDelay));
    } = TimeSpan.FromSeconds(1);

    /// <summary>The longest delay that we compute. 0 to 7 days, default 30 s.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 0 to 7 days.</exception>
    public TimeSpan MaxDelay
    {
        get;
        init => field = Require.InRange(value, TimeSpan.Zero, TimeSpan.FromDays(7), nameof(MaxDelay));
    } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Gets whether delays are multiplied by a uniform draw from [0.5, 1). Default true; a <see cref="Schedule"/> starts with false.
    /// </summary>
    public bool Jitter { get; init; } = true;

    /// <summary>
    /// The longest <c>Retry-After</c> that is honoured. A longer one is shortened to it. 0 (ignore it) to 7 days,
    /// default 60 s.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 0 to 7 days.</exception>
    public TimeSpan MaxRetryAfter
    {
        get;
        init => field = Require.InRange(value, TimeSpan.Zero, TimeSpan.FromDays(7), nameof(MaxRetryAfter));
    } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// The longest time of a whole delivery, including waits. 1 ms to 7 days; default null, no limit.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 ms to 7 days.</exception>
    public TimeSpan? Deadline
    {
        get;
        init => field = value is { } deadline
            ? Require.InRange(deadline, TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(7), nameof(Deadline))
            : null;
    }

    /// <summary>
    /// Creates a policy with explicit delays before attempts 2, 3, ...; <see cref="MaxAttempts"/> is one more than
    /// their number, jitter is off.
    /// </summary>
    /// <param name="delays">1 to 999 delays, each 0 to 7 days.</param>
    /// <exception cref="ArgumentException">No delays, or more than 999.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A delay outside 0 to 7 days.</exception>
    public static RetryPolicy Schedule(params ReadOnlySpan<TimeSpan> delays)
    {
        if (delays.Length is 0 or > MostAttempts - 1)
        {
            throw new ArgumentException("A schedule has 1 to 999 delays.", nameof(delays));
        }

        foreach (TimeSpan delay in delays)
        {
            Require.InRange(delay, TimeSpan.Zero, TimeSpan.FromDays(7), nameof(delays));
        }

        return new RetryPolicy { _schedule = delays.ToArray(), MaxAttempts = delays.Length + 1, Jitter = false };
    }

    /// <summary>Gets the longest computed delay between two attempts of a delivery.</summary>
    public TimeSpan LongestDelay => _schedule is { } schedule ? schedule.Max() : MaxAttempts > 1 ? Doubled(MaxAttempts - 2) : TimeSpan.Zero;

    /// <summary>Returns the delay before an attempt.</summary>
    /// <param name="attempt">The attempt's number, from 1. For 1 and below the delay is zero.</param>
    /// <param name="random">The source of jitter; null for <see cref="Random.Shared"/>.</param>
    public TimeSpan DelayBeforeAttempt(int attempt, Random? random = null)
    {
        if (attempt <= 1)
        {
            return TimeSpan.Zero;
        }

        TimeSpan delay = _schedule is { } schedule ? schedule[Math.Min(attempt - 2, schedule.Length - 1)] : Doubled(attempt - 2);
        return Jitter ? delay * (0.5 + (0.5 * (random ?? Random.Shared).NextDouble())) : delay;
    }

    /// <summary>
    /// Returns our own delay, or the receiver's hint if that is longer, up to <see cref="MaxRetryAfter"/>.
    /// </summary>
    internal TimeSpan DelayBeforeAttempt(int attempt, Random random, TimeSpan? retryAfter)
    {
        TimeSpan own = DelayBeforeAttempt(attempt, random);
        TimeSpan hint = retryAfter ?? TimeSpan.Zero;
        TimeSpan capped = hint < MaxRetryAfter ? hint : MaxRetryAfter;
        return own > capped ? own : capped;
    }

    private TimeSpan Doubled(int times)
    {
        // Shifted only if no bit is lost: beyond that the delay exceeds any maximum, unless it is zero.
        long ticks = BaseDelay.Ticks;
        return ticks == 0 || (times < 62 && ticks <= MaxDelay.Ticks >> times) ? TimeSpan.FromTicks(ticks << Math.Min(times, 62)) : MaxDelay;
    }
}
