using System.Globalization;
using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Operations;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>
/// The operations on an outbox: the endpoints and attempts of this process's worker, and the isolated endpoints, dead letters, workers and
/// lanes of the store. A process without a worker, such as a tool, has those of the store only. Thread-safe. Dispose it before the worker:
/// jobs that run are then cancelled.
/// </summary>
public sealed partial class OutboxOperations : WebhookOperations, IAsyncDisposable
{
    /// <summary>The rate of a redrive that names none, so that receivers get its webhooks evenly.</summary>
    private const int DefaultRatePerSecond = 200;

    /// <summary>The most attempts of a delivery.</summary>
    private const int MaxAttempts = 1000;

    /// <summary>The most ids in the record of an action.</summary>
    private const int MaxIdsRecorded = 20;

    private static readonly TimeSpan ReadInterval = TimeSpan.FromSeconds(5);

    /// <summary>The overview of a worker does not wait longer for the store. Endpoints and attempts are there without it.</summary>
    private static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(1);

    private static readonly StoreReading Nothing = new(new OperationsStatus { IsDurable = true }, []);

    private readonly OutboxWorker? _worker;
    private readonly OutboxStore _store;
    private readonly bool _ownsStore;
    private readonly OutboxSeal? _seal;
    private readonly DeadLetters _deadLetters;
    private readonly DeadLetterJobs _jobs;
    private readonly OutboxKeySearch _search;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private Task<StoreReading>? _reading;
    private StoreReading? _lastRead;
    private long _readAt;

    /// <summary>Creates the operations on an outbox.</summary>
    /// <param name="worker">The worker of this process, and by it the outbox. It may be started before or afterwards.</param>
    /// <param name="history">The history that is a sink of the worker; <see langword="null"/> for none.</param>
    /// <param name="logger">Receives a line for each action and for the end of each job; <see langword="null"/> for none.</param>
    /// <param name="timeProvider">The clock; <see langword="null"/> for the machine's.</param>
    /// <exception cref="ArgumentNullException"><paramref name="worker"/> is null.</exception>
    public OutboxOperations(
        OutboxWorker worker, AttemptHistory? history = null, ILogger? logger = null, TimeProvider? timeProvider = null)
        : base(
            (worker ?? throw new ArgumentNullException(nameof(worker))).Endpoints, () => (worker.InFlight, worker.RecordsDropped),
            history, logger, timeProvider)
    {
        _worker = worker;
        _store = worker.Outbox.Store;
        _seal = worker.Outbox.Seal;
        _deadLetters = worker.Outbox.DeadLetters;
        _time = timeProvider ?? TimeProvider.System;
        _jobs = new DeadLetterJobs(_time, GuardedLogger.Of(logger));
        _search = new OutboxKeySearch(_store, _seal, _deadLetters);
    }

    /// <summary>
    /// Creates the operations on an outbox in a process that enqueues and delivers nothing. Workers of other processes deliver the dead
    /// letters that are redriven; the outbox's wake-up tells them.
    /// </summary>
    /// <param name="outbox">The outbox. The caller disposes it, after the operations.</param>
    /// <param name="logger">Receives a line for each action and for the end of each job; <see langword="null"/> for none.</param>
    /// <param name="timeProvider">The clock; <see langword="null"/> for the machine's.</param>
    /// <exception cref="ArgumentNullException"><paramref name="outbox"/> is null.</exception>
    public OutboxOperations(SqlWebhookOutbox outbox, ILogger? logger = null, TimeProvider? timeProvider = null)
        : base(logger, timeProvider)
    {
        ArgumentNullException.ThrowIfNull(outbox);
        _store = outbox.Store;
        _seal = outbox.Seal;
        _deadLetters = outbox.DeadLetters;
        _time = timeProvider ?? TimeProvider.System;
        _jobs = new DeadLetterJobs(_time, GuardedLogger.Of(logger));
        _search = new OutboxKeySearch(_store, _seal, _deadLetters);
    }

