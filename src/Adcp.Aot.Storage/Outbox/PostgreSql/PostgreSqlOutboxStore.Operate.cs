using System.Data;
using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <content>Counts and purge.</content>
internal sealed partial class PostgreSqlOutboxStore
{
    /// <summary>The table of streams has no index by age, because it would cost each enqueue. It is read once an hour.</summary>
    private static readonly TimeSpan StreamPurgePeriod = TimeSpan.FromHours(1);

    /// <summary>The rows of one page of a search, which come at once.</summary>
    private const int SearchPageRows = 200;

    private long _streamsPurgedAt;
    private bool _wereStreamsPurged;

    internal override async ValueTask<OutboxCounts> CountAsync(CancellationToken cancellationToken)
    {
        OutboxCounts? counts = await RepeatableAsync(
            (connection, token) => connection.Command(_sql.Count).OneAsync(Counts, token), cancellationToken).ConfigureAwait(false);
        return counts!;
    }

    /// <summary>Counts and reads in one round trip.</summary>
    internal override ValueTask<(OutboxCounts Counts, IReadOnlyList<OutboxSwitch> Switches)> ReadOverviewAsync(
        CancellationToken cancellationToken) =>
        RepeatableAsync<(OutboxCounts Counts, IReadOnlyList<OutboxSwitch> Switches)>(
            async (connection, token) =>
            {
                DbBatch batch = connection.CreateBatch();
                await using (batch.ConfigureAwait(false))
                {
                    batch.Then(_sql.Count);
                    batch.Then(_sql.ReadSwitches).With(DbType.Int64, 0L);
                    DbDataReader reader = await batch.ExecuteReaderAsync(token).ConfigureAwait(false);
                    await using (reader.ConfigureAwait(false))
                    {
                        await reader.ReadAsync(token).ConfigureAwait(false);
                        OutboxCounts counts = Counts(reader);
                        await reader.NextResultAsync(token).ConfigureAwait(false);
                        List<OutboxSwitch> switches = [];
                        while (await reader.ReadAsync(token).ConfigureAwait(false))
                        {
                            switches.Add(PostgreSqlOutboxSwitchTable.Row(reader));
                        }

                        await reader.NextResultAsync(token).ConfigureAwait(false);
                        return (counts, switches);
                    }
                }
            },
            cancellationToken);

    internal override async ValueTask<int> PurgeAsync(CancellationToken cancellationToken)
    {
        int purged = await PurgeAsync(_sql.PurgeDead, ExpiringTable.PurgeBatchSize, cancellationToken).ConfigureAwait(false);
        purged += await PurgeAsync(_sql.PurgeBindings, ExpiringTable.PurgeBatchSize - purged, cancellationToken).ConfigureAwait(false);
        purged += await PurgeDeliveredAsync(ExpiringTable.PurgeBatchSize - purged, cancellationToken).ConfigureAwait(false);
        purged += await PurgeAsync(_sql.PurgeSwitches, ExpiringTable.PurgeBatchSize - purged, cancellationToken).ConfigureAwait(false);
        if (!_wereStreamsPurged || _time.GetElapsedTime(_streamsPurgedAt) >= StreamPurgePeriod)
        {
            int room = ExpiringTable.PurgeBatchSize - purged;
            int streams = await PurgeAsync(_sql.PurgeStreams, room, cancellationToken).ConfigureAwait(false);
            purged += streams;
            _wereStreamsPurged = streams < room;
            _streamsPurgedAt = _time.GetTimestamp();
        }

        return purged;
    }

    internal override ValueTask<IReadOnlyList<WaitingWebhook>> ListWaitingAsync(
        int limit, Func<OutboxWaitingRow, WaitingWebhook> describe, CancellationToken cancellationToken) =>
        RepeatableAsync<IReadOnlyList<WaitingWebhook>>(
            async (connection, token) => await connection.Command(_sql.ListWaiting).With(DbType.Int64, (long)limit).AllAsync(
                reader => describe(WaitingRow(reader)), token).ConfigureAwait(false),
            cancellationToken);

    internal override async ValueTask<IReadOnlyList<T>> ListParkedEndpointsAsync<T>(
        int limit, Func<OutboxWaitingRow, T> describe, CancellationToken cancellationToken)
    {
        List<T> endpoints = [];
        await GuardedAsync(
            _sql.ListParkedEndpoints, limit, () => endpoints.Clear(), reader => endpoints.Add(describe(WaitingRow(reader))),
            cancellationToken).ConfigureAwait(false);
        return endpoints;
    }

    internal override async ValueTask<OutboxWaitingRow?> FindParkedAsync(long endpoint, CancellationToken cancellationToken)
    {
        OutboxWaitingRow? row = null;
        await GuardedAsync(_sql.FindParked, endpoint, () => row = null, reader => row = WaitingRow(reader), cancellationToken)
            .ConfigureAwait(false);
        return row;
    }

    internal override ValueTask<IReadOnlyList<T>> ListParkedByKeyAsync<T>(
        long? keyHash, int limit, Func<OutboxWaitingRow, T> describe, CancellationToken cancellationToken) =>
        RepeatableAsync<IReadOnlyList<T>>(
            async (connection, token) =>
            {
                List<T> rows = [];
                DbBatch batch = connection.GuardedBatch();
                batch.Then(_sql.ListParkedByKey(keyHash)).With(DbType.Int64, (long)limit).WithKey(keyHash);
                await batch.CommitAsync(reader => rows.Add(describe(WaitingRow(reader))), token).ConfigureAwait(false);
                return rows;
            },
            cancellationToken);

