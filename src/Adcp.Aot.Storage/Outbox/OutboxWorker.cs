using System.Data.Common;
using Adcp.Aot.Delivery;
using Adcp.Aot.Operations;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>
/// Delivers the webhooks of an outbox. Any number of workers, in any number of processes, share the outbox's lanes; a lane belongs to
/// one worker at a time. Thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// A webhook is sent at least once. It is sent again, with the same idempotency key and the same bytes, if the process dies between the
/// answer of the receiver and the commit of the result, or if it loses its lease while an attempt is under way.
/// </para>
/// <para>
/// <see cref="StopAsync"/> gives the lanes back after the last result was committed, so that a restart repeats nothing.
/// </para>
/// </remarks>
public sealed partial class OutboxWorker : IAsyncDisposable
{
    private const int LeaseParts = 5;

    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    private readonly SqlWebhookOutbox _outbox;
    private readonly OutboxSchedule _schedule;
    private readonly OutboxLease _lease;
    private readonly OutboxSettlement _settlement;
    private readonly OutboxDelivery _delivery;
    private readonly OutboxOwner _owner;
    private readonly OutboxSwitches _switches;
    private readonly OutboxListening? _listening;
    private readonly AttemptRunner _runner;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private Task<OutboxStopReport>? _stopped;
    private bool _isStarted;

    /// <summary>Creates a worker. <see cref="StartAsync"/> begins to deliver.</summary>
    /// <param name="outbox">The outbox. Its tables exist before the worker starts.</param>
    /// <param name="sender">The sender that makes the attempts. The caller disposes it.</param>
    /// <param name="options">The options; <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="outbox"/> or <paramref name="sender"/> is null.</exception>
    public OutboxWorker(SqlWebhookOutbox outbox, IWebhookSender sender, OutboxWorkerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(outbox);
        ArgumentNullException.ThrowIfNull(sender);
        options ??= new OutboxWorkerOptions();
        WebhookSupervisorOptions attempts = options.Attempts;
        ILogger logger = GuardedLogger.Of(attempts.Logger);
        TimeProvider time = attempts.TimeProvider;
        _outbox = outbox;
        _time = time;
        _logger = logger;
        _runner = new AttemptRunner(sender, attempts);
        _schedule = new OutboxSchedule(
            new OutboxScheduleLimits
            {
                MaxRows = options.MaxRowsInMemory,
                MaxBytes = options.MaxBytesInMemory,
                MaxConcurrency = attempts.MaxConcurrency,
                MaxConcurrencyPerTenant = attempts.MaxConcurrencyPerTenant,
                MaxConcurrencyPerEndpoint = attempts.MaxConcurrencyPerEndpoint,
                QuarantineAfter = options.QuarantineAfter,
                Circuit = () => _runner.Endpoints.Policy,
            },
            time);
        TimeSpan fifth = options.Lease / LeaseParts;
        _lease = new OutboxLease(
            outbox.Store, new OutboxLeaseTimes(options.Lease, fifth, fifth), options.Name, () => Figures, time, logger);
        _settlement = new OutboxSettlement(outbox.Store, _lease, _schedule, OnSettled, time, logger);
        _delivery = new OutboxDelivery(
            _runner,
            options.Authorizer is { } authorizer ? new OutboxAuthorization(authorizer, options.AuthorizerTimeout, time, logger) : null,
            outbox.Seal, _lease, _schedule, _settlement,
            new OutboxDeliveryRules(attempts.Retry, outbox.Horizon, options.HeadOfLineLimit), time, logger);
        _switches = new OutboxSwitches(outbox.Store.Switches, _schedule, _runner.Endpoints, _delivery.End, logger);
        _owner = new OutboxOwner(
            outbox.Store, _lease, _schedule, _delivery.End, Pump, () => _settlement.HasRoomForMoves, _switches, options.PollInterval,
            options.ListeningPollInterval, time, logger);
        outbox.Enqueued += _owner.Wake;
        _listening = outbox.WakeUp is { } wakeUp ? new OutboxListening(wakeUp, _owner.Wake, _owner.SetListening, time, logger) : null;
    }

    /// <summary>
    /// Gets the endpoints that this worker delivers to, and their circuits. Isolating and resetting here holds in this worker, until it
    /// ends or loses the endpoint's lane; <see cref="OutboxOperations"/> does it for all workers and durably.
    /// </summary>
    public Resilience.EndpointTable Endpoints => _runner.Endpoints;

