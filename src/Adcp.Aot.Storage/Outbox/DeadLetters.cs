using System.Data.Common;
using System.Globalization;
using Adcp.Aot.Operations;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Storage;

/// <summary>
/// The webhooks of an outbox that ended undelivered: list, deliver again, or discard. They are kept for
/// <see cref="SqlWebhookOutboxOptions.DeadLetterRetention"/>. Thread-safe.
/// </summary>
public sealed class DeadLetters
{
    /// <summary>The most dead letters of one discard.</summary>
    private const int MaxIds = 1000;

    /// <summary>Counts up to this number are exact.</summary>
    private const int MaxCounted = 10_000;

    /// <summary>The most dead letters that a discard deletes in a second, so that it does not slow down fresh webhooks.</summary>
    private const int DiscardsPerSecond = 5_000;

    /// <summary>The most dead letters of a step of a discard.</summary>
    private const int DiscardsPerStep = 500;

    /// <summary>The steps of a redrive with a rate, a second. Small steps cost more for each row.</summary>
    private const int RedriveStepsPerSecond = 2;

    private readonly OutboxStore _store;
    private readonly OutboxSeal? _seal;
    private readonly Action _redriven;
    private readonly TimeProvider _time;
    private readonly RedrivePace _pace;

    /// <param name="store">The tables.</param>
    /// <param name="seal">Opens and seals rows; <see langword="null"/> if their keys are not here.</param>
    /// <param name="redriven">Wakes workers.</param>
    /// <param name="time">The clock of rates.</param>
    internal DeadLetters(OutboxStore store, OutboxSeal? seal, Action redriven, TimeProvider time)
    {
        _time = time;
        _store = store;
        _seal = seal;
        _redriven = redriven;
        _pace = new RedrivePace(store.Dead, time);
    }

