using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>The options of a <see cref="SqlWebhookOutbox"/>. Immutable; a bad value throws when it is set.</summary>
public sealed record SqlWebhookOutboxOptions
{
    /// <summary>The default of <see cref="DeadLetterRetention"/>.</summary>
    internal static readonly TimeSpan DefaultDeadLetterRetention = TimeSpan.FromDays(30);

    /// <summary>
    /// Gets the beginning of the tables' names, with a schema before it if they are in one: <c>prefix</c> or <c>schema.prefix</c>, each 1
    /// to 40 of <c>a-z 0-9 _</c>. Default <c>adcp_outbox_</c>.
    /// </summary>
    /// <exception cref="ArgumentException">The prefix breaks its rule.</exception>
    public string TablePrefix
    {
        get;
        init => field = new OutboxTables(value).Prefix;
    } = OutboxTables.DefaultPrefix;

    /// <summary>
    /// Gets how long a webhook is retried after its first attempt, which a seller of AdCP 3.2 advertises. It is never extended, and the
    /// database's clock decides. 24 hours to 7 days, default 24 hours.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 24 hours to 7 days.</exception>
    public TimeSpan RetryHorizon
    {
        get;
        init => field = InRange(value, TimeSpan.FromHours(24), TimeSpan.FromDays(7), nameof(RetryHorizon));
    } = TimeSpan.FromHours(24);

    /// <summary>
    /// Gets how long delivery ids are remembered after the retry horizon, so that an id that is enqueued again is not delivered again.
    /// 1 hour to 366 days, default 30 days.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 hour to 366 days.</exception>
    public TimeSpan DeliveryIdRetention
    {
        get;
        init => field = InRange(value, TimeSpan.FromHours(1), TimeSpan.FromDays(366), nameof(DeliveryIdRetention));
    } = TimeSpan.FromDays(30);

    /// <summary>
    /// Gets how long a dead letter is kept after its webhook ended, so that it can be inspected and redriven. A purge deletes it then. The
    /// process that ends the webhook decides: another value holds for webhooks that end from then on. 1 hour to 366 days, default 30 days.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 hour to 366 days.</exception>
    public TimeSpan DeadLetterRetention
    {
        get;
        init => field = InRange(value, TimeSpan.FromHours(1), TimeSpan.FromDays(366), nameof(DeadLetterRetention));
    } = DefaultDeadLetterRetention;

    /// <summary>
    /// Gets the wake-up of workers in other processes. Default <see langword="null"/>: they find new webhooks by polling.
    /// <c>PostgreSqlWakeUp</c> of Adcp.Aot.PostgreSql listens and notifies. The caller disposes it, after the workers.
    /// </summary>
    public IOutboxWakeUp? WakeUp { get; init; }

    /// <summary>Gets the logger of the outbox. Default <see langword="null"/>, no log.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>Gets the clock of waiting. Default the system's. The database's clock decides when a webhook is due.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public TimeProvider TimeProvider
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider));
    } = TimeProvider.System;

    /// <summary>
    /// Gets whether <see cref="TimeProvider"/> decides when a webhook is due, instead of the database's clock. For tests with a clock of
    /// their own, on SQLite and in one process: processes on several machines agree on the time only if they read the database's.
    /// Default false.
    /// </summary>
    public bool FollowsTimeProvider { get; init; }

    private static TimeSpan InRange(TimeSpan value, TimeSpan low, TimeSpan high, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, low, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, high, name);
        return value;
    }
}
