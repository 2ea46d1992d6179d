using System.Data.Common;

namespace Adcp.Aot.Storage.Tests.Outbox;

public sealed class SqliteOutboxStoreTests : OutboxStoreContract
{
    private readonly List<OutboxStore> _opened = [];

    private protected override SqlDialect Dialect => SqlDialect.Sqlite;

    public override async ValueTask DisposeAsync()
    {
        foreach (OutboxStore store in _opened)
        {
            await store.DisposeAsync();
        }

        await base.DisposeAsync();
    }

    private protected override OutboxStore Open(DbDataSource source, OutboxTables tables, TimeSpan? deadKept = null)
    {
        SqliteOutboxStore store = new(new StoreDatabase(source, SqlDialect.Sqlite), tables, deadKept: deadKept);
        _opened.Add(store);
        return store;
    }

    [Fact]
    public async Task Counts_of_reasons_are_exact_up_to_a_number_and_then_near_the_truth()
    {
        // One reason in a pattern over the ids, with a hole in them.
        await Database.ExecuteAsync(
            $"""
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
            INSERT INTO {Tables.Dead} (id, lane, endpoint, tenant, key_id, enqueued_at, reason, status_code, ended_at, kept_until, sealed)
            SELECT i + (i > 15000) * 1000, 0, 0, 0, 'k', 0, CASE WHEN i % 10 = 0 THEN 'expired' WHEN i % 1000 = 1 THEN 'poison'
                ELSE 'rejected' END, 0, 0, 0, x'01' FROM n
            """);
        string[] reasons = ["rejected", "expired", "poison", "conflict"];

        IReadOnlyList<(long Count, bool IsEstimate)> exact = await Store.Dead.CountReasonsAsync(reasons, 20_000, default);
        IReadOnlyList<(long Count, bool IsEstimate)> rest = await Store.Dead.CountReasonsAsync(reasons, 2_000, default);
        IReadOnlyList<(long Count, bool IsEstimate)> estimated = await Store.Dead.CountReasonsAsync(reasons, 1_000, default);

        Assert.Equal([(17_980, false), (2_000, false), (20, false), (0, false)], exact);
        Assert.Equal(exact, rest);
        Assert.Equal([true, true, false, false], estimated.Select(static count => count.IsEstimate));
        Assert.InRange(estimated[0].Count, 17_000, 19_000);
        Assert.InRange(estimated[1].Count, 1_400, 2_600);
        Assert.Equal((20, 0), (estimated[2].Count, estimated[3].Count));
    }

    [Fact]
    public async Task Rows_of_savepoints_follow_their_transaction()
    {
        await using (DbConnection connection = await Database.Source.OpenConnectionAsync())
        await using (DbTransaction transaction = await connection.BeginTransactionAsync())
        {
            await transaction.SaveAsync("a");
            await Store.AppendAsync(transaction, [Entry("undone")], default);
            await transaction.RollbackAsync("a");
            await transaction.SaveAsync("b");
            await Store.AppendAsync(transaction, [Entry("kept")], default);
            await transaction.ReleaseAsync("b");
            await transaction.CommitAsync();
        }

        await using OutboxReader reader = Store.OpenReader();
        reader.Join(AllLanes);
        Assert.Equal(["kept"], Texts(await ReadAllAsync(reader)));
    }

    private protected override async Task MakeSchemaNewerAsync()
    {
        await Database.ExecuteAsync($"UPDATE {Tables.Meta} SET format = format + 1");
        await Database.ExecuteAsync("UPDATE adcp_schema_versions SET version = version + 10");
    }
}
