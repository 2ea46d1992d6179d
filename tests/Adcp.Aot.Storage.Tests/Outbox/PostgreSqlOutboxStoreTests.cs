using System.Data.Common;
using System.Diagnostics;
using Adcp.Aot.Delivery;
using Adcp.Aot.Storage.Tests.Databases;
using Adcp.Aot.Testing;
using Npgsql;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The contract on direct connections, and with settings that a session gets when it begins.</summary>
[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlOutboxStoreTests : PostgreSqlOutboxStoreContract
{
    [Theory]
    [InlineData("off", 1)]
    [InlineData("local", 0)]
    [InlineData("on", 0)]
    public async Task Callers_connections_whose_commits_may_be_lost_are_reported_once(string synchronousCommit, int expected)
    {
        List<string> warnings = [];
        await using PostgreSqlOutboxStore store = new(
            new StoreDatabase(Database.Source, SqlDialect.PostgreSql), Tables, TimeProvider.System, warnings.Add);
        await store.CheckAsync(default);
        Assert.Empty(warnings);
        for (int i = 0; i < 3; i++)
        {
            await using NpgsqlConnection connection = new(
                new NpgsqlConnectionStringBuilder(Database.ConnectionString)
                {
                    Options = $"-c synchronous_commit={synchronousCommit}",
                    ApplicationName = $"caller {i}",
                }.ConnectionString);
            await connection.OpenAsync();
            await using DbTransaction transaction = await connection.BeginTransactionAsync();
            await store.RequireSameDatabaseAsync(transaction, default);
        }

        Assert.Equal(expected, warnings.Count);
        Assert.All(warnings, static warning => Assert.Contains("synchronous_commit = off", warning, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("SET", 1, false)]
    [InlineData("SET LOCAL", 1, false)]
    [InlineData("SET LOCAL", 1, true)]
    [InlineData("SET LOCAL", 3, false)]
    [InlineData("SET LOCAL", 3, true)]
    public async Task Transaction_whose_commit_may_be_lost_is_reported_once_although_others_of_its_connections_are_safe(
        string set, int count, bool isBound)
    {
        List<string> warnings = [];
        await using PostgreSqlOutboxStore store = new(
            new StoreDatabase(Database.Source, SqlDialect.PostgreSql), Tables, TimeProvider.System, warnings.Add);
        await AppendAsync("on");
        Assert.Empty(warnings);

        await AppendAsync("off");
        await AppendAsync("off");

        Assert.Contains("synchronous_commit = off", Assert.Single(warnings), StringComparison.Ordinal);

        async Task AppendAsync(string setting)
        {
            await using Caller caller = await Caller.BeginAsync(Database.Source);
            await caller.ExecuteAsync($"{set} synchronous_commit = {setting}");
            await store.RequireSameDatabaseAsync(caller.Transaction, default);
            OutboxEntry[] entries =
            [
                .. Enumerable.Range(0, count).Select(_ =>
                {
                    string id = Guid.NewGuid().ToString();
                    return isBound ? Entry("a", binding: Hash(id), binds: Binding(id)) : Entry("a");
                }),
            ];
            using RoundTrips trips = new();
            await store.AppendAsync(caller.Transaction, entries, default);
            Assert.Equal(1, trips.Count);
            await caller.Transaction.CommitAsync();
        }
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    public async Task A_search_path_that_changes_after_the_first_enqueue_is_refused(int rows, bool isBound)
    {
        await using TestDatabase other = await TestDatabase.CreateAsync(Dialect);
        await Open(other.Source, Tables).CreateIfAbsentAsync(default);
        await using (Caller caller = await Caller.BeginAsync(Database.Source))
        {
            await Store.RequireSameDatabaseAsync(caller.Transaction, default);
            await Store.AppendAsync(caller.Transaction, Entries(), default);
            await caller.Transaction.CommitAsync();
        }

        await using (Caller caller = await Caller.BeginAsync(Database.Source))
        {
            string schema = new NpgsqlConnectionStringBuilder(other.ConnectionString).SearchPath!;
            await caller.ExecuteAsync($"SET LOCAL search_path = {schema}");
            await Store.RequireSameDatabaseAsync(caller.Transaction, default);

            ArgumentException fault = await Assert.ThrowsAsync<ArgumentException>(
                "transaction", async () => await Store.AppendAsync(caller.Transaction, Entries(), default));
            Assert.Contains("search_path", fault.Message, StringComparison.Ordinal);
        }

        Assert.Equal(rows, (await Store.CountAsync(default)).Waiting);

        OutboxEntry[] Entries() =>
        [
            .. Enumerable.Range(0, rows).Select(_ =>
            {
                string id = Guid.NewGuid().ToString();
                return isBound ? Entry("a", binding: Hash(id), binds: Binding(id)) : Entry("a");
            }),
        ];
    }

    [Fact]
    public async Task A_delivery_id_of_another_schema_is_not_taken_for_one_that_was_enqueued_before()
    {
        await using TestDatabase other = await TestDatabase.CreateAsync(Dialect);
        OutboxStore foreign = Open(other.Source, Tables);
        await foreign.CreateIfAbsentAsync(default);
        await using (Caller caller = await Caller.BeginAsync(other.Source))
        {
            await foreign.BindAsync(caller.Transaction, [Binding("id")], default);
            await caller.Transaction.CommitAsync();
        }

        await using (Caller caller = await Caller.BeginAsync(Database.Source))
        {
            await Store.RequireSameDatabaseAsync(caller.Transaction, default);
            string schema = new NpgsqlConnectionStringBuilder(other.ConnectionString).SearchPath!;
            await caller.ExecuteAsync($"SET LOCAL search_path = {schema}");

            await Assert.ThrowsAsync<ArgumentException>(
                "transaction", async () => await Store.BindAsync(caller.Transaction, [Binding("id")], default));
        }
    }

    [Fact]
    public async Task Tables_that_were_dropped_and_created_again_take_webhooks()
    {
        string schema = new NpgsqlConnectionStringBuilder(Database.ConnectionString).SearchPath!;
        for (int i = 0; i < 2; i++)
        {
            await using (Caller caller = await Caller.BeginAsync(Database.Source))
            {
                await Store.RequireSameDatabaseAsync(caller.Transaction, default);
                await Store.AppendAsync(caller.Transaction, [Entry("a")], default);
                await caller.Transaction.CommitAsync();
            }

            await Database.ExecuteAsync($"DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema}");
            await Open(Database.Source, Tables).CreateIfAbsentAsync(default);
        }
    }

    [Fact]
    public async Task Outbox_whose_own_commits_may_be_lost_is_reported_when_it_is_checked()
    {
        List<string> warnings = [];
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(Database.ConnectionString) { Options = "-c synchronous_commit=off" }.ConnectionString);
        await using PostgreSqlOutboxStore store = new(
            new StoreDatabase(source, SqlDialect.PostgreSql), Tables, TimeProvider.System, warnings.Add);

        await store.CheckAsync(default);
        await store.CheckAsync(default);

        Assert.Single(warnings);
    }

    [Fact]
    public async Task Tables_live_in_a_schema_of_the_application()
    {
        string schema = Guid.NewGuid().ToString("N").Insert(0, "app_")[..20];
        await Database.ExecuteAsync($"CREATE SCHEMA {schema}");
        try
        {
            NpgsqlConnectionStringBuilder settings = new(Database.ConnectionString) { SearchPath = "pg_catalog" };
            await using NpgsqlDataSource source = NpgsqlDataSource.Create(settings);
            OutboxStore store = Open(source, new OutboxTables(schema + ".adcp_outbox_"));
            await store.CreateIfAbsentAsync(default);
            await store.CheckAsync(default);
            await store.JoinAsync(Me, "test", Lease, default);
            await using (Caller caller = await Caller.BeginAsync(source))
            {
                await store.RequireSameDatabaseAsync(caller.Transaction, default);
                await store.DrawNumbersAsync(caller.Transaction, ["s"], default);
                await store.BindAsync(caller.Transaction, [Binding("id")], default);
                await store.AppendAsync(caller.Transaction, [Entry("a", binding: Hash("id")), Entry("b"), Entry("c")], default);
                await caller.Transaction.CommitAsync();
            }

            await using OutboxReader reader = store.OpenReader();
            reader.Join(AllLanes);
            List<OutboxRow> rows = await ReadAllAsync(reader);
            await using OutboxSettler settler = store.OpenSettler();
            await settler.SettleAsync(Me, [Delivered(rows[0]), Park(rows[1]), Dead(rows[2])], default);

            OutboxCounts counts = await store.CountAsync(default);
            Assert.Equal((0, 1, 1), (counts.Waiting, counts.Parked, counts.Dead));
            Assert.Equal(0, await store.PurgeAsync(default));
        }
        finally
        {
            await Database.ExecuteAsync($"DROP SCHEMA {schema} CASCADE");
        }
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(1, 1)]
    [InlineData(100, 0)]
    [InlineData(100, 50)]
    [InlineData(100, 100)]
    public async Task Webhooks_and_their_delivery_ids_are_enqueued_in_one_round_trip(int count, int withId)
    {
        using RecordingSender sender = new();
        await using SqlWebhookOutbox outbox = new(Store, sender, OutboxHarness.Secrets, null);
        OutboxItem[] items = Items(0);
        await using Caller caller = await Caller.BeginAsync(Database.Source);
        await outbox.EnqueueAsync(caller.Transaction, [OutboxHarness.Item(id: "first")]);

        using RoundTrips trips = new();
        IReadOnlyList<OutboxReceipt> receipts = await outbox.EnqueueAsync(caller.Transaction, items);

        Assert.Equal(1, trips.Count);
        await caller.Transaction.CommitAsync();
        Assert.All(receipts, static receipt => Assert.True(receipt is { Status: EnqueueStatus.Enqueued, Id: > 0 }));
        Assert.Equal(count + 1, (await LogAsync()).Count);

        // Without a transaction: the check of a pooled connection, and the statement. If only some have an id, a transaction.
        trips.Reset();
        Assert.All(
            await outbox.EnqueueAsync(null, Items(1)), static receipt => Assert.Equal(EnqueueStatus.Enqueued, receipt.Status));
        Assert.InRange(trips.Count, 1, withId == 0 || withId == count ? 2 : 3);

        OutboxItem[] Items(int call) =>
            [.. Enumerable.Range(0, count).Select(i => OutboxHarness.Item(id: i < withId ? $"{call}/{i}" : null))];
    }

    [Theory]
    [InlineData(1, 0, 2)]
    [InlineData(50, 0, 2)]
    [InlineData(1, 1, 4)]
    [InlineData(50, 25, 4)]
    public async Task Webhooks_with_numbers_take_two_round_trips_and_with_delivery_ids_four(int count, int withId, int expected)
    {
        using RecordingSender sender = new();
        await using SqlWebhookOutbox outbox = new(Store, sender, OutboxHarness.Secrets, null);
        await using Caller caller = await Caller.BeginAsync(Database.Source);
        await outbox.EnqueueAsync(caller.Transaction, [OutboxHarness.Item(id: "first")]);

        using RoundTrips trips = new();
        IReadOnlyList<OutboxReceipt> receipts = await outbox.EnqueueAsync(
            caller.Transaction,
            [.. Enumerable.Range(0, count).Select(i => OutboxHarness.Item(id: i < withId ? $"{i}" : null, stream: "s"))]);

        Assert.Equal(expected, trips.Count);
        Assert.Equal(Enumerable.Range(1, count).Select(static i => (long?)i), receipts.Select(static receipt => receipt.SequenceNumber));
    }

    [Fact]
    public async Task Webhooks_with_and_without_delivery_ids_are_enqueued_together_and_ids_that_are_bound_answer()
    {
        using RecordingSender sender = new();
        await using SqlWebhookOutbox outbox = new(Store, sender, OutboxHarness.Secrets, null);
        OutboxReceipt first = (await outbox.EnqueueAsync(null, [OutboxHarness.Item(id: "a")]))[0];

        IReadOnlyList<OutboxReceipt> mixed = await outbox.EnqueueAsync(
            null, [OutboxHarness.Item(), OutboxHarness.Item(id: "a"), OutboxHarness.Item(id: "b"), OutboxHarness.Item(id: "b")]);
        IReadOnlyList<OutboxReceipt> bound = await outbox.EnqueueAsync(
            null, [OutboxHarness.Item("other.example", id: "a"), OutboxHarness.Item(id: "c"), OutboxHarness.Item(id: "b")]);

        Assert.Equal(
            [EnqueueStatus.Enqueued, EnqueueStatus.AlreadyEnqueued, EnqueueStatus.Enqueued, EnqueueStatus.AlreadyEnqueued],
            mixed.Select(static receipt => receipt.Status));
        Assert.Equal([first.IdempotencyKey, mixed[2].IdempotencyKey], [mixed[1].IdempotencyKey, mixed[3].IdempotencyKey]);
        Assert.Equal(
            [EnqueueStatus.Conflict, EnqueueStatus.Enqueued, EnqueueStatus.AlreadyEnqueued],
            bound.Select(static receipt => receipt.Status));
        Assert.Equal([0L, 0L], [bound[0].Id, bound[2].Id]);
        Assert.Equal(4, (await LogAsync()).Count);
    }

    [Theory]
    [InlineData("default_transaction_isolation=serializable")]
    [InlineData("default_transaction_read_only=on")]
    public async Task Look_is_not_used_if_a_role_has_other_defaults(string setting)
    {
        NpgsqlConnectionStringBuilder settings = new(Database.ConnectionString) { Options = "-c " + setting };
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(settings);
        await using OutboxReader reader = Open(source, Tables).OpenReader();
        reader.Join(AllLanes);
        Assert.Empty(await ReadAllAsync(reader));

        Assert.True(await reader.MayFindAsync(default));
        Assert.True(await reader.MayFindAsync(default));
    }

    [Theory]
    [InlineData("default_transaction_isolation=serializable")]
    [InlineData("default_transaction_isolation=repeatable\\ read")]
    [InlineData("default_transaction_read_only=on")]
    public async Task Renewal_holds_whatever_the_defaults_of_a_role_are(string setting)
    {
        NpgsqlConnectionStringBuilder settings = new(Database.ConnectionString) { Options = "-c " + setting };
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(settings);
        await using OutboxStore store = Open(source, Tables);
        await JoinAsync();
        await ExpireAsync(Me);
        await using Caller other = await Caller.BeginAsync(Database.Source);
        await other.ExecuteAsync($"UPDATE {Tables.Worker} SET name = 'other' WHERE worker = '{Me}'");

        // The row changes after the snapshot of the renewal: a conflict for a serializable transaction.
        Task<(bool IsAlive, int Workers)> renewal = store.RenewAsync(Me, Lease, false, default, default).AsTask();
        await BlockedAsync();
        await other.Transaction.CommitAsync();

        Assert.Equal((true, 1), await renewal);
        Assert.Equal((true, 1), await store.RenewAsync(Me, Lease, false, default, default));
        Assert.InRange(
            Assert.Single(await Store.ListWorkersAsync(default)).LeaseLeft, Lease - TimeSpan.FromMinutes(1), Lease);
    }

    [Fact]
    public async Task Renewal_is_one_statement_on_the_connection_of_the_one_before()
    {
        List<string> statements = [];
        FaultyDataSource source = new(Database.Source);
        await using OutboxStore store = Open(source, Tables);
        await store.JoinAsync(Me, "test", Lease, default);
        await store.RenewAsync(Me, Lease, false, default, default);
        int opened = source.Opened;
        source.Plan = (sql, _) =>
        {
            statements.Add(sql);
            return null;
        };

        Assert.Equal((true, 1), await store.RenewAsync(Me, Lease, false, default, default));

        Assert.Contains($"UPDATE {Tables.Worker} SET", Assert.Single(statements), StringComparison.Ordinal);
        Assert.Equal(opened, source.Opened);
    }

    [Fact]
    public async Task Renewals_at_the_same_time_do_not_wait_for_the_connection()
    {
        Guid other = Guid.NewGuid();
        await JoinAsync();
        await JoinAsync(other);
        await Store.RenewAsync(Me, Lease, false, default, default);
        await using Caller holder = await Caller.BeginAsync(Database.Source);
        await holder.ExecuteAsync($"UPDATE {Tables.Worker} SET name = 'held' WHERE worker = '{Me}'");
        Task<(bool IsAlive, int Workers)> held = Store.RenewAsync(Me, Lease, false, default, default).AsTask();
        await BlockedAsync();

        Assert.Equal((true, 2), await Store.RenewAsync(other, Lease, false, default, default));

        Assert.False(held.IsCompleted);
        await holder.Transaction.CommitAsync();
        Assert.Equal((true, 2), await held);
    }

    [Fact]
    public async Task Renewal_whose_connection_died_is_made_on_another()
    {
        FaultyDataSource source = new(Database.Source);
        await using OutboxStore store = Open(source, Tables);
        await store.JoinAsync(Me, "test", Lease, default);
        await store.RenewAsync(Me, Lease, false, default, default);
        int opened = source.Opened;
        source.Once("UPDATE", Fault.Stale());

        Assert.Equal((true, 1), await store.RenewAsync(Me, Lease, false, default, default));
        Assert.Equal(opened + 1, source.Opened);
    }

    [Fact]
    public async Task Worker_that_leaves_gives_the_connection_of_its_renewals_back()
    {
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(Database.ConnectionString) { MaxPoolSize = 1, Timeout = 5 });
        await using OutboxStore store = Open(source, Tables);
        await store.JoinAsync(Me, "test", Lease, default);
        await store.RenewAsync(Me, Lease, false, default, default);

        await store.LeaveAsync(Me, default);

        Assert.Empty(await store.ListWorkersAsync(default));
    }

    [Fact]
    public async Task Defaults_of_a_role_do_not_change_what_a_store_does()
    {
        NpgsqlConnectionStringBuilder settings = new(Database.ConnectionString)
        {
            Options = "-c default_transaction_isolation=serializable -c default_transaction_deferrable=on "
                + "-c standard_conforming_strings=on -c DateStyle=German -c TimeZone=Asia/Kathmandu -c bytea_output=escape",
        };
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(settings);
        OutboxStore store = Open(source, Tables);
        await store.JoinAsync(Me, "test", Lease, default);
        Assert.Equal(64, (await store.TakeLanesAsync(Me, 64, default)).Count);
        await store.AppendAsync(null, [Entry("a"), Entry("b")], default);
        await using OutboxReader reader = store.OpenReader();
        reader.Join(AllLanes);
        List<OutboxRow> rows = await ReadAllAsync(reader);
        await using OutboxSettler settler = store.OpenSettler();
        OutboxChange change = Delivered(rows[0]);

        // A renewal between snapshot and lock is a conflict for a serializable transaction.
        await using Caller burial = await Caller.BeginAsync(Database.Source);
        await burial.ExecuteAsync($"DELETE FROM {Tables.Worker} WHERE worker = '{Me}'");
        Task settled = settler.SettleAsync(Me, [change], default).AsTask();
        await BlockedAsync();
        await burial.Transaction.CommitAsync();
        await settled;

        Assert.False(change.IsApplied);
        Assert.Equal(2, (await LogAsync()).Count);
    }

    /// <summary>Counts the round trips of this test, by the spans of the driver.</summary>
    private sealed class RoundTrips : IDisposable
    {
        private readonly Activity _root = new Activity("test").Start();
        private readonly ActivityListener _listener;
        private int _count;

        internal RoundTrips()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = static source => source.Name == "Npgsql",
                Sample = static (ref _) => ActivitySamplingResult.AllData,
                ActivityStopped = span => Interlocked.Add(ref _count, span.TraceId == _root.TraceId ? 1 : 0),
            };
            ActivitySource.AddActivityListener(_listener);
        }

        internal int Count => Volatile.Read(ref _count);

        internal void Reset() => Volatile.Write(ref _count, 0);

        public void Dispose()
        {
            _listener.Dispose();
            _root.Dispose();
        }
    }
}
