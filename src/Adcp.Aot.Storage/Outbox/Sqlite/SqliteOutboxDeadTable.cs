using System.Data.Common;
using System.Globalization;
using System.Text.Json;

namespace Adcp.Aot.Storage;

/// <summary>The dead letters on SQLite.</summary>
internal sealed class SqliteOutboxDeadTable(SqliteOutboxDatabase database, SqliteOutboxWriter writer, SqliteOutboxStatements sql)
    : OutboxDeadTable
{
    internal override ValueTask<IReadOnlyList<OutboxDeadRow>> ListAsync(
        OutboxDeadFilter filter, long before, int limit, CancellationToken cancellationToken) =>
        ReadAsync(sql.ListDead(filter), [before, .. Values(filter, limit)], Row, cancellationToken);

    internal override ValueTask<IReadOnlyList<long>> ListIdsAsync(
        OutboxDeadFilter filter, long before, int limit, CancellationToken cancellationToken) =>
        ReadAsync(
            sql.ListDeadIds(filter), [before, .. Values(filter, limit)], static reader => reader.GetInt64(0), cancellationToken);

    internal override ValueTask<IReadOnlyList<OutboxDeadRow>> ListByKeyAsync(
        long? keyHash, int limit, CancellationToken cancellationToken) =>
        ReadAsync(sql.ListDeadByKey, [keyHash, (long)limit], Row, cancellationToken);

    /// <summary>Counts exactly: an index of a million rows is counted within milliseconds.</summary>
    internal override ValueTask<(long Count, bool IsEstimate)> CountAsync(
        OutboxDeadFilter filter, int exact, CancellationToken cancellationToken) =>
        Read(
            session => (session.Number(sql.CountDead(filter), [null, null, .. Values(filter, null)]), false),
            cancellationToken);

    internal override ValueTask<IReadOnlyList<(long Count, bool IsEstimate)>> CountReasonsAsync(
        IReadOnlyList<string> reasons, int exact, CancellationToken cancellationToken) =>
        Read<IReadOnlyList<(long Count, bool IsEstimate)>>(
            session =>
            {
                List<long> counts = [];
                using (DbDataReader reader = session.Read(sql.CountReasons, Json(reasons), exact + 1L))
                {
                    while (reader.Read())
                    {
                        counts.Add(reader.GetInt64(0));
                    }
                }

                int[] many = [.. Enumerable.Range(0, counts.Count).Where(reason => counts[reason] > exact)];
                if (many.Length == 0)
                {
                    return [.. counts.Select(static count => (count, false))];
                }

                // All rows are counted by the pages of an index, a hundred times as fast as those of a reason.
                (long[] shares, long dead) = many.Length == 1
                    ? ([1], session.Number(sql.CountDead(new OutboxDeadFilter(null, null, null))))
                    : Shares(session, [.. many.Select(reason => reasons[reason])]);
                long rest = dead - counts.Where((_, reason) => !many.Contains(reason)).Sum();
                double all = Math.Max(shares.Sum(), 1);
                for (int i = 0; i < many.Length; i++)
                {
                    counts[many[i]] = Math.Max(counts[many[i]], (long)(rest * (shares[i] / all)));
                }

                return [.. counts.Select((count, reason) => (count, many.Length > 1 && many.Contains(reason)))];
            },
            cancellationToken);

    internal override ValueTask<OutboxRedriven> RedriveAsync(
        IReadOnlyList<OutboxRedrive> redrives, CancellationToken cancellationToken) => writer.RunAsync(
        session =>
        {
            long now = session.Now();
            HashSet<long> moved = [];
            long first = 0, last = 0;
            foreach (OutboxRedrive row in redrives)
            {
                int added = row.Renewal is { } renewal
                    ? session.Execute(sql.RedriveNew, now, row.Id, renewal.KeyId, renewal.Sealed)
                    : session.Execute(sql.Redrive, now, row.Id);
                if (added == 0)
                {
                    continue;
                }

                last = session.Number(SqliteOutboxStatements.LastId);
                first = moved.Count == 0 ? last : first;
                moved.Add(row.Id);
                if (session.Scalar(sql.DeleteDead, row.Id) is byte[] binding)
                {
                    session.Execute(sql.LetBindingWait, binding);
                }
            }

            return new OutboxRedriven(moved, first, last);
        },
        redrives.Count, redrives.Sum(static row => row.Renewal?.Sealed.Length ?? 0L), cancellationToken);

    internal override ValueTask<int> CountLeftAsync(OutboxRedriven redriven, CancellationToken cancellationToken) =>
        Read(session => (int)session.Number(sql.CountLeft, redriven.First, redriven.Last), cancellationToken);

    internal override ValueTask<int> CountOthersAsync(OutboxRedriven redriven, int most, CancellationToken cancellationToken) =>
        Read(session => (int)session.Number(sql.CountOthers, redriven.First, redriven.Last, (long)most), cancellationToken);

    internal override ValueTask<int> DiscardAsync(IReadOnlyList<long> ids, CancellationToken cancellationToken) =>
        writer.RunAsync(session => session.Execute(sql.Discard, Json(ids)), ids.Count, 0, cancellationToken);

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

    /// <summary>Counts the rows of each reason in a sample, and all dead letters.</summary>
    private (long[] Shares, long Dead) Shares(SqliteOutboxSession session, string[] reasons)
    {
        long[] shares = new long[reasons.Length];
        long dead = 0;
        using DbDataReader reader = session.Read(sql.SampleReasons, Json(reasons));
        while (reader.Read())
        {
            shares[Array.IndexOf(reasons, reader.GetString(0))] = reader.GetInt64(1);
            dead = reader.GetInt64(2);
        }

        return (shares, dead);
    }

    /// <summary>Reads dead letters. The first parameter of the statement is the time, and <paramref name="values"/> follow.</summary>
    private ValueTask<IReadOnlyList<T>> ReadAsync<T>(
        string statement, object?[] values, Func<DbDataReader, T> read, CancellationToken cancellationToken) =>
        Read<IReadOnlyList<T>>(
            session =>
            {
                List<T> rows = [];
                using DbDataReader reader = session.Read(statement, [session.Now(), .. values]);
                while (reader.Read())
                {
                    rows.Add(read(reader));
                }

                return rows;
            },
            cancellationToken);

    private static OutboxDeadRow Row(DbDataReader reader) => new(
        reader.GetInt64(0), reader.GetInt16(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetString(4), (byte[])reader.GetValue(5),
        reader.GetInt32(6), reader.GetString(7), reader.GetInt32(8), reader.Time(9)!.Value, reader.Time(10), reader.Time(11)!.Value,
        reader.GetInt64(12) != 0);

    /// <summary>Returns the parameters of a query from the third one on.</summary>
    private static object?[] Values(OutboxDeadFilter filter, long? limit) =>
    [
        filter.Tenant, filter.Endpoint, filter.Reason, limit, filter.NotificationType, filter.Ids is { } ids ? Json(ids) : null,
    ];

    /// <summary>Returns a list of texts as JSON.</summary>
    private static string Json(IEnumerable<string> values) =>
        "[" + string.Join(',', values.Select(static value => $"\"{JsonEncodedText.Encode(value)}\"")) + "]";

    /// <summary>Returns a list of numbers as JSON.</summary>
    internal static string Json(IEnumerable<long> values) =>
        "[" + string.Join(',', values.Select(static value => value.ToString(CultureInfo.InvariantCulture))) + "]";
}
