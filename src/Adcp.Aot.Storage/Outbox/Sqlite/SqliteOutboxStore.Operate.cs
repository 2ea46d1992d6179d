using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>The part that operators use: counts and cleaning.</summary>
internal sealed partial class SqliteOutboxStore
{
    internal override ValueTask<OutboxCounts> CountAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult(Read(Count, cancellationToken));

    internal override ValueTask<int> PurgeAsync(CancellationToken cancellationToken) => WriteAsync(
        session =>
        {
            long now = session.Now();
            int purged = 0;
            foreach (string sql in _sql.Purges)
            {
                purged += session.Execute(sql, now, (long)(MaxPurged - purged), StreamKept);
            }

            return purged;
        },
        cancellationToken);

    internal override ValueTask<IReadOnlyList<WaitingWebhook>> ListWaitingAsync(
        int limit, Func<OutboxWaitingRow, WaitingWebhook> describe, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<WaitingWebhook>>(Read(
            session =>
            {
                List<WaitingWebhook> rows = [];
                using DbDataReader reader = session.Read(_sql.ListWaiting, (long)limit);
                while (reader.Read())
                {
                    rows.Add(describe(WaitingRow(reader)));
                }

                return rows;
            },
            cancellationToken));

    internal override ValueTask<IReadOnlyList<T>> ListParkedEndpointsAsync<T>(
        int limit, Func<OutboxWaitingRow, T> describe, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<T>>(Read(
            session =>
            {
                List<T> endpoints = [];
                for (short lane = 0; lane < OutboxLanes.Count; lane++)
                {
                    long next = long.MinValue;
                    while (endpoints.Count < limit && NextParkedEndpoint(session, lane, next) is { } endpoint)
                    {
                        using (DbDataReader reader = session.Read(_sql.FirstParkedRow, (long)lane, endpoint))
                        {
                            if (reader.Read())
                            {
                                endpoints.Add(describe(WaitingRow(reader)));
                            }
                        }

                        if (endpoint == long.MaxValue)
                        {
                            break;
                        }

                        next = endpoint + 1;
                    }
                }

                return endpoints;
            },
            cancellationToken));

    internal override ValueTask<IReadOnlyList<long>> CountParkedAsync(
        IReadOnlyList<long> endpoints, int most, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<long>>(Read(
            session =>
            {
                List<long> counts = [];
                using DbDataReader reader = session.Read(
                    _sql.CountParkedOfEndpoints, SqliteOutboxDeadTable.Json(endpoints), (long)most);
                while (reader.Read())
                {
                    counts.Add(reader.GetInt64(0));
                }

                return counts;
            },
            cancellationToken));

    internal override ValueTask<OutboxWaitingRow?> FindParkedAsync(long endpoint, CancellationToken cancellationToken) =>
        ValueTask.FromResult(Read(
            session =>
            {
                using DbDataReader reader = session.Read(_sql.FindParked, endpoint);
                return reader.Read() ? WaitingRow(reader) : null;
            },
            cancellationToken));

    internal override ValueTask<IReadOnlyList<T>> ListParkedByKeyAsync<T>(
        long? keyHash, int limit, Func<OutboxWaitingRow, T> describe, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<T>>(Read(
            session =>
            {
                List<T> rows = [];
                using DbDataReader reader = session.Read(_sql.ListParkedByKey, keyHash, (long)limit);
                while (reader.Read())
                {
                    rows.Add(describe(WaitingRow(reader)));
                }

                return rows;
            },
            cancellationToken));

    internal override ValueTask SearchLogAsync(
        long? tenant, int maxRows, long maxBytes, Func<OutboxWaitingRow, bool> isFound, CancellationToken cancellationToken)
    {
        // It takes up to seconds, and the driver is synchronous.
        return new(Task.Run(() => Read(Search, cancellationToken), cancellationToken));

        bool Search(SqliteOutboxSession session)
        {
            long bytes = 0;
            using DbDataReader reader = session.Read(_sql.SearchLog, tenant, (long)maxRows);
            while (bytes < maxBytes && reader.Read())
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (reader.IsDBNull(7))
                {
                    continue;
                }

                OutboxWaitingRow row = WaitingRow(reader);
                bytes += row.Sealed.Length;
                if (isFound(row))
                {
                    return true;
                }
            }

            return false;
        }
    }

    internal override ValueTask<IReadOnlyList<OutboxWorkerRow>> ListWorkersAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<OutboxWorkerRow>>(Read(
            session =>
            {
                List<OutboxWorkerRow> rows = [];
                using DbDataReader reader = session.Read(_sql.ListWorkers, session.Now());
                while (reader.Read())
                {
                    rows.Add(new OutboxWorkerRow(
                        new Guid((byte[])reader.GetValue(0)), reader.GetString(1), TimeSpan.FromMilliseconds(reader.GetInt64(2)),
                        reader.GetInt64(3) != 0, OutboxWorkerRow.LanesOf(reader.GetString(4))));
                }

                return rows;
            },
            cancellationToken));

    /// <summary>
    /// Counts. A long log is not counted row by row: the number of ids that it spans is at least the number of its rows, and nearly that,
    /// because its oldest rows are settled first.
    /// </summary>
    private OutboxCounts Count(SqliteOutboxSession session)
    {
        OutboxCounts counts;
        using (DbDataReader reader = session.Read(_sql.Counts, (long)MaxCounted + 1))
        {
            reader.Read();
            long oldest = Math.Min(
                reader.IsDBNull(3) ? long.MaxValue : reader.GetInt64(3), reader.IsDBNull(4) ? long.MaxValue : reader.GetInt64(4));
            counts = new OutboxCounts(
                reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2),
                oldest == long.MaxValue ? null : Time(reader.GetInt64(7) - oldest), reader.GetInt32(5), reader.GetInt32(6),
                OutboxFigures.Read(reader, 8));
        }

        return counts.Waiting > MaxCounted ? counts with { Waiting = session.Number(_sql.SpanOfLog) } : counts;
    }

    private static OutboxWaitingRow WaitingRow(DbDataReader reader) => new(
        reader.GetInt64(0), reader.GetInt16(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetString(4), reader.GetInt32(5),
        reader.Time(6)!.Value, (byte[])reader.GetValue(7));

    /// <summary>Returns the first endpoint of a lane that has parked rows, from a given one on.</summary>
    private long? NextParkedEndpoint(SqliteOutboxSession session, short lane, long from)
    {
        using DbDataReader reader = session.Read(_sql.NextParkedEndpoint, (long)lane, from);
        return reader.Read() ? reader.GetInt64(0) : null;
    }

    private T Read<T>(Func<SqliteOutboxSession, T> read, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        SqliteOutboxSession session = _database.OpenReader();
        try
        {
            return read(session);
        }
        finally
        {
            session.Close();
        }
    }
}