    /// <summary>Gets or sets the delays between attempts, for attempts that end from now on.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public RetryPolicy Retry
    {
        get => _delivery.Retry;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            _delivery.Retry = value;
        }
    }

    /// <summary>
    /// Gets how long this worker has nothing to do unless webhooks are enqueued: until a webhook is due, or until it looks for new ones,
    /// and no longer than between two renewals of its lease. Zero while it works.
    /// </summary>
    internal TimeSpan Quiet
    {
        get
        {
            // In this order: a row is held until its result is committed, and is forgotten only after it has armed its timer. An attempt
            // that waits for its turn under a rate limit is held, and needs time.
            if (_owner.SleepLeft is not { } sleep || _schedule.Held > _runner.Waiting || _schedule.HasWanted || !_lease.IsFresh)
            {
                return TimeSpan.Zero;
            }

            TimeSpan timer = _schedule.UntilNextTimer(TimeSpan.MaxValue);
            TimeSpan next = timer == TimeSpan.MaxValue || timer < sleep ? sleep : timer;
            TimeSpan renewal = _lease.Duration / LeaseParts;
            return next > renewal ? renewal : next > Shortest ? next : Shortest;
        }
    }

    /// <summary>Gets the worker's id in the store; empty while it has none.</summary>
    internal Guid Id => _lease.Current.Worker;

    internal SqlWebhookOutbox Outbox => _outbox;

    /// <summary>Gets the attempts under way.</summary>
    public int InFlight => _schedule.InFlight;

    /// <summary>Returns the webhooks of an endpoint in memory that are not parked in the store.</summary>
    internal int FreshOf(long endpoint) => _schedule.FreshOf(endpoint);

    /// <summary>Gets whether the worker knows that an operator paused all deliveries.</summary>
    internal bool IsPaused => _schedule.IsPaused;

    private OutboxFigures Figures =>
        new(_schedule.InFlight, _schedule.Held, _delivery.Delivered, _delivery.Deferred, _settlement.FencedOff);

    /// <summary>Gets the results that were not committed because the worker had lost their lane.</summary>
    internal long FencedOff => _settlement.FencedOff;

    /// <summary>Gets the number of audit records dropped because the sink's queue was full.</summary>
    public long RecordsDropped => _runner.RecordsDropped;

    /// <summary>Gets the number of sink calls that threw or outlived their timeout.</summary>
    public long SinkFailures => _runner.SinkFailures;

    /// <summary>Joins the workers of the outbox and begins to deliver.</summary>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <exception cref="InvalidOperationException">The worker was started before, or a table is missing or newer than
    /// this program.</exception>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (_isStarted || _stopped is not null)
            {
                throw new InvalidOperationException("The worker was started or stopped before. Create another one.");
            }

            _isStarted = true;
        }

        try
        {
            await _outbox.Store.CheckAsync(cancellationToken).ConfigureAwait(false);
            Guid installation = await _outbox.Store.InstallationAsync(cancellationToken).ConfigureAwait(false);
            if (EndsBefore(Retry, _outbox.Horizon))
            {
                RetryTooShort(_logger, Retry.MaxAttempts, _outbox.Horizon);
            }

            if (_outbox.Store is { WorkerConnections: var needed, PoolSize: { } size } && size < needed)
            {
                PoolTooSmall(_logger, needed, size);
            }

            await _lease.StartAsync(cancellationToken).ConfigureAwait(false);
            _settlement.Start();
            _delivery.Start(installation);
            _owner.Start();
            _listening?.Start();
            _outbox.AddWorker(this);
        }
        catch
        {
            lock (_lock)
            {
                _isStarted = false;
            }

            throw;
        }
    }

    /// <summary>Looks for new rows now. A hint for after the caller's commit; without it they are found by polling.</summary>
    public void Wake() => _owner.Wake();

    /// <summary>
    /// Takes no further row, waits for the attempts under way, commits their results and gives the lanes back. A second call waits for
    /// the first one.
    /// </summary>
    /// <param name="grace">How long to wait for attempts under way. Those left are then cancelled, and made again elsewhere.</param>
    /// <returns>
    /// The attempts and results that were left, and the webhooks that wait if no other worker is there to deliver them. The log names
    /// these webhooks too.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="grace"/> is negative.</exception>
    public Task<OutboxStopReport> StopAsync(TimeSpan grace)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(grace, TimeSpan.Zero);
        lock (_lock)
        {
            return _stopped ??= StopOnceAsync(grace);
        }
    }

    /// <summary>Applies the switches of operators now. Workers of other processes do so when they renew their lease.</summary>
    internal async ValueTask RefreshSwitchesAsync(CancellationToken cancellationToken)
    {
        await _switches.RefreshAsync(all: false, cancellationToken).ConfigureAwait(false);
        _owner.Wake();
        Pump();
    }

    /// <summary>
    /// Reads the state of the outbox. The members on what workers do are those of this worker, and exact.
    /// </summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public async ValueTask<OutboxStatus> GetStatusAsync(CancellationToken cancellationToken = default)
    {
        OutboxStatus status = await _outbox.GetStatusAsync(cancellationToken).ConfigureAwait(false);
        return status.With(Figures) with { Lanes = _owner.Owned };
    }

    /// <summary>Stops without waiting for attempts under way.</summary>
    public async ValueTask DisposeAsync() => await StopAsync(TimeSpan.Zero).ConfigureAwait(false);

    private async Task<OutboxStopReport> StopOnceAsync(TimeSpan grace)
    {
        _outbox.Enqueued -= _owner.Wake;
        _outbox.RemoveWorker(this);
        _lease.Drain();
        _delivery.Stop();
        _owner.Leave();
        Task deaf = _listening?.DisposeAsync().AsTask() ?? Task.CompletedTask;
        using CancellationTokenSource graceEnds = new(grace, _time);
        await _schedule.WhenIdleAsync(graceEnds.Token).ConfigureAwait(false);
        int cancelled = _schedule.InFlight;
        await _delivery.DisposeAsync().ConfigureAwait(false);

        // Commits and returns go on for as long as a lease: after that another worker has the lanes in any case.
        using CancellationTokenSource leaseEnds = new(_lease.Duration, _time);
        await _schedule.WhenIdleAsync(leaseEnds.Token).ConfigureAwait(false);
        await _settlement.DrainAsync(leaseEnds.Token).ConfigureAwait(false);
        int unsettled = _settlement.Unsettled;
        await _owner.WhenLeftAsync(leaseEnds.Token).ConfigureAwait(false);
        await _owner.DisposeAsync().ConfigureAwait(false);
        await _settlement.DisposeAsync().ConfigureAwait(false);
        await _lease.DisposeAsync().ConfigureAwait(false);
        _switches.Dispose();
        await deaf.ConfigureAwait(false);
        OutboxStopReport report = new(cancelled, unsettled) { Left = _isStarted ? null : 0 };
        using CancellationTokenSource listEnds = new(_lease.Duration, _time);
        return _isStarted
            ? await OutboxRemainder.AddAsync(report, _outbox, _lease.HasLeft ? 0 : 1, _logger, listEnds.Token).ConfigureAwait(false)
            : report;
    }

    private void Pump() => _delivery.Pump();

    /// <summary>Returns whether a delivery whose attempts all fail at once ends before a time has passed, even without jitter.</summary>
    private static bool EndsBefore(RetryPolicy retry, TimeSpan time)
    {
        retry = retry with { Jitter = false };
        TimeSpan life = TimeSpan.Zero;
        for (int attempt = 2; attempt <= retry.MaxAttempts && life < time; attempt++)
        {
            life += retry.DelayBeforeAttempt(attempt);
        }

        return life < time || retry.Deadline < time;
    }

    [LoggerMessage(
        StorageEventIds.OutboxRetryTooShort, LogLevel.Warning,
        "The retry policy of the outbox worker ends a webhook before the retry horizon of {Horizon}: it has {Attempts} attempts, and their "
            + "delays or its deadline are shorter. Raise them, or use OutboxWorkerOptions.DefaultRetry.")]
    private static partial void RetryTooShort(ILogger logger, int attempts, TimeSpan horizon);

    [LoggerMessage(
        StorageEventIds.OutboxPoolTooSmall, LogLevel.Warning,
        "The outbox worker needs {Needed} connections to PostgreSQL, and its pool has {Size}: deliveries can stop until one is free. Raise "
            + "Maximum Pool Size.")]
    private static partial void PoolTooSmall(ILogger logger, int needed, int size);

    private void OnSettled()
    {
        _delivery.Pump();
        if (_schedule.HasWanted)
        {
            _owner.Wake();
        }
    }
}

