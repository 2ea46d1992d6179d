using Adcp.Aot.Delivery;

namespace Adcp.Aot.Storage;

/// <summary>The options of an <see cref="OutboxWorker"/>. Immutable; a bad value throws when it is set.</summary>
public sealed record OutboxWorkerOptions
{
    private static readonly TimeSpan ShortestLease = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestLease = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Gets the delays between attempts: 5 s, doubled up to 15 minutes, 1,000 attempts, until the retry horizon ends.
    /// </summary>
    public static RetryPolicy DefaultRetry { get; } = new()
    {
        MaxAttempts = 1000,
        BaseDelay = TimeSpan.FromSeconds(5),
        MaxDelay = TimeSpan.FromMinutes(15),
        MaxRetryAfter = TimeSpan.FromHours(1),
    };

    /// <summary>
    /// Gets how attempts are made: breaker, limits, response table, sink, clock and logger. Default
    /// <see cref="WebhookSupervisorOptions"/>. If their <see cref="WebhookSupervisorOptions.Retry"/> is
    /// <see cref="RetryPolicy.Default"/>, which ends within minutes, it becomes <see cref="DefaultRetry"/>.
    /// </summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public WebhookSupervisorOptions Attempts
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Attempts));
            field = ReferenceEquals(value.Retry, RetryPolicy.Default) ? value with { Retry = DefaultRetry } : value;
        }
    } = new() { Retry = DefaultRetry };

    /// <summary>Gets the name of the worker for operators. 1 to 200 characters. Default: machine name and process id.</summary>
    /// <exception cref="ArgumentException">Empty or longer.</exception>
    public string Name
    {
        get;
        init => field = value is { Length: >= 1 and <= 200 }
            ? value
            : throw new ArgumentException("A name has 1 to 200 characters.", nameof(Name));
    } = $"{Environment.MachineName}/{Environment.ProcessId}";

    /// <summary>
    /// Gets how long a worker without a renewal counts as alive. It renews five times in this time. After it another worker takes its
    /// lanes. 2 s to 5 minutes, default 5 s.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 2 s to 5 minutes.</exception>
    public TimeSpan Lease
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, ShortestLease, nameof(Lease));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, LongestLease, nameof(Lease));
            field = value;
        }
    } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Gets how often an idle worker looks for new rows of other processes. 10 ms to 1 minute, default 100 ms. Under load it looks every
    /// 10 ms, and rows that this process enqueues are found at once. While a wake-up listens, see <see cref="ListeningPollInterval"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 10 ms to 1 minute.</exception>
    public TimeSpan PollInterval
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.FromMilliseconds(10), nameof(PollInterval));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, TimeSpan.FromMinutes(1), nameof(PollInterval));
            field = value;
        }
    } = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Gets how often an idle worker looks for new rows of other processes while its <see cref="SqlWebhookOutboxOptions.WakeUp"/> listens.
    /// 10 ms to 1 minute, default 1 s; <see cref="PollInterval"/> if that is longer. This poll finds the webhooks of a process that
    /// enqueues without a wake-up, or that does not call <see cref="SqlWebhookOutbox.Wake"/> after its own commit, and dead
    /// letters that were redriven.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 10 ms to 1 minute.</exception>
    public TimeSpan ListeningPollInterval
    {
        get;
        init => field = Require.InRange(value, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1), nameof(ListeningPollInterval));
    } = TimeSpan.FromSeconds(1);

    /// <summary>Gets the most rows in memory: ready, in flight, or waiting for their commit. 256 to 1,000,000, default 8,192.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 256 to 1,000,000.</exception>
    public int MaxRowsInMemory
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 256, nameof(MaxRowsInMemory));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 1_000_000, nameof(MaxRowsInMemory));
            field = value;
        }
    } = 8192;

    /// <summary>Gets the bytes of rows in memory from which no more rows are read. 1 MiB to 16 GiB, default 64 MiB.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 MiB to 16 GiB.</exception>
    public long MaxBytesInMemory
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1L << 20, nameof(MaxBytesInMemory));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 1L << 34, nameof(MaxBytesInMemory));
            field = value;
        }
    } = 64L << 20;

    /// <summary>
    /// Gets the authorizer that is asked before each attempt, in batches. Default <see langword="null"/>: every attempt is allowed.
    /// </summary>
    public IAttemptAuthorizer? Authorizer { get; init; }

    /// <summary>
    /// Gets how long a call of <see cref="Authorizer"/> may take. After it the attempts are made later. 100 ms to 5 minutes, default 30 s.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 100 ms to 5 minutes.</exception>
    public TimeSpan AuthorizerTimeout
    {
        get;
        init => field = Require.InRange(value, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5), nameof(AuthorizerTimeout));
    } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Gets how many processes may die while a webhook is under way. It then becomes a dead letter with the reason <c>poison</c>, because
    /// its delivery may have killed them. 2 to 1,000, default 3. Raise it if your processes are killed at random often.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 2 to 1,000.</exception>
    public int QuarantineAfter { get; init => field = Require.InRange(value, 2, 1000, nameof(QuarantineAfter)); } = 3;

    /// <summary>
    /// Gets how long after its first attempt a webhook may block its stream (<see cref="OutboxOptions.KeepsOrder"/>). After its next failed
    /// attempt the stream continues without it. Default <see langword="null"/>: until it is delivered or ends.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public TimeSpan? HeadOfLineLimit
    {
        get;
        init => field = value is null || value >= TimeSpan.Zero
            ? value
            : throw new ArgumentOutOfRangeException(nameof(HeadOfLineLimit), value, "Must not be negative. Use null for no limit.");
    }
}