    /// <summary>
    /// Creates the operations on the tables of an outbox, in a process that delivers nothing. Workers of other processes deliver the dead
    /// letters that are redriven.
    /// </summary>
    /// <param name="database">The database, SQLite or PostgreSQL. Its tables exist.</param>
    /// <param name="secrets">
    /// The keys that rows are encrypted with; <see langword="null"/> for none. Without them, receiver, tenant, keys and task of a webhook
    /// are unknown, no body is opened, and no webhook is emitted under a new key.
    /// </param>
    /// <param name="tablePrefix">See <see cref="SqlWebhookOutboxOptions.TablePrefix"/>.</param>
    /// <param name="logger">Receives a line for each action and for the end of each job; <see langword="null"/> for none.</param>
    /// <param name="timeProvider">The clock; <see langword="null"/> for the machine's.</param>
    /// <exception cref="ArgumentNullException"><paramref name="database"/> or <paramref name="tablePrefix"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// <paramref name="tablePrefix"/> breaks its rule, or <paramref name="secrets"/> has no key.
    /// </exception>
    /// <exception cref="NotSupportedException">The database is MySQL or MariaDB.</exception>
    public OutboxOperations(
        StoreDatabase database, SecretsAtRest? secrets = null, string tablePrefix = OutboxTables.DefaultPrefix, ILogger? logger = null,
        TimeProvider? timeProvider = null)
        : this(
            OutboxStores.Create(
                database ?? throw new ArgumentNullException(nameof(database)),
                new SqlWebhookOutboxOptions { TablePrefix = tablePrefix, Logger = logger }),
            secrets, logger, timeProvider)
    {
    }

    /// <summary>Creates the operations on a store, in a process that delivers nothing.</summary>
    internal OutboxOperations(OutboxStore store, SecretsAtRest? secrets, ILogger? logger, TimeProvider? timeProvider)
        : base(logger, timeProvider)
    {
        _time = timeProvider ?? TimeProvider.System;
        _seal = secrets is null ? null : new OutboxSeal(secrets);
        _store = store;
        _ownsStore = true;
        _deadLetters = new DeadLetters(_store, _seal, static () => { }, _time);
        _jobs = new DeadLetterJobs(_time, GuardedLogger.Of(logger));
        _search = new OutboxKeySearch(_store, _seal, _deadLetters);
    }

    /// <summary>
    /// Gets the table that the workers' sink writes attempts to. If it is set, attempts are read from it, and not from the history of this
    /// process. Default: none.
    /// </summary>
    public SqlAttemptReader? AttemptTable { get; init; }

    /// <inheritdoc/>
    public override OperationsFeatures Features =>
        base.Features | OperationsFeatures.DeadLetters | OperationsFeatures.Workers | OperationsFeatures.Pause
        | (AttemptTable is null ? OperationsFeatures.None : OperationsFeatures.Attempts);

