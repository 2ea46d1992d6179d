using Npgsql;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The contract on direct connections, and with settings that a session gets when it begins.</summary>
[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlOutboxStoreTests : PostgreSqlOutboxStoreContract
{
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
}
