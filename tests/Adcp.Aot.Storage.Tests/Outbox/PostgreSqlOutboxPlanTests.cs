using System.Data.Common;
using System.Text.Json;
using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>
/// The statements of reader and settler stay on the keys, with a plan that was made while the tables were empty and with a new one, among
/// many rows and among dead rows that a vacuum could not remove.
/// </summary>
[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlOutboxPlanTests : IAsyncLifetime
{
    private const int Many = 20_000;
    private const int Page = 500;
    private const string Generic = "force_generic_plan";
    private const string Custom = "force_custom_plan";
    private const string First = "'0', -1::smallint, 0";

    private static readonly Guid Worker = Guid.NewGuid();
    private readonly OutboxTables _tables = new(OutboxTables.DefaultPrefix);
    private TestDatabase _database = null!;
    private DbConnection _connection = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync(SqlDialect.PostgreSql);
        PostgreSqlOutboxStore store = new(new StoreDatabase(_database.Source, SqlDialect.PostgreSql), _tables, TimeProvider.System);
        await store.CreateIfAbsentAsync(default);
        await store.JoinAsync(Worker, "test", TimeSpan.FromHours(1), default);
        _connection = await _database.Source.OpenConnectionAsync();
        PostgreSqlOutboxStatements sql = store.Statements;
        await PrepareAsync("discover", "bigint, text, smallint, bigint, bigint, text, text", sql.Discover);
        await PrepareAsync(
            "discover_late", "bigint, text, smallint, bigint, bigint, text, text, text, text, smallint, bigint", sql.DiscoverLate);
        await PrepareAsync("list_parked", "smallint", sql.ListParked);
        await PrepareAsync("read_parked", "smallint, bigint, bigint, bigint, bigint", sql.ReadParked);
        await PrepareAsync("read_heads", "text", sql.ReadHeads);
        await PrepareAsync("trial_log", "uuid, text, text, text", sql.TrialLog);
        await PrepareAsync("trial_parked", "uuid, text, text, text, text", sql.TrialParked);
        await PrepareAsync("delivered_log", "uuid, text, text, text", sql.DeliveredLog);
        await PrepareAsync("park_log", "uuid, text, text, text, text", sql.ParkLog);
        await PrepareAsync("dead_log", "uuid, text, text, text, text", sql.DeadLog);
        await PrepareAsync("delivered_parked", "uuid, text, text, text, text", sql.DeliveredParked);
        await PrepareAsync("park_parked", "uuid, text, text, text, text, text", sql.ParkParked);
        PostgreSqlStoreStatements keys = new(_tables);
        await PrepareAsync("parked_by_key", "bigint, bigint", keys.ListParkedByKey(1));
        await PrepareAsync("dead_by_key", "bigint, bigint", keys.ListDeadByKey(1));
        await PrepareAsync("parked_without_key", "bigint", keys.ListParkedByKey(null));
        await PrepareAsync("dead_without_key", "bigint", keys.ListDeadByKey(null));
        await PrepareAsync("search_log", "text, smallint, bigint, bigint, bigint", keys.SearchLog);
        await PrepareAsync("find_binding", "bytea", keys.Find);
        await PrepareAsync("purge_delivered", "bigint", keys.PurgeDelivered);
        await PrepareAsync("dead_parked", "uuid, text, text, text, text, text", sql.DeadParked);
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Theory]
    [InlineData(Generic)]
    [InlineData(Custom)]
    public async Task Statements_stay_on_the_keys_among_many_rows(string mode)
    {
        await UseAsync(mode);
        await AddLogAsync(Many);
        await AddParkedAsync(Many);

        await AssertReadingAsync();
        await AssertSettlingAsync();
    }

    [Theory]
    [InlineData(Generic)]
    [InlineData(Custom)]
    public async Task Statements_stay_on_the_keys_after_an_analysis_of_empty_tables(string mode)
    {
        await RunAsync($"ANALYZE {_tables.Log}, {_tables.Parked}, {_tables.Binding}");
        await UseAsync(mode);
        await AddLogAsync(Many);
        await AddParkedAsync(Many);

        await AssertReadingAsync();
        await AssertSettlingAsync();
    }

    [Theory]
    [InlineData(Generic)]
    [InlineData(Custom)]
    public async Task Statements_stay_on_the_keys_among_dead_rows_that_a_vacuum_could_not_remove(string mode)
    {
        await UseAsync(mode);
        await using DbConnection pin = await _database.Source.OpenConnectionAsync();
        await using DbTransaction snapshot = await pin.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead);
        await RunAsync("SELECT count(*) FROM pg_class", pin);
        await AddLogAsync(Many);
        await AddParkedAsync(Many);
        await RunAsync($"DELETE FROM {_tables.Log}; DELETE FROM {_tables.Parked}");
        await RunAsync($"VACUUM ANALYZE {_tables.Log}, {_tables.Parked}, {_tables.Binding}");
        string watermark = await ScalarAsync("SELECT pg_current_snapshot()::text");
        await AddLogAsync(2 * Page);
        await AddParkedAsync(2 * Page);

        Plan discovery = await ExplainAsync($"discover(-1, '{Xmax(watermark)}', -1::smallint, 0, {Page}, NULL, '{ulong.MaxValue}')");
        discovery.AssertOnKeys(Page);
        Assert.Equal(Page, discovery.Rows);
        await AssertSettlingAsync();
    }

    [Theory]
    [InlineData(Generic)]
    [InlineData(Custom)]
    public async Task Rows_are_found_by_the_hash_of_their_key_and_without_one_by_the_index(string mode)
    {
        await UseAsync(mode);
        await AddParkedAsync(Many);
        await AddLogAsync(Many);
        await RunAsync(
            $"""
            INSERT INTO {_tables.Dead} (id, lane, endpoint, tenant, attempts, unclean, enqueued_at, ended_at, kept_until, status_code,
                reason, key_id, key_hash, sealed)
            SELECT i, 0, 0, 0, 1, 0, 0, 0, 0, 410, 'rejected', 'k', CASE WHEN i % 2 = 0 THEN i END, 'x'
            FROM generate_series(1, {Many}) AS i
            """);
        await RunAsync($"UPDATE {_tables.Parked} SET key_hash = id WHERE id % 2 = 0");

        foreach ((string call, int rows) in new[]
        {
            ($"parked_by_key({Page}, 1000010)", 1), ($"dead_by_key({Page}, 10)", 1),
            ($"parked_without_key({Page})", Page), ($"dead_without_key({Page})", Page),
            ($"search_log('0', -1::smallint, 0, {Page}, NULL)", Page), ($"search_log('0', -1::smallint, 0, {Page}, 9)", Page),
        })
        {
            Plan plan = await ExplainAsync(call);

            plan.AssertOnKeys(Page);
            Assert.Equal((call, rows), (call, plan.Rows));
        }
    }

    [Theory]
    [InlineData(Generic)]
    [InlineData(Custom)]
    public async Task Webhook_of_a_delivery_id_is_found_by_its_transaction(string mode)
    {
        await UseAsync(mode);
        await AddLogAsync(Many);
        await AddParkedAsync(Many);
        await RunAsync($"UPDATE {_tables.Binding} SET kept_until = 1 WHERE xid <> (SELECT min(xid) FROM {_tables.Log})");
        await RunAsync($"DELETE FROM {_tables.Log} WHERE xid = (SELECT min(xid) FROM {_tables.Log})");
        await VacuumAsync(_tables.Log);

        foreach ((string call, int rows) in new[]
        {
            ("find_binding(sha256('0'))", 1), ("find_binding(sha256('19998'))", 1), ("find_binding('x')", 0),
            ($"purge_delivered({Page})", Page),
        })
        {
            Plan plan = await ExplainAsync(call);

            plan.AssertOnKeys(Page);
            Assert.Equal((call, rows), (call, plan.Rows));
        }
    }

    private async Task AssertReadingAsync()
    {
        string xid = await ScalarAsync($"SELECT min(xid)::text FROM {_tables.Log}");
        string now = await ScalarAsync("SELECT pg_current_snapshot()::text");

        foreach ((string call, int rows) in new[]
        {
            ($"discover(-1, {First}, {Page}, NULL, '{ulong.MaxValue}')", Page),
            ($"discover(1, {First}, {Page}, NULL, '{ulong.MaxValue}')", Page),
            ($"discover(-1, {First}, {Page}, '{now}', '{Xmax(now)}')", Page),
            ($"discover(-1, '{Xmax(now)}', -1::smallint, 0, {Page}, NULL, '{ulong.MaxValue}')", 1),
            ($"discover_late(-1, '{Xmax(now)}', -1::smallint, 0, {Page}, NULL, '{ulong.MaxValue}', '{{3,{xid}}}', {First})", Page),
            ($"discover(1, {First}, {Page}, '{now}', '{Xmax(now)}')", Page),
            ($"discover_late(-1, '{Xmax(now)}', -1::smallint, 0, {Page}, '{now}', '{Xmax(now)}', '{{3,{xid}}}', {First})", Page),
            ($"read_parked(0::smallint, 3, 0, 0, {Page})", Page),
            ("list_parked(0::smallint)", 4),
            ("read_heads('{1,2,3}')", 2),
        })
        {
            Plan plan = await ExplainAsync(call);

            plan.AssertOnKeys(Page);
            Assert.Equal((call, rows), (call, plan.Rows));
        }
    }

    private async Task AssertSettlingAsync()
    {
        string log = await ScalarAsync(
            $"""
            SELECT concat_ws(''', ''', array_agg(lane), array_agg(xid), array_agg(id))
            FROM (SELECT lane, xid, id FROM {_tables.Log} ORDER BY random() LIMIT {Page}) AS r
            """);
        string parked = await ScalarAsync(
            $"""
            SELECT concat_ws(''', ''', array_agg(lane), array_agg(endpoint), array_agg(due_at), array_agg(id))
            FROM (SELECT lane, endpoint, due_at, id FROM {_tables.Parked} ORDER BY random() LIMIT {Page}) AS r
            """);
        string values = await ScalarAsync(
            $"""
            SELECT jsonb_object_agg(id, '[1000, 1, 86400000, 503, "server_error", 0, false]'::jsonb)
            FROM (SELECT id FROM {_tables.Log} UNION SELECT id FROM {_tables.Parked}) AS r
            """);

        foreach (string call in new[]
        {
            $"delivered_log('{Worker}', '{log}')",
            $"park_log('{Worker}', '{log}', '{values}')",
            $"dead_log('{Worker}', '{log}', '{values}')",
            $"trial_log('{Worker}', '{log}')",
            $"trial_parked('{Worker}', '{parked}')",
            $"delivered_parked('{Worker}', '{parked}')",
            $"park_parked('{Worker}', '{parked}', '{values}')",
            $"dead_parked('{Worker}', '{parked}', '{values}')",
        })
        {
            Plan plan = await ExplainAsync(call);

            plan.AssertOnKeys(Page);
            string name = call[..call.IndexOf('(', StringComparison.Ordinal)];
            Assert.Equal((name, Page), (name, plan.Rows));
        }
    }

    private static string Xmax(string snapshot) => snapshot.Split(':')[1];

    private Task PrepareAsync(string name, string types, string sql) => RunAsync($"PREPARE {name} ({types}) AS {sql}");

    /// <summary>Makes each plan once while the tables are empty.</summary>
    private async Task UseAsync(string mode)
    {
        await RunAsync($"SET plan_cache_mode = {mode}");
        foreach (string call in new[]
        {
            $"discover(-1, {First}, 10, NULL, '{ulong.MaxValue}')",
            $"discover_late(-1, {First}, 10, NULL, '{ulong.MaxValue}', '{{3}}', {First})",
            "list_parked(0::smallint)",
            "read_parked(0::smallint, 0, 0, 0, 10)",
            "read_heads('{1,2,3}')",
            "parked_by_key(10, 1)",
            "dead_by_key(10, 1)",
            "parked_without_key(10)",
            "dead_without_key(10)",
            "search_log('0', -1::smallint, 0, 10, NULL)",
            "find_binding('x')",
            "purge_delivered(10)",
            $"trial_log('{Worker}', '{{0}}', '{{3}}', '{{1}}')",
            $"trial_parked('{Worker}', '{{0}}', '{{3}}', '{{3}}', '{{1}}')",
            $"delivered_log('{Worker}', '{{0}}', '{{3}}', '{{1}}')",
            $"park_log('{Worker}', '{{0}}', '{{3}}', '{{1}}', '{{}}')",
            $"dead_log('{Worker}', '{{0}}', '{{3}}', '{{1}}', '{{}}')",
            $"delivered_parked('{Worker}', '{{0}}', '{{3}}', '{{3}}', '{{1}}')",
            $"park_parked('{Worker}', '{{0}}', '{{3}}', '{{3}}', '{{1}}', '{{}}')",
            $"dead_parked('{Worker}', '{{0}}', '{{3}}', '{{3}}', '{{1}}', '{{}}')",
        })
        {
            await ExplainAsync(call);
        }
    }

    /// <summary>Adds rows of 64 lanes, half of them with a binding, in transactions of 1,000 rows.</summary>
    private async Task AddLogAsync(int rows)
    {
        for (int from = 0; from < rows; from += 1_000)
        {
            await RunAsync(
                $"""
                INSERT INTO {_tables.Binding} (hash, retires_at, kept_until, fingerprint, idempotency_key)
                SELECT sha256(i::text::bytea), 0, 0, '', '' FROM generate_series({from}, {from + 999}, 2) AS i ON CONFLICT DO NOTHING;
                INSERT INTO {_tables.Log} (lane, endpoint, tenant, enqueued_at, not_before, key_id, stream, number, binding, sealed)
                SELECT i % 64, i % 7, 1, 0, 0, 'k', CASE WHEN i % 10 = 0 THEN 1 END, CASE WHEN i % 10 = 0 THEN i END,
                    CASE WHEN i % 2 = 0 THEN sha256(i::text::bytea) END, 'x'
                FROM generate_series({from}, {from + 999}) AS i
                """);
        }
    }

    private Task AddParkedAsync(int rows) => RunAsync(
        $"""
        INSERT INTO {_tables.Parked} (lane, endpoint, due_at, id, tenant, enqueued_at, attempts, unclean, status_code, key_id, stream,
            number, sealed)
        SELECT 0, i % 4, i + 1, 1000000 + i, 1, 0, 1, 0, 503, 'k', CASE WHEN i % 10 = 0 THEN 2 END, CASE WHEN i % 10 = 0 THEN i END, 'x'
        FROM generate_series(1, {rows}) AS i
        """);

    /// <summary>Removes all deleted rows of a table. A transaction of another test may still see them for a while.</summary>
    private async Task VacuumAsync(string table)
    {
        long began = TimeProvider.System.GetTimestamp();
        while (await VacuumOnceAsync(table) is var left && left != "0")
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < OutboxHarness.Patience, $"{left} deleted rows are left.");
            await Task.Delay(50);
        }
    }

    /// <summary>Returns the number of deleted rows that are left.</summary>
    private async Task<string> VacuumOnceAsync(string table)
    {
        await RunAsync($"VACUUM {table}");
        return await ScalarAsync($"SELECT pg_stat_get_dead_tuples('{table}'::regclass)::text");
    }

    /// <summary>Runs a prepared statement under the guards, and undoes it.</summary>
    private async Task<Plan> ExplainAsync(string call)
    {
        await RunAsync("BEGIN");
        await RunAsync(PostgreSqlCommands.Guards);
        string json = await ScalarAsync($"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE {call}");
        await RunAsync("ROLLBACK");
        return new Plan(json);
    }

    private async Task RunAsync(string sql, DbConnection? connection = null)
    {
        await using DbCommand command = (connection ?? _connection).CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }

    private async Task<string> ScalarAsync(string sql)
    {
        await using DbCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        return (string)(await command.ExecuteScalarAsync())!;
    }

    private sealed class Plan(string json)
    {
        private readonly JsonElement _root = JsonDocument.Parse(json).RootElement[0].GetProperty("Plan");

        public int Rows => (int)Number(_root, "Actual Rows");

        /// <summary>No table is read as a whole, nothing is sorted above a page, and no row costs more than a few blocks.</summary>
        public void AssertOnKeys(int page)
        {
            Assert.True(
                Number(_root, "Shared Hit Blocks") + Number(_root, "Shared Read Blocks") <= 40 * (page + 10), $"Too many blocks:\n{json}");
            AssertNode(_root, page);
        }

        private void AssertNode(JsonElement node, int page)
        {
            if (Number(node, "Actual Loops") == 0)
            {
                // A branch that was not needed.
                return;
            }

            string type = node.GetProperty("Node Type").GetString()!;
            bool isTable = node.TryGetProperty("Relation Name", out JsonElement name)
                && name.GetString() is not ("adcp_outbox_worker" or "adcp_outbox_meta");
            Assert.False(isTable && type is "Seq Scan" or "Bitmap Heap Scan", $"{type}:\n{json}");
            double rows = (Number(node, "Actual Rows") + Number(node, "Rows Removed by Filter")
                + Number(node, "Rows Removed by Index Recheck"))
                * Math.Max(1, Number(node, "Actual Loops"));
            Assert.True(!(isTable || type.Contains("Sort", StringComparison.Ordinal))
                || rows <= 2 * page, $"{type} of {rows} rows:\n{json}");
            if (node.TryGetProperty("Plans", out JsonElement children))
            {
                foreach (JsonElement child in children.EnumerateArray())
                {
                    AssertNode(child, page);
                }
            }
        }

        private static double Number(JsonElement node, string name) =>
            node.TryGetProperty(name, out JsonElement value) ? value.GetDouble() : 0;
    }
}