    /// <inheritdoc/>
    public override async ValueTask<OperationsStatus> GetStatusAsync(CancellationToken cancellationToken = default)
    {
        OperationsStatus here = await base.GetStatusAsync(cancellationToken).ConfigureAwait(false);
        (OperationsStatus store, IReadOnlyList<OutboxSwitch> stopped) = await ReadStoreAsync(cancellationToken).ConfigureAwait(false);
        return here with
        {
            IsDurable = true,
            InFlight = here.InFlight ?? store.InFlight,
            FencedOff = _worker?.FencedOff ?? store.FencedOff,
            Waiting = store.Waiting,
            Parked = store.Parked,
            DeadLetters = store.DeadLetters,
            DeadByReason = store.DeadByReason,
            OldestDue = store.OldestDue,
            Workers = store.Workers,
            UnownedLanes = store.UnownedLanes,
            IsolatedEndpoints = CountIsolated(here.IsolatedEndpoints, stopped),
            Pause = StopOf(stopped, OutboxSwitch.All),
            StoreError = store.StoreError,
        };
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException"><see cref="AttemptTable"/> is missing or lacks a column.</exception>
    public override ValueTask<OperationsPage<DeliveryAttemptSnapshot>> ListAttemptsAsync(
        AttemptQuery? query = null, CancellationToken cancellationToken = default) =>
        AttemptTable is null ? base.ListAttemptsAsync(query, cancellationToken) : AttemptTable.ListAsync(query, cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException"><see cref="AttemptTable"/> is missing or lacks a column.</exception>
    public override async ValueTask<DeliveryStory?> FindDeliveryAsync(DeliveryQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        AttemptQuery ofKey = new() { IdempotencyKey = query.IdempotencyKey, Limit = MaxAttempts };
        List<DeliveryAttemptSnapshot> attempts = AttemptTable is null
            ? AttemptsOf(query)
            : [.. (await AttemptTable.ListAsync(ofKey, cancellationToken).ConfigureAwait(false)).Items.Reverse()];
        OutboxDeliveryState? after = StateAfter(attempts);
        StoredWebhook? stored = await _search
            .FindAsync(query, indexOnly: after == OutboxDeliveryState.Delivered && query.Tenant is null, cancellationToken)
            .ConfigureAwait(false);
        OutboxDeliveryState? state = stored?.Letter is not null ? OutboxDeliveryState.Undelivered
            : stored is not null ? OutboxDeliveryState.Waiting
            : query is { Tenant: { Length: > 0 } tenant, DeliveryId: { Length: > 0 } id }
                ? await _store.FindStateAsync(tenant, id, cancellationToken).ConfigureAwait(false)
            : null;
        return state is null && attempts.Count == 0 ? null : new DeliveryStory
        {
            IdempotencyKey = query.IdempotencyKey,
            State = state ?? after,
            Tenant = stored?.Tenant,
            OtherTenants = stored?.OtherTenants ?? [],
            EnqueuedAt = stored?.Letter?.EnqueuedAt ?? stored?.Waiting?.EnqueuedAt,
            DeadLetter = stored?.Letter,
            Attempts = attempts,
        };
    }

    /// <inheritdoc/>
    public override async ValueTask<OperationsPage<DeadLetter>> ListDeadLettersAsync(
        DeadLetterQuery? query = null, CancellationToken cancellationToken = default)
    {
        query ??= new DeadLetterQuery();
        IReadOnlyList<DeadLetter> rows = await _deadLetters.ListAsync(query, cancellationToken).ConfigureAwait(false);
        bool isWhole = query.Before is null && rows.Count < query.Limit;
        DeadLetterCount count = isWhole
            ? new DeadLetterCount(null, rows.Count, IsEstimate: false)
            : await _deadLetters.CountAsync(query, cancellationToken).ConfigureAwait(false);
        string? next = rows.Count < query.Limit
            || await _deadLetters.ListAsync(query with { Before = rows[^1].Id, Limit = 1 }, cancellationToken).ConfigureAwait(false)
                is []
            ? null
            : rows[^1].Id.ToString(CultureInfo.InvariantCulture);
        return new OperationsPage<DeadLetter>(rows, next, count.Count, count.IsEstimate);
    }

    /// <inheritdoc/>
    public override ValueTask<DeadLetterCount> CountDeadLettersAsync(
        DeadLetterQuery? query = null, CancellationToken cancellationToken = default) =>
        _deadLetters.CountAsync(query, cancellationToken);

    /// <inheritdoc/>
    public override ValueTask<DeadLetter?> FindDeadLetterAsync(long id, CancellationToken cancellationToken = default) =>
        _deadLetters.FindAsync(id, cancellationToken);

    /// <inheritdoc/>
    public override ValueTask<DeadLetterJob?> StartRedriveAsync(
        DeadLetterQuery query, RedriveOptions options, OperatorAction action, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(action);
        cancellationToken.ThrowIfCancellationRequested();
        if (options.AllowsNewKey && _seal is null)
        {
            throw new ArgumentException(
                "A webhook under a new key is encrypted again: create the operations with the outbox's keys.", nameof(options));
        }

        options = options with { RatePerSecond = options.RatePerSecond ?? DefaultRatePerSecond };
        (DeadLetterJob? job, bool isNew) = _jobs.Start(
            query, isDiscard: false, options.IsDryRun, action,
            (progress, token) => _deadLetters.RedriveAsync(
                query, options with { Progress = new Receivers(progress, options.Progress) }, token));
        if (isNew && !options.IsDryRun)
        {
            Record(action, "redrive", $"job {job!.Id}: {Words(query)}{(options.AllowsNewKey ? ", with new keys" : "")}");
        }

        return new(job);
    }

    /// <inheritdoc/>
    public override ValueTask<DeadLetterJob?> StartDiscardAsync(
        DeadLetterQuery query, bool isDryRun, OperatorAction action, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(action);
        cancellationToken.ThrowIfCancellationRequested();
        (DeadLetterJob? job, bool isNew) = _jobs.Start(
            query, isDiscard: true, isDryRun, action,
            (progress, token) => _deadLetters.DiscardAsync(query, isDryRun, progress, token));
        if (isNew && !isDryRun)
        {
            Record(action, "discard", $"job {job!.Id}: {Words(query)}");
        }

        return new(job);
    }

    /// <inheritdoc/>
    public override ValueTask<IReadOnlyList<DeadLetterJob>> ListDeadLetterJobsAsync(CancellationToken cancellationToken = default) =>
        new(_jobs.List());

    /// <inheritdoc/>
    public override async ValueTask<DeadLetterJob?> CancelDeadLetterJobAsync(
        string id, OperatorAction action, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(id);
        ArgumentNullException.ThrowIfNull(action);
        (DeadLetterJob? job, bool isCancelled) = await _jobs.CancelAsync(id, cancellationToken).ConfigureAwait(false);
        if (isCancelled && !job!.IsDryRun)
        {
            DeadLetterReport done = job.Report;
            Record(
                action, job.IsDiscard ? "cancel discard" : "cancel redrive",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"job {job.Id}, {done.Handled} dead letters {(job.IsDiscard ? "discarded" : "redriven")}"));
        }

        return job;
    }

    /// <inheritdoc/>
    public override async ValueTask<ReadOnlyMemory<byte>?> OpenBodyAsync(
        long id, OperatorAction action, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(action);
        ReadOnlyMemory<byte>? body = await _deadLetters.BodyAsync(id, cancellationToken).ConfigureAwait(false);
        if (body is not null)
        {
            Record(action, "open body", string.Create(CultureInfo.InvariantCulture, $"dead letter {id}"));
        }

        return body;
    }

    /// <inheritdoc/>
    public override async ValueTask<WorkersStatus> ListWorkersAsync(CancellationToken cancellationToken = default)
    {
        IReadOnlyList<OutboxWorkerRow> rows = await _store.ListWorkersAsync(cancellationToken).ConfigureAwait(false);
        Guid? here = _worker?.Id;
        HashSet<int> owned = [.. rows.Where(static row => row.LeaseLeft > TimeSpan.Zero).SelectMany(static row => row.Lanes)];
        return new WorkersStatus(
            [
                .. rows.Select(row => new WorkerStatus(
                    row.Worker, row.Name, row.LeaseLeft > TimeSpan.Zero ? row.LeaseLeft : TimeSpan.Zero, row.IsDraining,
                    row.Worker == here, row.Lanes)),
            ],
            [.. Enumerable.Range(0, OutboxLanes.Count).Where(lane => !owned.Contains(lane))]);
    }

    /// <summary>Cancels the jobs that run, and waits for their steps under way.</summary>
    public async ValueTask DisposeAsync()
    {
        await _jobs.DisposeAsync().ConfigureAwait(false);
        if (_ownsStore)
        {
            await _store.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Returns dead letters in words, for the record of an action.</summary>
    private static string Words(DeadLetterQuery query)
    {
        if (query.Ids is { } ids)
        {
            string first = string.Join(", ", ids.Take(MaxIdsRecorded).Select(static id => id.ToString(CultureInfo.InvariantCulture)));
            return string.Create(CultureInfo.InvariantCulture, $"{ids.Count} dead letters: {first}")
                + (ids.Count > MaxIdsRecorded ? ", ..." : "");
        }

        List<string> conditions = [];
        foreach ((string name, string? value) in new[]
        {
            ("tenant", query.Tenant), ("reason", query.Reason), ("endpoint", query.EndpointId),
            ("notification type", query.NotificationType),
            ("id below", query.Before?.ToString(CultureInfo.InvariantCulture)),
        })
        {
            if (value is not null)
            {
                conditions.Add($"{name} {value}");
            }
        }

        return conditions.Count == 0 ? "all dead letters" : "dead letters with " + string.Join(", ", conditions);
    }

    /// <summary>Returns the store's figures, read at most once in five seconds for all callers together.</summary>
    private async ValueTask<StoreReading> ReadStoreAsync(CancellationToken cancellationToken)
    {
        Task<StoreReading> reading;
        lock (_lock)
        {
            if (_reading is null || (_reading.IsCompleted && _time.GetElapsedTime(_readAt) >= ReadInterval))
            {
                _readAt = _time.GetTimestamp();

                // The driver of SQLite is synchronous.
                _reading = Task.Run(ReadOnceAsync, CancellationToken.None);
            }

            reading = _reading;
        }

        try
        {
            TimeSpan timeout = _worker is null ? Timeout.InfiniteTimeSpan : ReadTimeout;
            return await reading.WaitAsync(timeout, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            StoreReading last = Volatile.Read(ref _lastRead) ?? Nothing;
            return last with { Status = last.Status with { StoreError = "The store does not answer." } };
        }
    }

    private async Task<StoreReading> ReadOnceAsync()
    {
        try
        {
            (OutboxCounts status, IReadOnlyList<OutboxSwitch> switches) =
                await _store.ReadOverviewAsync(CancellationToken.None).ConfigureAwait(false);
            OperationsStatus figures = new()
            {
                IsDurable = true,
                Waiting = status.Waiting,
                Parked = status.Parked,
                DeadLetters = status.Dead,
                DeadByReason = status.Dead == 0 ? [] : await _deadLetters.CountReasonsAsync().ConfigureAwait(false),
                OldestDue = status.OldestDue,
                Workers = status.Workers,
                UnownedLanes = status.UnownedLanes,
                InFlight = status.Figures.InFlight,
                FencedOff = status.Figures.FencedOff,
            };
            StoreReading read = new(figures, [.. switches.Where(static row => row.IsStopped)]);
            Volatile.Write(ref _lastRead, read);
            return read;
        }
        catch (Exception fault)
        {
            // Its message may name the server. The worker, which reads the same tables, logs it.
            return (Volatile.Read(ref _lastRead) ?? Nothing) with
            {
                Status = Nothing.Status with { StoreError = $"The store failed: {fault.GetType().Name}." },
            };
        }
    }

    /// <summary>Reports to the job and to the caller.</summary>
    private sealed class Receivers(IProgress<DeadLetterReport> job, IProgress<DeadLetterReport>? caller) : IProgress<DeadLetterReport>
    {
        public void Report(DeadLetterReport value)
        {
            job.Report(value);
            caller?.Report(value);
        }
    }

    /// <summary>The store's figures, and the switches of endpoints that are isolated and of the pause.</summary>
    private sealed record StoreReading(OperationsStatus Status, IReadOnlyList<OutboxSwitch> Stopped);
}
