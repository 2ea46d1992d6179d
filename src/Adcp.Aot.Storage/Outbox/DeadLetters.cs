using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>
/// The webhooks of an outbox that ended undelivered: list, deliver again, or discard. They are kept for 30 days. Thread-safe.
/// </summary>
public sealed class DeadLetters
{
    /// <summary>The most dead letters of one redrive or discard.</summary>
    private const int MaxIds = 1000;

    private readonly OutboxStore _store;
    private readonly OutboxSeal _seal;
    private readonly Action _redriven;

    internal DeadLetters(OutboxStore store, OutboxSeal seal, Action redriven)
    {
        _store = store;
        _seal = seal;
        _redriven = redriven;
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
        OutboxDeadFilter filter = new(query.Tenant is { } tenant ? OutboxHash.Tenant(tenant) : null, null, query.Reason);
        IReadOnlyList<OutboxDeadRow> rows =
            await _store.ListDeadAsync(filter, query.Before ?? long.MaxValue, query.Limit, cancellationToken).ConfigureAwait(false);
        return [.. rows.Select(row => Describe(row, installation))];
    }

    /// <summary>
    /// Delivers dead letters again, with the same idempotency key and the same bytes, for the rest of their retry horizon. Those whose
    /// horizon has passed are left: enqueue these events again.
    /// </summary>
    /// <param name="ids">1 to 1,000 ids.</param>
    /// <param name="isDryRun">Whether only to count.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">No ids, or more than 1,000.</exception>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public async ValueTask<RedriveReport> RedriveAsync(
        IReadOnlyCollection<long> ids, bool isDryRun = false, CancellationToken cancellationToken = default)
    {
        Check(ids);
        Guid installation = await _store.InstallationAsync(cancellationToken).ConfigureAwait(false);
        List<OutboxDeadRow> rows = [];
        int outside = 0;
        foreach (long id in ids.Distinct())
        {
            IReadOnlyList<OutboxDeadRow> page = await _store
                .ListDeadAsync(new OutboxDeadFilter(null, null, null), id == long.MaxValue ? id : id + 1, 1, cancellationToken)
                .ConfigureAwait(false);
            if (page is not [var row] || row.Id != id || Open(row, installation) is null)
            {
                continue;
            }

            if (row.IsInsideHorizon)
            {
                rows.Add(row);
            }
            else
            {
                outside++;
            }
        }

        int redriven = rows.Count;
        if (!isDryRun && rows.Count > 0)
        {
            redriven = await _store.RedriveAsync(rows, cancellationToken).ConfigureAwait(false);
            _redriven();
        }

        return new RedriveReport(redriven, outside, ids.Count - outside - redriven);
    }

    /// <summary>Deletes dead letters permanently.</summary>
    /// <param name="ids">1 to 1,000 ids.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The number of deleted dead letters.</returns>
    /// <exception cref="ArgumentException">No ids, or more than 1,000.</exception>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public ValueTask<int> DiscardAsync(IReadOnlyCollection<long> ids, CancellationToken cancellationToken = default)
    {
        Check(ids);
        return _store.DiscardAsync([.. ids.Distinct()], cancellationToken);
    }

    private static void Check(IReadOnlyCollection<long> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        if (ids.Count is 0 or > MaxIds)
        {
            throw new ArgumentException($"A call takes 1 to {MaxIds} ids.", nameof(ids));
        }
    }

    private OutboxWebhook? Open(OutboxDeadRow row, Guid installation) =>
        _seal.Open(row.Sealed, row.KeyId, installation, row.Lane, row.Endpoint, row.Tenant,
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
            Tenant = webhook?.Tenant,
            Authority = webhook?.Authority,
            IdempotencyKey = webhook?.IdempotencyKey,
            TaskId = webhook?.TaskId,
            NotificationType = webhook?.NotificationType,
        };
    }
}
