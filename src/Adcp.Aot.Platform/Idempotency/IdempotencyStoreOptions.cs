using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform.Idempotency;

/// <summary>The options of an idempotency store. Immutable; a bad value throws when it is set.</summary>
public sealed record IdempotencyStoreOptions
{
    /// <summary>
    /// Gets the time for which an answer is repeated. 1 hour to 7 days in whole seconds, default 24 hours. A minute is
    /// added, because clocks differ.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 hour to 7 days, or not whole seconds.</exception>
    public TimeSpan ReplayTimeToLive
    {
        get;
        init => field = value >= TimeSpan.FromHours(1) && value <= TimeSpan.FromDays(7) && value.Ticks % TimeSpan.TicksPerSecond == 0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(ReplayTimeToLive), value, "1 hour to 7 days in whole seconds.");
    } = TimeSpan.FromHours(24);

    /// <summary>
    /// Gets the time after that for which a request is still known. If it is made again, it is refused
    /// (<c>IDEMPOTENCY_EXPIRED</c>) and not performed a second time. 1 minute to 365 days, default 7 days.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 minute to 365 days.</exception>
    public TimeSpan ExpiredTimeToLive
    {
        get;
        init => field = value >= TimeSpan.FromMinutes(1) && value <= TimeSpan.FromDays(365)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(ExpiredTimeToLive), value, "1 minute to 365 days.");
    } = TimeSpan.FromDays(7);

    /// <summary>
    /// Gets how many requests of one tenant are remembered. 1 to 10,000,000, default 100,000. If a tenant reaches the
    /// bound, it gets <c>RATE_LIMITED</c>. Processes that share a database count again each minute.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public int MaxRequestsPerTenant
    {
        get;
        init => field = value is >= 1 and <= 10_000_000 ? value
            : throw new ArgumentOutOfRangeException(nameof(MaxRequestsPerTenant), value, "1 to 10,000,000.");
    } = 100_000;

    /// <summary>
    /// Gets the encryption of the answers that a database keeps. An answer may name prices and credentials. Default <see langword="null"/>:
    /// answers are not encrypted.
    /// </summary>
    /// <exception cref="ArgumentException">Secrets are kept out: an answer must be repeated whole.</exception>
    public SecretsAtRest? Secrets
    {
        get;
        init => field = value is null or { AreStored: true } ? value
            : throw new ArgumentException("An answer is repeated whole: give SecretsAtRest.EncryptedWith a key.", nameof(Secrets));
    }

    /// <summary>The clock. Default: the system's. A database decides by its own clock.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public TimeProvider TimeProvider
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider));
    } = TimeProvider.System;

    /// <summary>AdCP's tolerance at the end of the window.</summary>
    internal static TimeSpan Grace { get; } = TimeSpan.FromMinutes(1);
}
