using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Storage.Tests.Outbox;

public sealed class SqliteOutboxSchemaTests() : OutboxSchemaTests(SqlDialect.Sqlite)
{
    [Fact]
    public async Task Delivery_ids_of_version_7_keep_their_state_and_a_process_of_that_release_continues()
    {
        await CreateVersionAsync(7);
        InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(
            async () => await Schema.CheckAsync(TestContext.Current.CancellationToken));
        Assert.Contains("CreateIfAbsentAsync", fault.Message, StringComparison.Ordinal);
        await Database.ExecuteAsync(Bind(1) + Append(1));
        await Database.ExecuteAsync(
            Bind(2) + "INSERT INTO adcp_outbox_parked (id, lane, endpoint, tenant, key_id, binding, attempts, enqueued_at, due_at, "
            + $"status_code, sealed) VALUES (2, 0, 0, 0, 'k', {Hash(2)}, 1, 0, 0, 503, x'01')");
        await Database.ExecuteAsync(Bind(3) + Sets(3, OutboxBindingState.Delivered));
        await Database.ExecuteAsync(Bind(4) + Sets(4, OutboxBindingState.Dead));
        await Database.ExecuteAsync(Bind(5) + Append(5) + Delete(5));

        await UpgradeAsync();

        // The release before enqueues, delivers and redrives.
        await Database.ExecuteAsync(Bind(6) + Append(6));
        await Database.ExecuteAsync(Bind(7) + Append(7) + Delete(7));
        await Database.ExecuteAsync(Append(4) + Sets(4, OutboxBindingState.Waiting));

        await AssertStatesAsync(
            OutboxBindingState.Waiting, OutboxBindingState.Waiting, OutboxBindingState.Delivered, OutboxBindingState.Waiting,
            OutboxBindingState.Delivered, OutboxBindingState.Waiting, OutboxBindingState.Delivered);

        // An index of the log would be written for each enqueue and each delivery.
        Assert.Equal(1, await Database.CountAsync("SELECT count(*) FROM pragma_index_list('adcp_outbox_log') WHERE partial"));
        Assert.Equal(1, await Database.CountAsync("SELECT count(*) FROM pragma_index_list('adcp_outbox_log')"));

        static string Hash(int id) => $"x'{id:x64}'";

        static string Bind(int id) =>
            "INSERT INTO adcp_outbox_binding (hash, fingerprint, idempotency_key, retires_at, kept_until) "
            + $"VALUES ({Hash(id)}, x'01', 'key', 0, 0);";

        static string Append(int id) =>
            "INSERT INTO adcp_outbox_log (lane, endpoint, tenant, key_id, binding, enqueued_at, not_before, sealed) "
            + $"VALUES (0, 0, 0, 'k', {Hash(id)}, 0, 0, x'01');";

        static string Delete(int id) => $"DELETE FROM adcp_outbox_log WHERE binding = {Hash(id)};";

        static string Sets(int id, OutboxBindingState state) =>
            $"UPDATE adcp_outbox_binding SET state = {(int)state} WHERE hash = {Hash(id)};";
    }
}

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlOutboxSchemaTests() : OutboxSchemaTests(SqlDialect.PostgreSql)
{
    [Fact]
    public async Task Delivery_ids_of_version_5_keep_their_state_and_a_process_of_that_release_continues()
    {
        await CreateVersionAsync(5);
        await Database.ExecuteAsync(Bind(1) + Append(1));
        await Database.ExecuteAsync(
            Bind(2) + "INSERT INTO adcp_outbox_parked (lane, endpoint, due_at, id, tenant, enqueued_at, attempts, unclean, status_code, "
            + $"key_id, binding, sealed) VALUES (0, 0, 0, 2, 0, 0, 1, 0, 503, 'k', {Hash(2)}, '\\x01')");
        await Database.ExecuteAsync(Bind(3) + Sets(3, OutboxBindingState.Delivered));
        await Database.ExecuteAsync(Bind(4) + Sets(4, OutboxBindingState.Dead));

        await UpgradeAsync();

        // The release before enqueues, delivers and redrives.
        await Database.ExecuteAsync(Bind(5) + Append(5));
        await Database.ExecuteAsync(Bind(6) + Append(6));
        await Database.ExecuteAsync($"DELETE FROM adcp_outbox_log WHERE binding = {Hash(6)};" + Sets(6, OutboxBindingState.Delivered));
        await Database.ExecuteAsync(Bind(7) + Sets(7, OutboxBindingState.Dead) + "UPDATE adcp_outbox_binding SET xid = NULL");
        await Database.ExecuteAsync(Append(7) + Sets(7, OutboxBindingState.Waiting));

        await AssertStatesAsync(
            OutboxBindingState.Waiting, OutboxBindingState.Waiting, OutboxBindingState.Delivered, OutboxBindingState.Dead,
            OutboxBindingState.Waiting, OutboxBindingState.Delivered, OutboxBindingState.Waiting);

        static string Hash(int id) => $"'\\x{id:x64}'";

        static string Bind(int id) =>
            "INSERT INTO adcp_outbox_binding (hash, fingerprint, idempotency_key, retires_at, kept_until) "
            + $"VALUES ({Hash(id)}, '\\x01', 'key', 0, 0);";

        static string Append(int id) =>
            "INSERT INTO adcp_outbox_log (endpoint, tenant, enqueued_at, not_before, lane, key_id, binding, sealed) "
            + $"VALUES (0, 0, 0, 0, 0, 'k', {Hash(id)}, '\\x01');";

        static string Sets(int id, OutboxBindingState state) =>
            $"UPDATE adcp_outbox_binding SET state = {(int)state} WHERE hash = {Hash(id)};";
    }
}

