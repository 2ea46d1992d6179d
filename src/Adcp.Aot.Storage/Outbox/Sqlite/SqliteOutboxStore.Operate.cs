using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>The part that operators use: counts, dead letters and cleaning.</summary>
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
                    rows.Add(describe(new OutboxWaitingRow(
                        reader.GetInt64(0), reader.GetInt16(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetString(4),
                        reader.GetInt32(5), (byte[])reader.GetValue(6))));
                }

                return rows;
            },
            cancellationToken));

    internal override ValueTask<IReadOnlyList<OutboxDeadRow>> ListDeadAsync(
        OutboxDeadFilter filter, long before, int limit, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<OutboxDeadRow>>(Read(session => ListDead(session, filter, before, limit), cancellationToken));

    internal override ValueTask<int> RedriveAsync(
        IReadOnlyList<OutboxDeadRow> rows, CancellationToken cancellationToken) => _writer.RunAsync(
        session =>
        {
            long now = session.Now();
            int moved = 0;
            foreach (OutboxDeadRow row in rows)
            {
                moved += session.Execute(
                    _sql.Redrive, now, row.Id, row.KeyId, (long)row.Attempts, row.FirstAttemptAt?.ToUnixTimeMilliseconds(), row.Sealed);
                if (session.Scalar(_sql.DeleteDead, row.Id) is byte[] binding)
                {
                    session.Execute(_sql.SetBinding, (long)OutboxBindingState.Waiting, binding);
                }
            }

            return moved;
        },
        rows.Count, rows.Sum(static row => (long)row.Sealed.Length), cancellationToken);

    internal override ValueTask<int> DiscardAsync(IReadOnlyList<long> ids, CancellationToken cancellationToken) =>
        _writer.RunAsync(session => session.Execute(_sql.Discard, Json(ids)), ids.Count, 0, cancellationToken);

    /// <summary>
    /// Counts. A long log is not counted row by row: the number of ids that it spans is at least the number of its rows, and nearly that,
    /// because its oldest rows are settled first.
    /// </summary>
    private OutboxCounts Count(SqliteOutboxSession session)
    {
        long now = session.Now();
        long waiting = session.Number(_sql.CountLog, (long)MaxCounted + 1);
        if (waiting > MaxCounted)
        {
            waiting = session.Number(_sql.SpanOfLog);
        }

        using DbDataReader reader = session.Read(_sql.Counts, now);
        reader.Read();
        long oldest = Math.Min(
            reader.IsDBNull(2) ? long.MaxValue : reader.GetInt64(2), reader.IsDBNull(3) ? long.MaxValue : reader.GetInt64(3));
        return new OutboxCounts(
            waiting, reader.GetInt64(0), reader.GetInt64(1), oldest == long.MaxValue ? null : Time(now - oldest), reader.GetInt32(4),
            reader.GetInt32(5));
    }

    private List<OutboxDeadRow> ListDead(SqliteOutboxSession session, OutboxDeadFilter filter, long before, int limit)
    {
        List<OutboxDeadRow> rows = [];
        using DbDataReader reader =
            session.Read(_sql.ListDead, session.Now(), before, filter.Tenant, filter.Endpoint, filter.Reason, (long)limit);
        while (reader.Read())
        {
            rows.Add(new OutboxDeadRow(
                reader.GetInt64(0), reader.GetInt16(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetString(4),
                (byte[])reader.GetValue(5), reader.GetInt32(6), reader.GetString(7), reader.GetInt32(8),
                reader.Time(9)!.Value, reader.Time(10), reader.Time(11)!.Value, reader.GetInt64(12) != 0));
        }

        return rows;
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