    /// <summary>Lists dead letters, the newest first.</summary>
    /// <param name="query">Which ones; <see langword="null"/> for the newest 100.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public async ValueTask<IReadOnlyList<DeadLetter>> ListAsync(DeadLetterQuery? query = null,
        CancellationToken cancellationToken = default)
    {
        query ??= new DeadLetterQuery();
        Guid installation = await _store.InstallationAsync(cancellationToken).ConfigureAwait(false);
        if (await FilterOfAsync(query, cancellationToken).ConfigureAwait(false) is not { } filter)
        {
            return [];
        }

        IReadOnlyList<OutboxDeadRow> rows =
            await _store.Dead.ListAsync(filter, query.Before ?? long.MaxValue, query.Limit, cancellationToken).ConfigureAwait(false);
        return [.. rows.Select(row => Describe(row, installation))];
    }

    /// <summary>Counts dead letters: exactly up to 10,000, then perhaps as an estimate.</summary>
    /// <param name="query">
    /// Which ones; <see langword="null"/> for all. <see cref="DeadLetterQuery.Before"/> and <see cref="DeadLetterQuery.Limit"/> are
    /// ignored.
    /// </param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public async ValueTask<DeadLetterCount> CountAsync(DeadLetterQuery? query = null, CancellationToken cancellationToken = default)
    {
        (long count, bool isEstimate) =
            await FilterOfAsync(query ?? new DeadLetterQuery(), cancellationToken).ConfigureAwait(false) is { } filter
                ? await _store.Dead.CountAsync(filter, MaxCounted, cancellationToken).ConfigureAwait(false)
                : (0, false);
        return new DeadLetterCount(null, count, isEstimate);
    }

    /// <summary>Counts the dead letters of each reason that has any: exactly up to 10,000, then perhaps as an estimate.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public async ValueTask<IReadOnlyList<DeadLetterCount>> CountReasonsAsync(CancellationToken cancellationToken = default)
    {
        IReadOnlyList<(long Count, bool IsEstimate)> counts = await _store.Dead
            .CountReasonsAsync(OutboxReasons.OfDeadLetters, MaxCounted, cancellationToken).ConfigureAwait(false);
        return
        [
            .. counts.Select(static (count, i) => new DeadLetterCount(OutboxReasons.OfDeadLetters[i], count.Count, count.IsEstimate))
                .Where(static count => count.Count > 0),
        ];
    }

    /// <summary>Returns a dead letter.</summary>
    /// <param name="id">The <see cref="DeadLetter.Id"/>.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The dead letter; <see langword="null"/> if it is not there.</returns>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public async ValueTask<DeadLetter?> FindAsync(long id, CancellationToken cancellationToken = default) =>
        await ListAsync(new DeadLetterQuery { Ids = [id] }, cancellationToken).ConfigureAwait(false) is [DeadLetter found] ? found : null;

    /// <summary>
    /// Delivers dead letters again, with the same idempotency key and the same bytes, for the rest of their retry horizon. Those whose
    /// horizon has passed are left, unless <see cref="RedriveOptions.AllowsNewKey"/> is set. Two calls never redrive one dead letter twice.
    /// </summary>
    /// <param name="ids">1 to 1,000 ids.</param>
    /// <param name="options">Dry run, new keys and rate; <see langword="null"/> for the defaults.</param>
    /// <param name="cancellationToken">Ends the redrive after the step under way. The report counts the steps until then.</param>
    /// <exception cref="ArgumentException">No ids, or more than 1,000.</exception>
    /// <exception cref="DbException">
    /// The database cannot be reached. Repeat the call: dead letters that were redriven are not there any more.
    /// </exception>
    public ValueTask<DeadLetterReport> RedriveAsync(
        IReadOnlyCollection<long> ids, RedriveOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(ids);
        if (ids.Count is 0 or > MaxIds)
        {
            throw new ArgumentException($"A call takes 1 to {MaxIds} ids.", nameof(ids));
        }

        return RedriveAsync(new DeadLetterQuery { Ids = [.. ids], Limit = MaxIds }, options, cancellationToken);
    }

    /// <summary>
    /// Delivers all dead letters of a query again, the newest first, as the other overload does. Dead letters that die again meanwhile are
    /// not redriven a second time.
    /// </summary>
    /// <remarks>
    /// The next step begins when workers have made attempts at most webhooks of the step before, so the call does not return while no
    /// worker runs and there are more dead letters than one step takes. While other webhooks wait, it works for at most a twentieth of the
    /// time, and leaves the rest to them.
    /// </remarks>
    /// <param name="query">Which ones. <see cref="DeadLetterQuery.Limit"/> is the number of rows of one step.</param>
    /// <param name="options">Dry run, new keys and rate; <see langword="null"/> for the defaults.</param>
    /// <param name="cancellationToken">
    /// Ends the redrive after the step under way. A later call continues with <see cref="DeadLetterReport.ContinueBefore"/>.
    /// </param>
    /// <exception cref="DbException">
    /// The database cannot be reached. Repeat the call: dead letters that were redriven are not there any more.
    /// </exception>
    public async ValueTask<DeadLetterReport> RedriveAsync(
        DeadLetterQuery query, RedriveOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        options ??= new RedriveOptions();
        if (await FilterOfAsync(query, CancellationToken.None).ConfigureAwait(false) is not { } filter)
        {
            return new DeadLetterReport { Missing = query.Ids?.Count ?? 0 };
        }

        Guid installation = await _store.InstallationAsync(CancellationToken.None).ConfigureAwait(false);
        OutboxRedriven moved = default;
        return await RunAsync(
            query, StepOf(query, options), options.IsDryRun ? null : options.RatePerSecond, options.Progress,
            async (report, before, step) =>
            {
                IReadOnlyList<OutboxDeadRow> rows =
                    await _store.Dead.ListAsync(filter, before, step, CancellationToken.None).ConfigureAwait(false);
                if (rows.Count == 0)
                {
                    return (report, 0, before);
                }

                (report, moved) = await StepAsync(report, rows, installation, options).ConfigureAwait(false);
                return (report, rows.Count, rows[^1].Id);
            },
            options.IsDryRun ? null : (began, report) => _pace.WaitAsync(moved, began, report, cancellationToken),
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Deletes all dead letters of a query permanently, the newest first, in steps of 500 and at most 5,000 a second.
    /// </summary>
    /// <param name="query">Which ones. <see cref="DeadLetterQuery.Limit"/> is ignored.</param>
    /// <param name="isDryRun">Whether only to count.</param>
    /// <param name="progress">The receiver of the report so far, after each step; <see langword="null"/> for none.</param>
    /// <param name="cancellationToken">
    /// Ends the discard after the step under way. A later call continues with <see cref="DeadLetterReport.ContinueBefore"/>.
    /// </param>
    /// <exception cref="ArgumentNullException"><paramref name="query"/> is null.</exception>
    /// <exception cref="DbException">The database cannot be reached. Repeat the call.</exception>
    public async ValueTask<DeadLetterReport> DiscardAsync(
        DeadLetterQuery query, bool isDryRun = false, IProgress<DeadLetterReport>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        if (await FilterOfAsync(query, CancellationToken.None).ConfigureAwait(false) is not { } filter)
        {
            return new DeadLetterReport { Missing = query.Ids?.Count ?? 0 };
        }

        return await RunAsync(
            query, isDryRun ? MaxIds : DiscardsPerStep, isDryRun ? null : DiscardsPerSecond, progress,
            async (report, before, step) =>
            {
                IReadOnlyList<long> ids =
                    await _store.Dead.ListIdsAsync(filter, before, step, CancellationToken.None).ConfigureAwait(false);
                if (ids.Count == 0)
                {
                    return (report, 0, before);
                }

                // Not cancelled: the report must say what was committed.
                int deleted = isDryRun ? ids.Count
                    : await _store.Dead.DiscardAsync(ids, CancellationToken.None).ConfigureAwait(false);
                report = report with { Discarded = report.Discarded + deleted, Missing = report.Missing + ids.Count - deleted };
                return (report, ids.Count, ids[^1]);
            },
            waitAsync: null,
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Lists dead letters by the hash of their idempotency key, or those without one, with the hashes of their tenants, the newest first.
    /// </summary>
    internal async ValueTask<IReadOnlyList<(DeadLetter Letter, long Tenant)>> ListByKeyAsync(
        long? keyHash, int limit, CancellationToken cancellationToken)
    {
        Guid installation = await _store.InstallationAsync(cancellationToken).ConfigureAwait(false);
        IReadOnlyList<OutboxDeadRow> rows = await _store.Dead.ListByKeyAsync(keyHash, limit, cancellationToken).ConfigureAwait(false);
        return [.. rows.Select(row => (Describe(row, installation), row.Tenant))];
    }

    private static string TextOf(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary>
    /// Returns the filter of a query; <see langword="null"/> if it admits none. An endpoint is of one tenant. A filter by both would read
    /// all rows of an endpoint if the tenant is another one, so one row decides.
    /// </summary>
    private async ValueTask<OutboxDeadFilter?> FilterOfAsync(DeadLetterQuery query, CancellationToken cancellationToken)
    {
        long? tenant = query.Tenant is { } name ? OutboxHash.Tenant(name) : null;
        long? endpoint = query.EndpointId is { } id ? OutboxHash.EndpointOf(id) : null;
        if (tenant is not null && endpoint is not null)
        {
            IReadOnlyList<OutboxDeadRow> some = await _store.Dead
                .ListAsync(new OutboxDeadFilter(null, endpoint, null), long.MaxValue, 1, cancellationToken).ConfigureAwait(false);
            if (some is not [OutboxDeadRow row] || row.Tenant != tenant)
            {
                return null;
            }

            tenant = null;
        }

        return new OutboxDeadFilter(tenant, endpoint, query.Reason, query.Ids, OutboxHash.NotificationType(query.NotificationType));
    }

    /// <summary>Runs a job step by step, from the newest dead letter to the oldest.</summary>
    /// <param name="query">The dead letters.</param>
    /// <param name="step">The most rows of a step.</param>
    /// <param name="rate">The most rows that are changed in a second; <see langword="null"/> for no limit.</param>
    /// <param name="progress">The receiver of the report after each step.</param>
    /// <param name="stepAsync">
    /// Handles up to a number of rows below an id, and returns the report so far, the number of rows, and the id of the last one.
    /// </param>
    /// <param name="waitAsync">
    /// Waits until the next step may begin: gets the timestamp of the step, and reports why it waits. <see langword="null"/> if the job
    /// waits for nothing but its rate. Jobs that wait take turns.
    /// </param>
    /// <param name="cancellationToken">Ends the job after the step under way.</param>
    private async ValueTask<DeadLetterReport> RunAsync(
        DeadLetterQuery query, int step, int? rate, IProgress<DeadLetterReport>? progress,
        Func<DeadLetterReport, long, int, ValueTask<(DeadLetterReport Report, int Rows, long Last)>> stepAsync,
        Func<long, Action<RedriveWait>, ValueTask>? waitAsync, CancellationToken cancellationToken)
    {
        long before = query.Before ?? long.MaxValue;
        DeadLetterReport report = new();
        RedriveWait wait = RedriveWait.None;
        while (!cancellationToken.IsCancellationRequested)
        {
            if (waitAsync is not null && !await TakeTurnAsync(cancellationToken).ConfigureAwait(false))
            {
                break;
            }

            long began;
            int handled;
            try
            {
                began = _time.GetTimestamp();
                handled = report.Handled;
                (report, int rows, before) = await stepAsync(report, before, step).ConfigureAwait(false);
                if (rows < step)
                {
                    report = End(report, query);
                    progress?.Report(report);
                    return report;
                }

                Report();
                if (waitAsync is not null)
                {
                    await waitAsync(began, Wait).ConfigureAwait(false);
                }
            }
            finally
            {
                if (waitAsync is not null)
                {
                    _pace.Turn.Release();
                }
            }

            if (rate is { } perSecond)
            {
                // From the beginning of this step, so that the time of a wait is not made up for.
                TimeSpan share = TimeSpan.FromSeconds(1) * (report.Handled - handled) / perSecond;
                await _pace.DelayAsync(share - _time.GetElapsedTime(began), cancellationToken).ConfigureAwait(false);
            }
        }

        return report with { ContinueBefore = before };

        void Report() => progress?.Report(report with { ContinueBefore = before, Wait = wait });

        void Wait(RedriveWait reason)
        {
            // A wait for workers is reported again and again, so that the rate of the last seconds falls.
            bool isNews = reason != wait || reason == RedriveWait.Workers;
            wait = reason;
            if (isNews)
            {
                Report();
            }
        }
    }

    private static int StepOf(DeadLetterQuery query, RedriveOptions options) =>
        options is { IsDryRun: false, RatePerSecond: { } rate } ? Math.Clamp(rate / RedriveStepsPerSecond, 1, query.Limit) : query.Limit;

    /// <summary>Returns the last report of a job: ids that were not met are missing.</summary>
    private static DeadLetterReport End(DeadLetterReport report, DeadLetterQuery query)
    {
        int seen = report.Handled + report.OutsideHorizon + report.NotRepeatable + report.Missing;
        return query is { Ids: { } ids, Before: null } ? report with { Missing = report.Missing + ids.Count - seen } : report;
    }

    /// <returns>Whether it is the caller's turn; false if it was cancelled before.</returns>
    private async ValueTask<bool> TakeTurnAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _pace.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async ValueTask<(DeadLetterReport Report, OutboxRedriven Moved)> StepAsync(
        DeadLetterReport report, IReadOnlyList<OutboxDeadRow> rows, Guid installation, RedriveOptions options)
    {
        List<OutboxRedrive> redrives = [];
        int outside = 0, fixedKeys = 0;
        foreach (OutboxDeadRow row in rows)
        {
            OutboxWebhook? webhook = Open(row, installation);
            if (webhook is null && _seal is not null)
            {
                continue;
            }

            if (row.IsInsideHorizon)
            {
                redrives.Add(new OutboxRedrive(row.Id));
            }
            else if (!options.AllowsNewKey)
            {
                outside++;
            }
            else if (webhook?.Renew(IdempotencyKeys.Create(), TextOf(_time.GetUtcNow())) is { } renewed)
            {
                redrives.Add(new OutboxRedrive(
                    row.Id,
                    new OutboxRenewal(_seal!.KeyId, _seal.Seal(renewed, installation, row.Lane, row.Endpoint, row.Tenant))));
            }
            else
            {
                fixedKeys++;
            }
        }

        OutboxRedriven moved = new(redrives.Select(static redrive => redrive.Id).ToHashSet(), 0, 0);
        if (!options.IsDryRun && redrives.Count > 0)
        {
            // Not cancelled: the report must say what was committed.
            moved = await _store.Dead.RedriveAsync(redrives, CancellationToken.None).ConfigureAwait(false);
            _redriven();
        }

        report = report with
        {
            Redriven = report.Redriven + moved.Ids.Count,
            WithNewKey = report.WithNewKey + redrives.Count(redrive => redrive.Renewal is not null && moved.Ids.Contains(redrive.Id)),
            OutsideHorizon = report.OutsideHorizon + outside,
            NotRepeatable = report.NotRepeatable + fixedKeys,
            Missing = report.Missing + rows.Count - moved.Ids.Count - outside - fixedKeys,
        };
        return (report, moved);
    }

    /// <summary>Returns the body of a dead letter; <see langword="null"/> if it is not there or cannot be read.</summary>
    internal async ValueTask<ReadOnlyMemory<byte>?> BodyAsync(long id, CancellationToken cancellationToken)
    {
        Guid installation = await _store.InstallationAsync(cancellationToken).ConfigureAwait(false);
        IReadOnlyList<OutboxDeadRow> rows = await _store.Dead
            .ListAsync(new OutboxDeadFilter(null, null, null, [id]), long.MaxValue, 1, cancellationToken).ConfigureAwait(false);

        // The cast keeps the null from becoming an empty memory.
        return rows is [OutboxDeadRow row] ? (ReadOnlyMemory<byte>?)Open(row, installation)?.Body : null;
    }

    private OutboxWebhook? Open(OutboxDeadRow row, Guid installation) =>
        _seal is not null
        && _seal.Open(
            row.Sealed, row.KeyId, installation, row.Lane, row.Endpoint, row.Tenant,
            out OutboxWebhook? webhook) == OutboxSealStatus.Opened
            ? webhook
            : null;

    private DeadLetter Describe(OutboxDeadRow row, Guid installation)
    {
        OutboxWebhook? webhook = Open(row, installation);
        return new DeadLetter
        {
            Id = row.Id,
            Reason = row.Reason,
            StatusCode = row.StatusCode,
            Attempts = row.Attempts,
            EnqueuedAt = row.EnqueuedAt,
            FirstAttemptAt = row.FirstAttemptAt,
            EndedAt = row.EndedAt,
            IsInsideHorizon = row.IsInsideHorizon,
            EndpointId = OutboxHash.EndpointId(row.Endpoint),
            Tenant = webhook?.Tenant,
            Authority = webhook?.Authority,
            IdempotencyKey = webhook?.IdempotencyKey,
            TaskId = webhook?.TaskId,
            NotificationType = webhook?.NotificationType,
            IsRepeatable = webhook?.Renew(IdempotencyKeys.Create(), "") is not null,
        };
    }
}
