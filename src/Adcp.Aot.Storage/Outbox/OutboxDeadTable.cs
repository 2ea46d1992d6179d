namespace Adcp.Aot.Storage;

/// <summary>The dead letters of an outbox in one dialect. Thread-safe.</summary>
internal abstract class OutboxDeadTable
{
    /// <summary>Lists dead letters by falling id, at most <paramref name="limit"/>, below <paramref name="before"/>.</summary>
    internal abstract ValueTask<IReadOnlyList<OutboxDeadRow>> ListAsync(
        OutboxDeadFilter filter, long before, int limit, CancellationToken cancellationToken);

    /// <summary>Lists the ids of dead letters as <see cref="ListAsync"/> does.</summary>
    internal abstract ValueTask<IReadOnlyList<long>> ListIdsAsync(
        OutboxDeadFilter filter, long before, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Lists dead letters by the hash of their idempotency key, the newest first, at most <paramref name="limit"/>; for
    /// <see langword="null"/> those that have none.
    /// </summary>
    internal abstract ValueTask<IReadOnlyList<OutboxDeadRow>> ListByKeyAsync(
        long? keyHash, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Moves dead letters back into the log as new rows, due now. A row that is not there any more is left out, so that two calls never
    /// move one row twice.
    /// </summary>
    /// <param name="redrives">The rows.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The dead letters that were moved.</returns>
    internal abstract ValueTask<OutboxRedriven> RedriveAsync(IReadOnlyList<OutboxRedrive> redrives, CancellationToken cancellationToken);

    /// <summary>Counts the rows of a redrive that are still in the log: no attempt at them has ended. Cheap.</summary>
    internal abstract ValueTask<int> CountLeftAsync(OutboxRedriven redriven, CancellationToken cancellationToken);

    /// <summary>Counts the other rows of the log, at most <paramref name="most"/>, those next to the rows of the redrive first.</summary>
    internal abstract ValueTask<int> CountOthersAsync(OutboxRedriven redriven, int most, CancellationToken cancellationToken);

    /// <summary>Counts dead letters: exactly up to <paramref name="exact"/>, and above it as fast as the database can.</summary>
    /// <returns>The number, and whether it is an estimate.</returns>
    internal abstract ValueTask<(long Count, bool IsEstimate)> CountAsync(
        OutboxDeadFilter filter, int exact, CancellationToken cancellationToken);

    /// <summary>Counts the dead letters of each of the reasons as <see cref="CountAsync"/> does, in at most two queries.</summary>
    internal abstract ValueTask<IReadOnlyList<(long Count, bool IsEstimate)>> CountReasonsAsync(
        IReadOnlyList<string> reasons, int exact, CancellationToken cancellationToken);

    /// <summary>Deletes dead letters.</summary>
    /// <returns>The number of deleted rows.</returns>
    internal abstract ValueTask<int> DiscardAsync(IReadOnlyList<long> ids, CancellationToken cancellationToken);
}

/// <summary>A filter of dead letters.</summary>
/// <param name="Tenant">The hash of the tenant; <see langword="null"/> for all.</param>
/// <param name="Endpoint">The hash of the endpoint; <see langword="null"/> for all.</param>
/// <param name="Reason">The reason; <see langword="null"/> for all.</param>
/// <param name="Ids">The ids; <see langword="null"/> for all.</param>
/// <param name="NotificationType">The hash of the notification type; <see langword="null"/> for all.</param>
internal sealed record OutboxDeadFilter(
    long? Tenant, long? Endpoint, string? Reason, IReadOnlyList<long>? Ids = null, long? NotificationType = null);

/// <summary>A dead letter as it is stored.</summary>
internal sealed record OutboxDeadRow(
    long Id, short Lane, long Endpoint, long Tenant, string KeyId, byte[] Sealed, int Attempts, string Reason, int StatusCode,
    DateTimeOffset EnqueuedAt, DateTimeOffset? FirstAttemptAt, DateTimeOffset EndedAt, bool IsInsideHorizon);

/// <summary>A dead letter that is delivered again.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Renewal">
/// The bytes of a new delivery, whose attempts, horizon and maximum age start again; <see langword="null"/> if it continues with its own.
/// </param>
internal sealed record OutboxRedrive(long Id, OutboxRenewal? Renewal = null);

/// <summary>The bytes of a dead letter that is delivered as a new webhook.</summary>
/// <param name="KeyId">The id of the encryption key.</param>
/// <param name="Sealed">The sealed webhook.</param>
internal sealed record OutboxRenewal(string KeyId, byte[] Sealed);

/// <summary>The dead letters that one call moved to the log.</summary>
/// <param name="Ids">Their ids.</param>
/// <param name="First">The first key of their rows in the log: the transaction on PostgreSQL, the id on SQLite.</param>
/// <param name="Last">The last key of their rows. All rows of the log between both are of this call.</param>
internal readonly record struct OutboxRedriven(IReadOnlySet<long> Ids, long First, long Last);
