namespace Adcp.Aot.Storage;

/// <summary>The options of a generated task store. Immutable; a bad value throws when it is set.</summary>
public sealed record TaskStoreOptions
{
    /// <summary>The choice for unauthenticated callers. Default <see cref="AnonymousCallers.Refused"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a choice.</exception>
    public AnonymousCallers Anonymous
    {
        get;
        init => field = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(Anonymous), value, "Not a choice.");
    }

    /// <summary>
    /// The time that a task is kept after it ended. 1 minute to 100 years, or null to keep it; default 30 days.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 minute to 100 years.</exception>
    public TimeSpan? TimeToLive { get; init => field = Checked(value, nameof(TimeToLive)); } = TimeSpan.FromDays(30);

    /// <summary>
    /// The time that a task that has not ended is kept after its last save. 1 minute to 100 years, or null to keep it;
    /// default null.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 minute to 100 years.</exception>
    public TimeSpan? UnfinishedTimeToLive { get; init => field = Checked(value, nameof(UnfinishedTimeToLive)); }

    /// <summary>
    /// The maximum number of tasks that one purge deletes. It keeps locks short. 1 to 10,000, default 500.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 10,000.</exception>
    public int PurgeBatchSize
    {
        get;
        init => field = Require.InRange(value, 1, 10_000, nameof(PurgeBatchSize));
    } = 500;

    /// <summary>The clock of saves and purges. Default: the system's.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public TimeProvider TimeProvider
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider));
    } = TimeProvider.System;

    private static TimeSpan? Checked(TimeSpan? value, string name) =>
        value is { } span && (span < TimeSpan.FromMinutes(1) || span > TimeSpan.FromDays(36_525))
            ? throw new ArgumentOutOfRangeException(name, value, "A time to live is 1 minute to 100 years.")
            : value;
}
