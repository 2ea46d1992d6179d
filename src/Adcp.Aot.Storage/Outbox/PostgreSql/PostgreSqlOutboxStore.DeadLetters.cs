using System.Data;
using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <content>Counts, dead letters and purge.</content>
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
                    reader.GetInt32(5), reader.GetFieldValue<byte[]>(6))),
                token).ConfigureAwait(false),
            cancellationToken);

    internal override ValueTask<IReadOnlyList<OutboxDeadRow>> ListDeadAsync(
        OutboxDeadFilter filter, long before, int limit, CancellationToken cancellationToken) =>
        RepeatableAsync<IReadOnlyList<OutboxDeadRow>>(
            async (connection, token) =>
            {
                DbCommand command = connection.Command(_sql.ListDead(filter)).With(DbType.Int64, before).With(DbType.Int64, (long)limit);
                foreach (long? hash in new[] { filter.Tenant, filter.Endpoint })
                {
                    if (hash is not null)
                    {
                        command.With(DbType.Int64, hash);
                    }
                }

                if (filter.Reason is not null)
                {
                    command.With(DbType.String, filter.Reason);
                }

                return await command.AllAsync(Dead, token).ConfigureAwait(false);
            },
            cancellationToken);

    internal override async ValueTask<int> RedriveAsync(IReadOnlyList<OutboxDeadRow> rows, CancellationToken cancellationToken)
    {
        if (rows.Count == 0)
        {
            return 0;
        }

        // Not repeated after a fault: the caller asks which dead letters are left.
        return await PostgreSqlOutboxConnection.OnceAsync(
            _database,
            mayRepeat: false,
            async (connection, token) =>
            {
                int moved = 0;
                DbBatch batch = connection.GuardedBatch();
                foreach (OutboxDeadRow row in rows.OrderBy(static row => row.Id))
                {
                    batch.Then(_sql.Redrive)
                        .With(DbType.Int64, row.Id)
                        .With(DbType.Int32, row.Attempts)
                        .With(DbType.Boolean, row.FirstAttemptAt is not null)
                        .With(DbType.String, row.KeyId)
                        .With(DbType.Binary, row.Sealed);
                }

                await batch.CommitAsync(_ => moved++, token).ConfigureAwait(false);
                return moved;
            },
            cancellationToken).ConfigureAwait(false);
    }

    internal override ValueTask<int> DiscardAsync(IReadOnlyList<long> ids, CancellationToken cancellationToken) =>
        PostgreSqlOutboxConnection.OnceAsync(
            _database,
            mayRepeat: false,
            (connection, token) => connection.Command(_sql.Discard)
                .With(DbType.String, PostgreSqlCommands.ArrayOf([.. ids.Order()], static id => id)).ExecuteAsync(token),
            cancellationToken);

    private static OutboxDeadRow Dead(DbDataReader reader) => new(
        reader.GetInt64(0), reader.GetInt16(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetString(4),
        reader.GetFieldValue<byte[]>(5), reader.GetInt32(6), reader.GetString(7), reader.GetInt32(8), Time(reader, 9)!.Value,
        Time(reader, 10), Time(reader, 11)!.Value, reader.GetBoolean(12));

    private static DateTimeOffset? Time(DbDataReader reader, int column) =>
        reader.IsDBNull(column) ? null : DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(column));

    private async ValueTask<int> PurgeAsync(string sql, int most, CancellationToken cancellationToken) => most == 0
        ? 0
        : await RepeatableAsync(
            (connection, token) => connection.Command(sql).With(DbType.Int64, (long)most).ExecuteAsync(token),
            cancellationToken).ConfigureAwait(false);
}
