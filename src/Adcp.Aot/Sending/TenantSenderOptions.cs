namespace Adcp.Aot;

/// <summary>The options of <see cref="TenantSenders"/>. Immutable; a bad value throws when it is set.</summary>
public sealed record TenantSenderOptions
{
    /// <summary>
    /// Gets the most tenants whose keys are remembered. If there are more, those that were not used lately are forgotten, and their keys
    /// are looked up again at their next attempt. 1 to 1,000,000, default 10,000.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 1,000,000.</exception>
    public int MaxTenants { get; init => field = Require.InRange(value, 1, 1_000_000, nameof(MaxTenants)); } = 10_000;

    /// <summary>
    /// Gets the time for which a key signs before it is looked up again, so that a rotation is noticed. 1 s to 1 day, default 5 minutes.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 s to 1 day.</exception>
    public TimeSpan KeyLifetime
    {
        get;
        init => field = Require.InRange(value, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1), nameof(KeyLifetime));
    } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Gets the timeout of one look-up. The timeout of an attempt ends its own wait earlier. 100 ms to 5 minutes, default 10 s.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 100 ms to 5 minutes.</exception>
    public TimeSpan CallTimeout
    {
        get;
        init => field = Require.InRange(value, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5), nameof(CallTimeout));
    } = TimeSpan.FromSeconds(10);

    /// <summary>Gets the clock of lifetimes and timeouts. Default: the system's.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public TimeProvider TimeProvider
    {
        get;
        init => field = Require.NotNull(value, nameof(TimeProvider));
    } = TimeProvider.System;
}
