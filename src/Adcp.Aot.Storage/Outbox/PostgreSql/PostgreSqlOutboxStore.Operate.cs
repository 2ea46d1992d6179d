using System.Data;

namespace Adcp.Aot.Storage;

/// <content>Counts and purge.</content>
internal sealed partial class PostgreSqlOutboxStore
{
    /// <summary>The table of streams has no index by age, because it would cost each enqueue. It is read once an hour.</summary>
    private static readonly TimeSpan StreamPurgePeriod = TimeSpan.FromHours(1);

    private long _streamsPurgedAt;
    private bool _wereStreamsPurged;

    internal override async ValueTask<OutboxCounts> CountAsync(CancellationToken cancellationToken)
    {
        OutboxCounts? counts = await RepeatableAsync(
            (connection, token) => connection.Command(_sql.Count).OneAsync(
                static reader => new OutboxCounts(
                    reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2),
                    PostgreSqlCommands.Duration(reader, 3) is { Ticks: >= 0 } oldest ? oldest : null,
                    reader.GetInt32(4), reader.GetInt32(5)),
                token),
            cancellationToken).ConfigureAwait(false);
        return counts!;
    }

    internal override async ValueTask<int> PurgeAsync(CancellationToken cancellationToken)
    {
        int purged = await PurgeAsync(_sql.PurgeDead, ExpiringTable.PurgeBatchSize, cancellationToken).ConfigureAwait(false);
        purged += await PurgeAsync(_sql.PurgeBindings, ExpiringTable.PurgeBatchSize - purged, cancellationToken).ConfigureAwait(false);
        purged += await PurgeAsync(_sql.PurgeOrphans, ExpiringTable.PurgeBatchSize - purged, cancellationToken).ConfigureAwait(false);
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
                reader => describe(new OutboxWaitingRow(
                    reader.GetInt64(0), reader.GetInt16(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetString(4),
                    reader.GetInt32(5), DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(6)), reader.GetFieldValue<byte[]>(7))),
                token).ConfigureAwait(false),
            cancellationToken);

    internal override ValueTask<IReadOnlyList<OutboxWorkerRow>> ListWorkersAsync(CancellationToken cancellationToken) =>
        RepeatableAsync<IReadOnlyList<OutboxWorkerRow>>(
            async (connection, token) => await connection.Command(_sql.ListWorkers).AllAsync(
                static reader => new OutboxWorkerRow(
                    reader.GetGuid(0), reader.GetString(1), TimeSpan.FromMilliseconds(reader.GetInt64(2)), reader.GetBoolean(3),
                    OutboxWorkerRow.LanesOf(reader.GetString(4))),
                token).ConfigureAwait(false),
            cancellationToken);

    private async ValueTask<int> PurgeAsync(string sql, int most, CancellationToken cancellationToken) => most == 0
        ? 0
        : await RepeatableAsync(
            (connection, token) => connection.Command(sql).With(DbType.Int64, (long)most).ExecuteAsync(token),
            cancellationToken).ConfigureAwait(false);
}