/// <summary>The work that was left when an <see cref="OutboxWorker"/> stopped.</summary>
/// <param name="Cancelled">The attempts that were cancelled. Their receivers may have them; another worker makes them again.</param>
/// <param name="Unsettled">The results that could not be committed. Their webhooks are sent again.</param>
public sealed record OutboxStopReport(int Cancelled, int Unsettled)
{
    /// <summary>Gets whether another worker may repeat an attempt.</summary>
    public bool MayRepeat => Cancelled + Unsettled > 0;

    /// <summary>
    /// Gets how many webhooks wait in the outbox while no worker is there to deliver them: the next worker that starts does. 0 if
    /// another worker is there; <see langword="null"/> if the database did not answer.
    /// </summary>
    public long? Left { get; init; }

    /// <summary>
    /// Gets the webhooks of <see cref="Left"/>, 100 at most. Those that were attempted come first.
    /// </summary>
    public IReadOnlyList<WaitingWebhook> Waiting { get; init; } = [];
}

/// <summary>The state of an outbox.</summary>
/// <remarks>
/// <see cref="SqlWebhookOutbox.GetStatusAsync"/> reads it in any process. <see cref="InFlight"/>, <see cref="InMemory"/>,
/// <see cref="Delivered"/>, <see cref="Deferred"/> and <see cref="FencedOff"/> are then the sums over the living workers of all processes,
/// as of each worker's last renewal, a fifth of its <see cref="OutboxWorkerOptions.Lease"/> ago (a second by default). A worker's counters
/// begin with its start and end with the worker, so that a sum becomes smaller if one stops. Workers of releases before version 6 of the
/// tables on SQLite, and 7 on PostgreSQL, count as zero. <see cref="OutboxWorker.GetStatusAsync"/> has the exact figures of that worker.
/// </remarks>
public sealed record OutboxStatus
{
    /// <summary>Gets the webhooks that were not attempted yet, or whose first attempt is under way.</summary>
    public long Waiting { get; init; }