/// <summary>The tables of an outbox without an outbox.</summary>
public abstract class OutboxSchemaTests(SqlDialect dialect) : DatabaseTests(dialect)
{
    private protected OutboxSchema Schema => new(new StoreDatabase(Database.Source, Dialect));

    /// <summary>Creates the tables as an earlier release did.</summary>
    private protected async Task CreateVersionAsync(int version)
    {
        foreach (string statement in Schema.GetStatements().Except(Schema.GetStatements(version)))
        {
            await Database.ExecuteAsync(statement);
        }

        await Database.ExecuteAsync($"UPDATE adcp_schema_versions SET version = {version}");
    }

    /// <summary>Lets four processes of this release start at the same time.</summary>
    private protected Task UpgradeAsync() =>
        Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () => await Schema.CreateIfAbsentAsync())));

    /// <summary>Compares the states of the delivery ids from 1 on, whose hash is their number.</summary>
    private protected async Task AssertStatesAsync(params OutboxBindingState[] expected)
    {
        await Schema.CheckAsync(TestContext.Current.CancellationToken);
        OutboxStore store = OutboxStores.Create(new StoreDatabase(Database.Source, Dialect), new SqlWebhookOutboxOptions());
        await using (store)
        {
            for (int id = 1; id <= expected.Length; id++)
            {
                byte[] hash = new byte[32];
                hash[^1] = (byte)id;
                Assert.Equal((id, expected[id - 1]), (id, (await store.FindAsync(hash, default))!.State));
            }
        }
    }

    [Fact]
    public async Task Tables_are_created_once_and_reported_with_their_version()
    {
        OutboxSchema schema = new(new StoreDatabase(Database.Source, Dialect));

        int before = await schema.GetVersionAsync(TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await schema.CheckAsync(TestContext.Current.CancellationToken));
        await schema.CreateIfAbsentAsync(TestContext.Current.CancellationToken);
        await schema.CreateIfAbsentAsync(TestContext.Current.CancellationToken);
        await schema.CheckAsync(TestContext.Current.CancellationToken);

        Assert.Equal(
            (0, schema.Version), (before, await schema.GetVersionAsync(TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task Printed_statements_make_the_same_tables()
    {
        OutboxSchema schema = new(new StoreDatabase(Database.Source, Dialect), "printed_");

        foreach (string statement in schema.GetStatements())
        {
            await Database.ExecuteAsync(statement);
        }

        await schema.CheckAsync(TestContext.Current.CancellationToken);
        Assert.Equal(schema.Version, await schema.GetVersionAsync(TestContext.Current.CancellationToken));
        Assert.Empty(schema.GetStatements(schema.Version));
        Assert.Throws<ArgumentOutOfRangeException>(() => schema.GetStatements(schema.Version + 1));
    }

    [Fact]
    public async Task Tables_of_version_2_are_updated_and_a_process_of_that_release_continues()
    {
        await CreateVersionAsync(2);
        await Database.ExecuteAsync(DeadRowOfVersion2(1));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await Schema.CheckAsync(TestContext.Current.CancellationToken));

        await Schema.CreateIfAbsentAsync(TestContext.Current.CancellationToken);
        await Database.ExecuteAsync(DeadRowOfVersion2(2));

        await Schema.CheckAsync(TestContext.Current.CancellationToken);
        OutboxStore store = OutboxStores.Create(new StoreDatabase(Database.Source, Dialect), new SqlWebhookOutboxOptions());
        await using (store)
        {
            Assert.Equal(
                [2L, 1L],
                (await store.Dead.ListAsync(new OutboxDeadFilter(null, null, null), long.MaxValue, 10, default))
                    .Select(static row => row.Id));
            Assert.Equal((0, false), await store.Dead.CountAsync(new OutboxDeadFilter(null, null, null, null, 5), 10, default));
        }

        string DeadRowOfVersion2(int id) =>
            "INSERT INTO adcp_outbox_dead (id, lane, endpoint, tenant, attempts, unclean, enqueued_at, ended_at, kept_until, status_code, "
            + $"reason, key_id, sealed) VALUES ({id}, 0, 0, 0, 1, 0, 0, 0, 0, 410, 'rejected', 'k', "
            + (Dialect == SqlDialect.Sqlite ? "x'01')" : "'\\x01')");
    }

    [Fact]
    public async Task Tables_of_version_3_get_switches_and_a_webhook_in_them_is_kept()
    {
        await CreateVersionAsync(3);
        OutboxStore store = OutboxStores.Create(new StoreDatabase(Database.Source, Dialect), new SqlWebhookOutboxOptions());
        await using (store)
        {
            OutboxEntry entry = new() { Lane = 0, Endpoint = 1, Tenant = 2, KeyId = "k", Sealed = [1], NotBefore = default };
            await store.AppendAsync(null, [entry], default);
            InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(
                async () => await Schema.CheckAsync(TestContext.Current.CancellationToken));

            await Schema.CreateIfAbsentAsync(TestContext.Current.CancellationToken);

            Assert.Contains("CreateIfAbsentAsync", fault.Message, StringComparison.Ordinal);
            await Schema.CheckAsync(TestContext.Current.CancellationToken);
            Assert.Equal(1, (await store.CountAsync(default)).Waiting);
            OutboxSwitch all = Assert.Single(await store.Switches.ReadAsync(0, default));
            Assert.Equal((OutboxSwitch.All, false), (all.Target, all.IsStopped));
        }
    }

    [Fact]
    public async Task Tables_of_version_4_get_hashes_of_keys_and_a_process_of_that_release_continues()
    {
        await CreateVersionAsync(4);
        await AddRowsOfVersion4Async(1);
        InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(
            async () => await Schema.CheckAsync(TestContext.Current.CancellationToken));

        await UpgradeAsync();
        await AddRowsOfVersion4Async(2);
        await Database.ExecuteAsync("UPDATE adcp_outbox_parked SET due_at = due_at + 1, attempts = 2");

        Assert.Contains("CreateIfAbsentAsync", fault.Message, StringComparison.Ordinal);
        await Schema.CheckAsync(TestContext.Current.CancellationToken);
        OutboxStore store = OutboxStores.Create(new StoreDatabase(Database.Source, Dialect), new SqlWebhookOutboxOptions());
        await using (store)
        {
            Assert.Equal([2L, 1L], (await store.Dead.ListByKeyAsync(null, 10, default)).Select(static row => row.Id));
            Assert.Equal([2L, 1L], await store.ListParkedByKeyAsync(null, 10, static row => row.Id, default));
            Assert.Empty(await store.Dead.ListByKeyAsync(1, 10, default));
        }

        async Task AddRowsOfVersion4Async(int id)
        {
            const string Columns = "id, lane, endpoint, tenant, attempts, unclean, enqueued_at, status_code, reason, key_id";
            string values = $"{id}, 0, 0, 0, 1, 0, 0, 410, 'rejected', 'k'";
            string bytes = Dialect == SqlDialect.Sqlite ? "x'01'" : "'\\x01'";
            await Database.ExecuteAsync(
                $"INSERT INTO adcp_outbox_dead ({Columns}, ended_at, kept_until, sealed) VALUES ({values}, 0, 0, {bytes})");
            await Database.ExecuteAsync($"INSERT INTO adcp_outbox_parked ({Columns}, due_at, sealed) VALUES ({values}, 0, {bytes})");
        }
    }

    [Fact]
    public async Task Workers_get_figures_and_a_worker_of_the_release_before_continues()
    {
        bool isSqlite = Dialect == SqlDialect.Sqlite;
        await CreateVersionAsync(isSqlite ? 5 : 6);
        await Database.ExecuteAsync(Join(1));
        InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(
            async () => await Schema.CheckAsync(TestContext.Current.CancellationToken));

        await UpgradeAsync();

        // The release before joins and renews.
        await Database.ExecuteAsync(Join(2));
        await Database.ExecuteAsync($"UPDATE adcp_outbox_worker SET expires_at = 9000000000001, is_draining = {(isSqlite ? "1" : "true")}");

        Assert.Contains("CreateIfAbsentAsync", fault.Message, StringComparison.Ordinal);
        await Schema.CheckAsync(TestContext.Current.CancellationToken);
        OutboxStore store = OutboxStores.Create(new StoreDatabase(Database.Source, Dialect), new SqlWebhookOutboxOptions());
        await using (store)
        {
            Guid worker = Guid.NewGuid();
            OutboxFigures figures = new(1, 2, 3, 4, 5);
            await store.JoinAsync(worker, "new", TimeSpan.FromHours(1), default);
            Assert.Equal((true, 1), await store.RenewAsync(worker, TimeSpan.FromHours(1), false, figures, default));
            OutboxCounts counts = await store.CountAsync(default);
            Assert.Equal((3, figures), (counts.Workers, counts.Figures));
            await store.LeaveAsync(worker, default);
        }

        string Join(int id) => isSqlite
            ? $"INSERT INTO adcp_outbox_worker (worker, name, expires_at, has_lock) VALUES (x'{id:x32}', 'old', 9000000000000, 0)"
            : $"INSERT INTO adcp_outbox_worker (worker, name, expires_at) VALUES ('{id:x32}', 'old', 9000000000000)";
    }

    [Fact]
    public async Task A_program_starts_on_the_tables_of_the_next_release_if_their_migration_is_backward_compatible()
    {
        OutboxSchema schema = new(new StoreDatabase(Database.Source, Dialect));
        await schema.CreateIfAbsentAsync(TestContext.Current.CancellationToken);

        // What the next release records, whose migration is backward compatible: its version, and this one as the oldest that works.
        await Database.ExecuteAsync("UPDATE adcp_schema_versions SET version = version + 1");

        await schema.CheckAsync(TestContext.Current.CancellationToken);
        await schema.CreateIfAbsentAsync(TestContext.Current.CancellationToken);

        Assert.Equal(schema.Version + 1, await schema.GetVersionAsync(TestContext.Current.CancellationToken));
        await Database.ExecuteAsync("DELETE FROM adcp_schema_versions WHERE table_name LIKE '% oldest'");
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await schema.CheckAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Newer_tables_are_reported_and_refused()
    {
        OutboxSchema schema = new(new StoreDatabase(Database.Source, Dialect));
        await schema.CreateIfAbsentAsync(TestContext.Current.CancellationToken);
        await Database.ExecuteAsync("UPDATE adcp_schema_versions SET version = version + 10");

        Assert.Equal(schema.Version + 10, await schema.GetVersionAsync(TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await schema.CheckAsync(TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<InvalidOperationException>(
            async () => await schema.CreateIfAbsentAsync(TestContext.Current.CancellationToken));
    }
}
