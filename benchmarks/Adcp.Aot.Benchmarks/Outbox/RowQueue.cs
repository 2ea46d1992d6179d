using System.Data.Common;
using System.Globalization;
using Adcp.Aot.Storage;
using Npgsql;
using NpgsqlTypes;

namespace Adcp.Aot.Benchmarks.Outbox;

/// <summary>
/// The queue that a team writes by hand: one table, rows leased by <c>SKIP LOCKED</c>, deleted when they are delivered. The lease is the
/// due time, so that rows of a dead process come back by themselves. On SQLite the writer's lock takes the place of row locks.
/// </summary>
/// <param name="source">The database.</param>
/// <param name="dialect">Its dialect.</param>
/// <param name="cipher">Encrypts the bodies; <see langword="null"/> for clear text.</param>
internal sealed class RowQueue(DbDataSource source, SqlDialect dialect, RowCipher? cipher = null) : IAsyncDisposable
{
    private const string Table = "bench_row_queue";
    private const int LeaseSeconds = 30;

    private bool IsPostgreSql => dialect == SqlDialect.PostgreSql;

    internal async Task CreateAsync()
    {
        await RunAsync($"DROP TABLE IF EXISTS {Table}");
        await RunAsync(IsPostgreSql
            ? $"CREATE TABLE {Table} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, due_at bigint NOT NULL, token bigint, "
                + "url text NOT NULL, key text NOT NULL, body bytea NOT NULL) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, "
                + "autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_threshold = -1, "
                + "autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000000, vacuum_truncate = off)"
            : $"CREATE TABLE {Table} (id INTEGER PRIMARY KEY, due_at INTEGER NOT NULL, token INTEGER, url TEXT NOT NULL, "
                + "key TEXT NOT NULL, body BLOB NOT NULL)");
        await RunAsync($"CREATE INDEX {Table}_due ON {Table} (due_at, id)");
    }

    /// <summary>Appends rows in one transaction.</summary>
    internal async Task AppendAsync(IReadOnlyList<PreparedWebhook> webhooks)
    {
        await using DbConnection connection = await source.OpenConnectionAsync();
        await using DbTransaction transaction = await connection.BeginTransactionAsync();
        await using DbCommand command = connection.CreateCommand();
        command.Transaction = transaction;
        string rows = string.Join(", ", Enumerable.Range(0, webhooks.Count).Select(i => IsPostgreSql
            ? string.Create(CultureInfo.InvariantCulture, $"(0, ${(i * 3) + 1}, ${(i * 3) + 2}, ${(i * 3) + 3})")
            : string.Create(CultureInfo.InvariantCulture, $"(0, @p{(i * 3) + 1}, @p{(i * 3) + 2}, @p{(i * 3) + 3})")));
#pragma warning disable CA2100 // No text of a user is in it.
        command.CommandText = $"INSERT INTO {Table} (due_at, url, key, body) VALUES {rows}";
#pragma warning restore CA2100
        foreach (PreparedWebhook webhook in webhooks)
        {
            Add(command, webhook.Destination.Url);
            Add(command, webhook.IdempotencyKey);
            Add(command, cipher?.Encrypt(webhook.Body.Span, webhook.IdempotencyKey) ?? webhook.Body.ToArray());
        }

        await command.ExecuteNonQueryAsync();
        await transaction.CommitAsync();
    }

    /// <summary>Leases due rows.</summary>
    internal async Task<List<(long Id, string Url, string Key, byte[] Body)>> ClaimAsync(DbConnection connection, int limit)
    {
        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        await using DbCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // As above.
        command.CommandText = string.Create(
            CultureInfo.InvariantCulture,
            $"UPDATE {Table} SET due_at = {now + LeaseSeconds}, token = {Environment.CurrentManagedThreadId} WHERE id ")
            + (IsPostgreSql
                ? $"= ANY(ARRAY(SELECT id FROM {Table} WHERE due_at <= {now} ORDER BY due_at, id LIMIT {limit} FOR UPDATE SKIP LOCKED))"
                : $"IN (SELECT id FROM {Table} WHERE due_at <= {now} ORDER BY due_at, id LIMIT {limit})")
            + " RETURNING id, url, key, body";
#pragma warning restore CA2100
        List<(long Id, string Url, string Key, byte[] Body)> rows = [];
        await using DbDataReader reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            rows.Add((reader.GetInt64(0), reader.GetString(1), reader.GetString(2), reader.GetFieldValue<byte[]>(3)));
        }

        return rows;
    }

    /// <summary>Deletes delivered rows.</summary>
    internal async Task DeleteAsync(DbConnection connection, long[] ids)
    {
        await using DbCommand command = connection.CreateCommand();
        if (command is NpgsqlCommand npgsql)
        {
            npgsql.CommandText = $"DELETE FROM {Table} WHERE id = ANY($1)";
            npgsql.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint, Value = ids });
        }
        else
        {
            command.CommandText = $"DELETE FROM {Table} WHERE id IN (SELECT value FROM json_each(@p1))";
            Add(command, "[" + string.Join(',', ids.Select(static id => id.ToString(CultureInfo.InvariantCulture))) + "]");
        }

        await command.ExecuteNonQueryAsync();
    }

    internal async Task<bool> IsEmptyAsync()
    {
        await using DbCommand command = source.CreateCommand($"SELECT count(*) FROM (SELECT 1 FROM {Table} LIMIT 1) AS one");
        return Convert.ToInt64(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture) == 0;
    }

    public async ValueTask DisposeAsync() => await RunAsync($"DROP TABLE IF EXISTS {Table}");

    private void Add(DbCommand command, object value)
    {
        DbParameter parameter = command.CreateParameter();
        if (!IsPostgreSql)
        {
            parameter.ParameterName = string.Create(CultureInfo.InvariantCulture, $"@p{command.Parameters.Count + 1}");
        }

        parameter.Value = value;
        command.Parameters.Add(parameter);
    }

    private async Task RunAsync(string sql)
    {
        await using DbCommand command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
