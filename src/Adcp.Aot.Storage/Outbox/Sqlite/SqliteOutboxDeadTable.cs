using System.Data.Common;
using System.Globalization;

namespace Adcp.Aot.Storage;

/// <summary>The dead letters on SQLite.</summary>
internal sealed class SqliteOutboxDeadTable(SqliteOutboxDatabase database, SqliteOutboxWriter writer, SqliteOutboxStatements sql)
    : OutboxDeadTable
{
    internal override ValueTask<IReadOnlyList<OutboxDeadRow>> ListAsync(
        OutboxDeadFilter filter, long before, int limit, CancellationToken cancellationToken) =>
        Read<IReadOnlyList<OutboxDeadRow>>(session => List(session, filter, before, limit), cancellationToken);

    internal override ValueTask<OutboxDeadSpan> CountAsync(
        OutboxDeadFilter filter, int most, CancellationToken cancellationToken) =>
        Read(session => Count(session, filter, most), cancellationToken);

    internal override ValueTask<IReadOnlyList<OutboxDeadSpan>> CountReasonsAsync(
        IReadOnlyList<string> reasons, int most, CancellationToken cancellationToken) =>
        Read<IReadOnlyList<OutboxDeadSpan>>(
            session => [.. reasons.Select(reason => Count(session, new OutboxDeadFilter(null, null, reason), most))], cancellationToken);

    internal override ValueTask<IReadOnlySet<long>> RedriveAsync(
        IReadOnlyList<OutboxRedrive> redrives, CancellationToken cancellationToken) => writer.RunAsync<IReadOnlySet<long>>(
        session =>
        {
            long now = session.Now();
            HashSet<long> moved = [];
            foreach (OutboxRedrive row in redrives)
            {
                if (session.Execute(sql.Redrive, now, row.Id, row.KeyId, row.IsNew ? 1L : 0L, row.Sealed) == 0)
                {
                    continue;
                }

                moved.Add(row.Id);
                if (session.Scalar(sql.DeleteDead, row.Id) is byte[] binding)
                {
                    session.Execute(sql.SetBinding, (long)OutboxBindingState.Waiting, binding);
                }
            }

            return moved;
        },
        redrives.Count, redrives.Sum(static row => (long)row.Sealed.Length), cancellationToken);

    internal override ValueTask<int> DiscardAsync(IReadOnlyList<long> ids, CancellationToken cancellationToken) =>
        writer.RunAsync(session => session.Execute(sql.Discard, Json(ids)), ids.Count, 0, cancellationToken);

    private OutboxDeadSpan Count(SqliteOutboxSession session, OutboxDeadFilter filter, int most)
    {
        using DbDataReader reader = filter.Ids is { } ids
            ? session.Read(sql.CountDeadOfIds, Json(ids))
            : session.Read(sql.CountDead(filter), null, null, filter.Tenant, filter.Endpoint, filter.Reason, (long)most);
        reader.Read();
        return new OutboxDeadSpan(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3));
    }

    private ValueTask<T> Read<T>(Func<SqliteOutboxSession, T> read, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        SqliteOutboxSession session = database.OpenReader();
        try
        {
            return ValueTask.FromResult(read(session));
        }
        finally
        {
            session.Close();
        }
    }

    private List<OutboxDeadRow> List(SqliteOutboxSession session, OutboxDeadFilter filter, long before, int limit)
    {
        List<OutboxDeadRow> rows = [];
        using DbDataReader reader = filter.Ids is { } ids
            ? session.Read(sql.ListDeadOfIds, session.Now(), before, Json(ids), (long)limit)
            : session.Read(sql.ListDead(filter), session.Now(), before, filter.Tenant, filter.Endpoint, filter.Reason, (long)limit);
        while (reader.Read())
        {
            rows.Add(new OutboxDeadRow(
                reader.GetInt64(0), reader.GetInt16(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetString(4),
                (byte[])reader.GetValue(5), reader.GetInt32(6), reader.GetString(7), reader.GetInt32(8),
                reader.Time(9)!.Value, reader.Time(10), reader.Time(11)!.Value, reader.GetInt64(12) != 0));
        }

        return rows;
    }

    /// <summary>Returns a list of numbers as JSON.</summary>
    private static string Json(IEnumerable<long> values) =>
        "[" + string.Join(',', values.Select(static value => value.ToString(CultureInfo.InvariantCulture))) + "]";
}
