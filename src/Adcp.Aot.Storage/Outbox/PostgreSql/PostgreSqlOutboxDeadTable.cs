using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Text.Json;

namespace Adcp.Aot.Storage;

/// <summary>The dead letters on PostgreSQL.</summary>
internal sealed class PostgreSqlOutboxDeadTable(StoreDatabase database, PostgreSqlStoreStatements sql) : OutboxDeadTable
{
    internal override ValueTask<IReadOnlyList<OutboxDeadRow>> ListAsync(
        OutboxDeadFilter filter, long before, int limit, CancellationToken cancellationToken) =>
        ReadAsync(sql.ListDead(filter), filter, before, limit, Row, cancellationToken);

    internal override ValueTask<IReadOnlyList<long>> ListIdsAsync(
        OutboxDeadFilter filter, long before, int limit, CancellationToken cancellationToken) =>
        ReadAsync(sql.ListDeadIds(filter), filter, before, limit, static reader => reader.GetInt64(0), cancellationToken);

    internal override ValueTask<IReadOnlyList<OutboxDeadRow>> ListByKeyAsync(
        long? keyHash, int limit, CancellationToken cancellationToken) =>
        PostgreSqlOutboxConnection.OnceAsync<IReadOnlyList<OutboxDeadRow>>(
            database,
            mayRepeat: true,
            async (connection, token) =>
            {
                List<OutboxDeadRow> rows = [];
                DbBatch batch = connection.GuardedBatch();
                batch.Then(sql.ListDeadByKey(keyHash)).With(DbType.Int64, (long)limit).WithKey(keyHash);
                await batch.CommitAsync(reader => rows.Add(Row(reader)), token).ConfigureAwait(false);
                return rows;
            },
            cancellationToken);

    internal override ValueTask<OutboxRedriven> RedriveAsync(
        IReadOnlyList<OutboxRedrive> redrives, CancellationToken cancellationToken) =>

        // Not repeated after a fault: the caller asks which dead letters are left.
        PostgreSqlOutboxConnection.OnceAsync(
            database,
            mayRepeat: false,
            async (connection, token) =>
            {
                HashSet<long> moved = [];
                long transaction = 0;
                DbBatch batch = connection.GuardedBatch();
                OutboxRedrive[] same = [.. redrives.Where(static row => row.Renewal is null)];
                if (same.Length < redrives.Count)
                {
                    // In one order, so that two calls, or a call and a discard, never wait for each other in a circle.
                    batch.Then(sql.LockDead).With(DbType.String, PostgreSqlCommands.ArrayOf(redrives, static row => row.Id));
                }

                if (same.Length > 0)
                {
                    batch.Then(sql.Redrive).With(DbType.String, PostgreSqlCommands.ArrayOf(same, static row => row.Id));
                }

                foreach (OutboxRedrive row in redrives.Except(same))
                {
                    batch.Then(sql.RedriveNew)
                        .With(DbType.Int64, row.Id)
                        .With(DbType.String, row.Renewal!.KeyId)
                        .With(DbType.Binary, row.Renewal.Sealed);
                }

                await batch.CommitAsync(
                    reader =>
                    {
                        moved.Add(reader.GetInt64(0));
                        transaction = long.Parse(reader.GetString(1), NumberStyles.None, CultureInfo.InvariantCulture);
                    },
                    token).ConfigureAwait(false);
                return new OutboxRedriven(moved, transaction, transaction);
            },
            cancellationToken);

    internal override ValueTask<int> CountLeftAsync(OutboxRedriven redriven, CancellationToken cancellationToken) =>
        CountLogAsync(redriven, sql.CountLeft, null, cancellationToken);

    internal override ValueTask<int> CountOthersAsync(OutboxRedriven redriven, int most, CancellationToken cancellationToken) =>
        CountLogAsync(redriven, sql.CountOthers, most, cancellationToken);

    internal override ValueTask<int> DiscardAsync(IReadOnlyList<long> ids, CancellationToken cancellationToken) =>
        PostgreSqlOutboxConnection.OnceAsync(
            database,
            mayRepeat: false,
            (connection, token) => connection.Command(sql.Discard)
                .With(DbType.String, PostgreSqlCommands.ArrayOf([.. ids.Order()], static id => id)).ExecuteAsync(token),
            cancellationToken);

    internal override ValueTask<(long Count, bool IsEstimate)> CountAsync(
        OutboxDeadFilter filter, int exact, CancellationToken cancellationToken) =>
        PostgreSqlOutboxConnection.OnceAsync(
            database,
            mayRepeat: true,
            async (connection, token) =>
            {
                DbCommand count = connection.Command(sql.CountDead(filter)).With(DbType.Int64, exact + 1L);
                Add(count, filter);
                long counted = await count.OneAsync(static reader => reader.GetInt64(0), token).ConfigureAwait(false);
                if (counted <= exact)
                {
                    return (counted, false);
                }

                DbCommand estimate = connection.Command(sql.EstimateDead(filter));
                Add(estimate, filter);
                return (Math.Max(counted, (await RowsAsync(estimate, 1, token).ConfigureAwait(false))[0]), true);
            },
            cancellationToken);