    /// <summary>Gets the webhooks that wait for a later attempt.</summary>
    public long Parked { get; init; }

    /// <summary>Gets the dead letters. On PostgreSQL it is an estimate of the server's statistics if there are more than 10,000.</summary>
    public long Dead { get; init; }

    /// <summary>
    /// Gets the dead letters by reason, counted as <see cref="DeadLetters.CountReasonsAsync"/> does. Reasons that no dead letter has are
    /// left out.
    /// </summary>
    public IReadOnlyList<DeadLetterCount> DeadByReason { get; init; } = [];

    /// <summary>Gets how long the oldest webhook that is due has been due; <see langword="null"/> if none is.</summary>
    public TimeSpan? OldestDue { get; init; }

    /// <summary>Gets the workers whose lease lasts.</summary>
    public int Workers { get; init; }

    /// <summary>Gets the lanes that no living worker owns. Their webhooks wait.</summary>
    public int UnownedLanes { get; init; }

    /// <summary>Gets the lanes of the living workers, or of the worker that was asked.</summary>
    public int Lanes { get; init; }

    /// <summary>Gets the attempts under way.</summary>
    public int InFlight { get; init; }

    /// <summary>Gets the webhooks in the memory of workers.</summary>
    public int InMemory { get; init; }

    /// <summary>Gets the webhooks that were delivered since the start of each worker.</summary>
    public long Delivered { get; init; }

    /// <summary>Gets the attempts that were not made since the start of each worker because the authorizer could not decide.</summary>
    public long Deferred { get; init; }

    /// <summary>Gets the results that were not committed since the start of each worker because it had lost their lane.</summary>
    public long FencedOff { get; init; }

    internal OutboxStatus With(OutboxFigures figures) => this with
    {
        InFlight = figures.InFlight,
        InMemory = figures.InMemory,
        Delivered = figures.Delivered,
        Deferred = figures.Deferred,
        FencedOff = figures.FencedOff,
    };
}
