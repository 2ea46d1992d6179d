using System.Data.Common;
using Adcp.Aot.Delivery;

namespace Adcp.Aot.Storage;

/// <summary>
/// The tables of an outbox in one dialect. Callers of <see cref="AppendAsync"/> only append; everything else is done by the owner of a
/// lane under the fence of its worker row. Thread-safe, except for readers and settlers, which belong to one loop each.
/// </summary>
/// <remarks>
/// Durations go to the database and come from it; times do not, because only the database's clock decides.
/// </remarks>
internal abstract class OutboxStore : IAsyncDisposable
{
    /// <summary>Gets the identity of these tables, drawn when they were created. It is bound into each sealed row.</summary>
    internal abstract ValueTask<Guid> InstallationAsync(CancellationToken cancellationToken);

    /// <summary>Gets the connections that a worker keeps or needs for a moment; 0 if they are not of a pool.</summary>
    internal virtual int WorkerConnections => 0;

    /// <summary>Gets the most connections of the pool; <see langword="null"/> if it is not known or not limited.</summary>
    internal virtual int? PoolSize => null;

    /// <summary>Creates the tables if they are absent.</summary>
    internal abstract ValueTask CreateIfAbsentAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Throws <see cref="InvalidOperationException"/> if a table is missing, lacks a column, or is newer than this
    /// program.
    /// </summary>
    internal abstract ValueTask CheckAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Reserves numbers of streams: each entry gets the next number of its stream, in order, from 1. The numbers are returned to the
    /// streams if the transaction is rolled back.
    /// </summary>
    internal abstract ValueTask<long[]> DrawNumbersAsync(
        DbTransaction transaction, IReadOnlyList<string> streams, CancellationToken cancellationToken);

    /// <summary>
    /// Binds delivery ids. An entry that is bound already keeps its binding, which is returned.
    /// </summary>
    /// <returns>For each entry the earlier binding, or <see langword="null"/> if it was bound now.</returns>
    internal abstract ValueTask<OutboxBinding?[]> BindAsync(
        DbTransaction transaction, IReadOnlyList<OutboxBinding> bindings, CancellationToken cancellationToken);

    /// <summary>Keeps the numbers that were drawn for webhooks whose delivery ids were bound in the same transaction.</summary>
    internal abstract ValueTask KeepNumbersAsync(
        DbTransaction transaction, IReadOnlyList<(byte[] Hash, long Number)> numbers, CancellationToken cancellationToken);

    /// <summary>Appends rows to the log, and binds their delivery ids, in one statement or one round trip.</summary>
    /// <param name="transaction">The transaction; <see langword="null"/> for one of its own, committed on return.</param>
    /// <param name="entries">The rows. Each delivery id occurs once.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>
    /// The id of each row, in the order of <paramref name="entries"/>; 0 if it was not appended, because its delivery id is bound already.
    /// </returns>
    internal abstract ValueTask<long[]> AppendAsync(
        DbTransaction? transaction, IReadOnlyList<OutboxEntry> entries, CancellationToken cancellationToken);

    /// <summary>Begins a transaction of the outbox's own, for calls that need more than one statement.</summary>
    internal abstract ValueTask<OutboxTransaction> BeginAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Throws <see cref="ArgumentException"/> if a transaction is completed or runs on another database than this outbox. Remembers
    /// databases that passed, so that the check costs a round trip once.
    /// </summary>
    internal abstract ValueTask RequireSameDatabaseAsync(DbTransaction transaction, CancellationToken cancellationToken);

    /// <summary>Returns the binding of a delivery id.</summary>
    internal abstract ValueTask<OutboxBinding?> FindAsync(byte[] hash, CancellationToken cancellationToken);

    /// <summary>Returns the state of the webhook under a delivery id; <see langword="null"/> if the id is not bound.</summary>
    internal async ValueTask<OutboxDeliveryState?> FindStateAsync(string tenant, string deliveryId, CancellationToken cancellationToken)
    {
        OutboxBinding? binding = await FindAsync(OutboxHash.Binding(tenant, deliveryId), cancellationToken).ConfigureAwait(false);
        return binding?.State switch
        {
            null => null,
            OutboxBindingState.Delivered => OutboxDeliveryState.Delivered,
            OutboxBindingState.Dead => OutboxDeliveryState.Undelivered,
            _ => OutboxDeliveryState.Waiting,
        };
    }