    internal override ValueTask<IReadOnlyList<(long Count, bool IsEstimate)>> CountReasonsAsync(
        IReadOnlyList<string> reasons, int exact, CancellationToken cancellationToken) =>
        PostgreSqlOutboxConnection.OnceAsync<IReadOnlyList<(long Count, bool IsEstimate)>>(
            database,
            mayRepeat: true,
            async (connection, token) =>
            {
                // The planner takes each reason for a frequent one and would read the whole table for one that has no rows.
                List<long> counted = [];
                DbBatch batch = connection.GuardedBatch();
                batch.Then(sql.CountReasons)
                    .With(DbType.String, PostgreSqlCommands.ArrayOf(reasons, static reason => reason)).With(DbType.Int64, exact + 1L);
                await batch.CommitAsync(reader => counted.Add(reader.GetInt64(0)), token).ConfigureAwait(false);
                int[] many = [.. Enumerable.Range(0, reasons.Count).Where(reason => counted[reason] > exact)];
                if (many.Length > 0)
                {
                    DbCommand estimate = connection.Command(sql.EstimateReasons(many.Length));
                    Array.ForEach(many, reason => estimate.With(DbType.String, reasons[reason]));
                    long[] rows = await RowsAsync(estimate, many.Length, token).ConfigureAwait(false);
                    for (int i = 0; i < many.Length; i++)
                    {
                        counted[many[i]] = Math.Max(counted[many[i]], rows[i]);
                    }
                }

                return [.. counted.Select(count => (count, count > exact))];
            },
            cancellationToken);

    private ValueTask<int> CountLogAsync(OutboxRedriven redriven, string count, long? most, CancellationToken cancellationToken) =>
        PostgreSqlOutboxConnection.OnceAsync(
            database,
            mayRepeat: true,
            async (connection, token) =>
            {
                int counted = 0;
                DbBatch batch = connection.GuardedBatch();
                DbBatchCommand command =
                    batch.Then(count).With(DbType.String, redriven.First.ToString(CultureInfo.InvariantCulture));
                if (most is not null)
                {
                    command.With(DbType.Int64, most);
                }

                await batch.CommitAsync(reader => counted = reader.GetInt32(0), token).ConfigureAwait(false);
                return counted;
            },
            cancellationToken);

    /// <summary>Reads a page of dead letters.</summary>
    private ValueTask<IReadOnlyList<T>> ReadAsync<T>(
        string statement, OutboxDeadFilter filter, long before, int limit, Func<DbDataReader, T> read,
        CancellationToken cancellationToken) =>
        PostgreSqlOutboxConnection.OnceAsync<IReadOnlyList<T>>(
            database,
            mayRepeat: true,
            async (connection, token) =>
            {
                DbCommand command = connection.Command(statement).With(DbType.Int64, before).With(DbType.Int64, (long)limit);
                Add(command, filter);
                return await command.AllAsync(read, token).ConfigureAwait(false);
            },
            cancellationToken);

    /// <summary>Returns the rows that a plan expects, for each of its parts if it has several.</summary>
    private static async ValueTask<long[]> RowsAsync(DbCommand explain, int parts, CancellationToken cancellationToken)
    {
        string plan = (await explain.OneAsync(static reader => reader.GetString(0), cancellationToken).ConfigureAwait(false))!;
        using JsonDocument json = JsonDocument.Parse(plan);
        JsonElement root = json.RootElement[0].GetProperty("Plan");
        JsonElement[] plans = parts == 1 ? [root] : [.. root.GetProperty("Plans").EnumerateArray()];
        return [.. plans.Select(static part => (long)part.GetProperty("Plan Rows").GetDouble())];
    }

    private static void Add(DbCommand command, OutboxDeadFilter filter)
    {
        foreach (long? hash in new[] { filter.Tenant, filter.Endpoint, filter.NotificationType })
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

        if (filter.Ids is { } ids)
        {
            command.With(DbType.String, PostgreSqlCommands.ArrayOf(ids, static id => id));
        }
    }

    private static OutboxDeadRow Row(DbDataReader reader) => new(
        reader.GetInt64(0), reader.GetInt16(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetString(4),
        reader.GetFieldValue<byte[]>(5), reader.GetInt32(6), reader.GetString(7), reader.GetInt32(8), Time(reader, 9)!.Value,
        Time(reader, 10), Time(reader, 11)!.Value, reader.GetBoolean(12));

    private static DateTimeOffset? Time(DbDataReader reader, int column) =>
        reader.IsDBNull(column) ? null : DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(column));
}