    internal override async ValueTask SearchLogAsync(
        long? tenant, int maxRows, long maxBytes, Func<OutboxWaitingRow, bool> isFound, CancellationToken cancellationToken)
    {
        (string Xid, short Lane, long Id) last = ("0", -1, 0);
        long bytes = 0;
        bool hasMore = true;
        for (int read = 0; hasMore && read < maxRows && bytes < maxBytes; read += SearchPageRows)
        {
            (string Xid, short Lane, long Id) after = last;
            int rows = Math.Min(SearchPageRows, maxRows - read);
            hasMore = await RepeatableAsync(
                async (connection, token) =>
                {
                    int seen = 0;
                    bool wasFound = false;
                    DbBatch batch = connection.GuardedBatch();
                    batch.Then(_sql.SearchLog)
                        .With(DbType.String, after.Xid).With(DbType.Int16, after.Lane).With(DbType.Int64, after.Id)
                        .With(DbType.Int64, (long)rows).With(DbType.Int64, tenant);
                    await batch.CommitAsync(
                        reader =>
                        {
                            seen++;
                            last = (reader.GetString(8), reader.GetInt16(1), reader.GetInt64(0));
                            if (!wasFound && !reader.IsDBNull(7))
                            {
                                OutboxWaitingRow row = WaitingRow(reader);
                                bytes += row.Sealed.Length;
                                wasFound = isFound(row);
                            }
                        },
                        token).ConfigureAwait(false);
                    return seen == rows && !wasFound;
                },
                cancellationToken).ConfigureAwait(false);
        }
    }

    internal override ValueTask<IReadOnlyList<OutboxWorkerRow>> ListWorkersAsync(CancellationToken cancellationToken) =>
        RepeatableAsync<IReadOnlyList<OutboxWorkerRow>>(
            async (connection, token) => await connection.Command(_sql.ListWorkers).AllAsync(
                static reader => new OutboxWorkerRow(
                    reader.GetGuid(0), reader.GetString(1), TimeSpan.FromMilliseconds(reader.GetInt64(2)), reader.GetBoolean(3),
                    OutboxWorkerRow.LanesOf(reader.GetString(4))),
                token).ConfigureAwait(false),
            cancellationToken);

    internal override ValueTask<IReadOnlyList<long>> CountParkedAsync(
        IReadOnlyList<long> endpoints, int most, CancellationToken cancellationToken) =>
        RepeatableAsync<IReadOnlyList<long>>(
            async (connection, token) =>
            {
                List<long> counts = [];
                DbBatch batch = connection.GuardedBatch();
                batch.Then(_sql.CountParkedOfEndpoints)
                    .With(DbType.String, PostgreSqlCommands.ArrayOf(endpoints, static endpoint => endpoint))
                    .With(DbType.Int64, (long)most);
                await batch.CommitAsync(reader => counts.Add(reader.GetInt64(0)), token).ConfigureAwait(false);
                return counts;
            },
            cancellationToken);

    private static OutboxCounts Counts(DbDataReader reader) => new(
        reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2),
        PostgreSqlCommands.Duration(reader, 3) is { Ticks: >= 0 } oldest ? oldest : null, reader.GetInt32(4), reader.GetInt32(5),
        OutboxFigures.Read(reader, 6));

    private static OutboxWaitingRow WaitingRow(DbDataReader reader) => new(
        reader.GetInt64(0), reader.GetInt16(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetString(4), reader.GetInt32(5),
        DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(6)), reader.GetFieldValue<byte[]>(7));

    /// <summary>Runs a query with one number that must use the keys of the tables.</summary>
    /// <param name="sql">The query.</param>
    /// <param name="value">Its parameter.</param>
    /// <param name="begin">Called before the rows, again if the query is repeated.</param>
    /// <param name="read">Called for each row.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    private async ValueTask GuardedAsync(
        string sql, long value, Action begin, Action<DbDataReader> read, CancellationToken cancellationToken) =>
        await RepeatableAsync(
            async (connection, token) =>
            {
                begin();
                DbBatch batch = connection.GuardedBatch();
                batch.Then(sql).With(DbType.Int64, value);
                await batch.CommitAsync(read, token).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);

    /// <summary>
    /// Deletes delivery ids of delivered webhooks. Each is looked up in the log and the parked rows, which must not be read as a whole.
    /// </summary>
    private async ValueTask<int> PurgeDeliveredAsync(int most, CancellationToken cancellationToken)
    {
        int purged = 0;
        if (most > 0)
        {
            await GuardedAsync(_sql.PurgeDelivered, most, () => purged = 0, _ => purged++, cancellationToken).ConfigureAwait(false);
        }

        return purged;
    }

    private async ValueTask<int> PurgeAsync(string sql, int most, CancellationToken cancellationToken) => most == 0
        ? 0
        : await RepeatableAsync(
            (connection, token) => connection.Command(sql).With(DbType.Int64, (long)most).ExecuteAsync(token),
            cancellationToken).ConfigureAwait(false);
}