    /// <summary>Adds a worker with a lease.</summary>
    internal abstract ValueTask JoinAsync(Guid worker, string name, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>
    /// Renews the lease of a worker, writes its figures, and deletes the workers whose lease has expired. The deletion waits for a
    /// settlement of such a worker that is under way; after it, none of that worker's settlements changes a row.
    /// </summary>
    /// <returns>Whether the worker is still there, and the number of workers that are not draining, itself included.</returns>
    internal abstract ValueTask<(bool IsAlive, int Workers)> RenewAsync(
        Guid worker, TimeSpan lease, bool isDraining, OutboxFigures figures, CancellationToken cancellationToken);

    /// <summary>
    /// Gets how often to ask <see cref="SeesDeadWorker"/>; <see langword="null"/> if the last renewal saw no other worker, or if only the
    /// end of a lease tells that one is dead.
    /// </summary>
    internal virtual TimeSpan? DeathWatch => null;

    /// <summary>
    /// Returns whether the process of a worker, among those that the last renewal saw, has ended. The next renewal buries it. Cheap.
    /// </summary>
    internal virtual bool SeesDeadWorker() => false;

    /// <summary>
    /// Takes up to a number of lanes that no living worker owns. If the owner before died, the rows of a lane that it may have been sending
    /// are counted (<see cref="OutboxRow.Unclean"/>) and their first attempt is assumed to have been made: those on trial, and the oldest
    /// that were not counted before. This is the only time that a row is written before its first attempt.
    /// </summary>
    /// <returns>The lanes, and for each how many of its owners in a row have died while they owned it.</returns>
    internal abstract ValueTask<IReadOnlyList<(short Lane, int Unclean)>> TakeLanesAsync(
        Guid worker, int most, CancellationToken cancellationToken);

    /// <summary>Returns the lanes that a worker owns, after a call whose answer was lost.</summary>
    internal abstract ValueTask<IReadOnlyList<(short Lane, int Unclean)>> OwnedLanesAsync(Guid worker, CancellationToken cancellationToken);

    /// <summary>Gives a lane back. Nothing of it is in flight or unsettled.</summary>
    internal abstract ValueTask ReturnLaneAsync(Guid worker, short lane, CancellationToken cancellationToken);

    /// <summary>
    /// Removes a worker whose process lives, and gives back the lanes that it still owns. Nothing of them is under way any more, so their
    /// next owner counts nothing.
    /// </summary>
    internal abstract ValueTask LeaveAsync(Guid worker, CancellationToken cancellationToken);

    /// <summary>Closes the connection of the renewals if the store keeps one. The next renewal opens another.</summary>
    internal virtual ValueTask EndRenewalsAsync() => default;

    /// <summary>Opens a reader for one loop. It connects when it is first used, and again after a fault.</summary>
    internal abstract OutboxReader OpenReader();

    /// <summary>Opens a settler for one loop. It connects when it is first used, and again after a fault.</summary>
    internal abstract OutboxSettler OpenSettler();

    /// <summary>Counts rows for a status report.</summary>
    internal abstract ValueTask<OutboxCounts> CountAsync(CancellationToken cancellationToken);

    /// <summary>Counts rows and reads all switches, for an operator's overview that is read again and again.</summary>
    internal virtual async ValueTask<(OutboxCounts Counts, IReadOnlyList<OutboxSwitch> Switches)> ReadOverviewAsync(
        CancellationToken cancellationToken) => (
            await CountAsync(cancellationToken).ConfigureAwait(false),
            await Switches.ReadAsync(0, cancellationToken).ConfigureAwait(false));

    /// <summary>
    /// Deletes up to 500 dead letters, bindings and idle streams whose time is over. A binding whose webhook still waits is kept.
    /// </summary>
    /// <returns>The number of deleted rows.</returns>
    internal abstract ValueTask<int> PurgeAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Lists rows that are not delivered, at most <paramref name="limit"/>, parked ones first. One sealed row is in memory at a time.
    /// </summary>
    internal abstract ValueTask<IReadOnlyList<WaitingWebhook>> ListWaitingAsync(
        int limit, Func<OutboxWaitingRow, WaitingWebhook> describe, CancellationToken cancellationToken);

    /// <summary>Lists the workers, also those whose lease has ended and that are not buried yet, by name.</summary>
    internal abstract ValueTask<IReadOnlyList<OutboxWorkerRow>> ListWorkersAsync(CancellationToken cancellationToken);

    /// <summary>Gets the table of dead letters.</summary>
    internal abstract OutboxDeadTable Dead { get; }

    /// <summary>Gets the table of operators' switches.</summary>
    internal abstract OutboxSwitchTable Switches { get; }

    /// <summary>Lists endpoints that have parked rows, at most <paramref name="limit"/>, by one row of each.</summary>
    internal abstract ValueTask<IReadOnlyList<T>> ListParkedEndpointsAsync<T>(
        int limit, Func<OutboxWaitingRow, T> describe, CancellationToken cancellationToken);

    /// <summary>Counts the parked rows of each endpoint, at most <paramref name="most"/> of each.</summary>
    internal abstract ValueTask<IReadOnlyList<long>> CountParkedAsync(
        IReadOnlyList<long> endpoints, int most, CancellationToken cancellationToken);

    /// <summary>Returns a parked row of an endpoint; <see langword="null"/> if it has none.</summary>
    internal abstract ValueTask<OutboxWaitingRow?> FindParkedAsync(long endpoint, CancellationToken cancellationToken);

    /// <summary>
    /// Lists parked rows by the hash of their idempotency key, the newest first, at most <paramref name="limit"/>; for
    /// <see langword="null"/> those that have none.
    /// </summary>
    internal abstract ValueTask<IReadOnlyList<T>> ListParkedByKeyAsync<T>(
        long? keyHash, int limit, Func<OutboxWaitingRow, T> describe, CancellationToken cancellationToken);

    /// <summary>Reads the log from its oldest row until a row is found. One sealed row is in memory at a time.</summary>
    /// <param name="tenant">The hash of the tenant whose rows are looked at; <see langword="null"/> for all.</param>
    /// <param name="maxRows">The most rows that are read.</param>
    /// <param name="maxBytes">The bytes of rows from which the search ends.</param>
    /// <param name="isFound">Returns whether a row is the one that is searched. A row may come twice after a fault.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    internal abstract ValueTask SearchLogAsync(
        long? tenant, int maxRows, long maxBytes, Func<OutboxWaitingRow, bool> isFound, CancellationToken cancellationToken);

    /// <summary>Ends the store's own work and gives its connections back. Disposed after its readers and settlers.</summary>
    public virtual ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>
/// Reads the rows of a worker's lanes. For one loop; after an exception it continues with the next call, and
/// loses no row. A read ends with the row that reaches its bytes of sealed webhooks, as if it reached its limit of rows.
/// </summary>
internal abstract class OutboxReader : IAsyncDisposable
{
    /// <summary>Adds lanes. Rows of them that were committed before are read too, once.</summary>
    internal abstract void Join(IReadOnlyList<short> lanes);

    /// <summary>Leaves a lane: none of its rows is read any more.</summary>
    internal abstract void Leave(short lane);

    /// <summary>Forgets all lanes, after the worker was declared dead.</summary>
    internal abstract void Reset();

    /// <summary>
    /// Reads rows of the log that were not read before, each once. Rows that arrive while many are unread do not wait for the end of those.
    /// </summary>
    /// <param name="rows">The list that gets the rows, also those that are not due yet.</param>
    /// <param name="limit">The most rows, at least 1.</param>
    /// <param name="maxBytes">The bytes from which the read ends, at least 1.</param>
    /// <param name="newOnly">Whether unread rows that are not new are left to a later read.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Whether there may be more rows now.</returns>
    internal abstract ValueTask<bool> ReadAsync(
        List<OutboxRow> rows, int limit, long maxBytes, bool newOnly, CancellationToken cancellationToken);

    /// <summary>
    /// Returns whether <see cref="ReadAsync"/> may find rows now. An idle worker asks this first if it costs less than a read.
    /// </summary>
    internal virtual ValueTask<bool> MayFindAsync(CancellationToken cancellationToken) => ValueTask.FromResult(true);

    /// <summary>Lists the endpoints of a lane that have parked rows.</summary>
    internal abstract ValueTask<IReadOnlyList<OutboxParkedEndpoint>> ListParkedAsync(short lane, CancellationToken cancellationToken);

    /// <summary>Reads parked rows of an endpoint that are due, in order of their due time.</summary>
    /// <param name="lane">The lane.</param>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="after">The key of the last row that was read; rows up to it are left out.</param>
    /// <param name="limit">The most rows, at least 1.</param>
    /// <param name="maxBytes">The bytes from which the read ends, at least 1.</param>
    /// <param name="rows">The list that gets the rows.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>
    /// The time until the next row after those read is due: zero if there are more due rows than were read, <see langword="null"/> if
    /// there is none.
    /// </returns>
    internal abstract ValueTask<TimeSpan?> ReadParkedAsync(
        short lane, long endpoint, (long DueAt, long Id) after, int limit, long maxBytes, List<OutboxRow> rows,
        CancellationToken cancellationToken);

    /// <summary>
    /// Reads the row with the lowest number of each stream, from the log or the parked rows, whatever its lane and due time are.
    /// </summary>
    /// <param name="streams">The streams.</param>
    /// <param name="maxBytes">The bytes from which the read ends, at least 1.</param>
    /// <param name="rows">The list that gets the rows. A stream without one gives none, and so does one after the end of the read.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    internal abstract ValueTask ReadHeadsAsync(
        IReadOnlyList<long> streams, long maxBytes, List<OutboxRow> rows, CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}

/// <summary>Commits changes of rows under the fence. For one loop.</summary>
internal abstract class OutboxSettler : IAsyncDisposable
{
    /// <summary>
    /// Makes changes in one transaction and says for each whether it was made. Nothing is changed if the worker's row is gone. A row
    /// that is not there is left out: a call whose answer was lost may be made again with the same changes.
    /// </summary>
    /// <exception cref="DbException">The database is gone or refused; the call may have been committed.</exception>
    internal abstract ValueTask SettleAsync(Guid worker, IReadOnlyList<OutboxChange> changes, CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}
