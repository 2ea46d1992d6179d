using System.Text.Json;
using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Storage;
using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Platform.Tests.Idempotency;

public sealed class SqliteLostCommitTests() : LostCommitTests(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlLostCommitTests() : LostCommitTests(SqlDialect.PostgreSql);

[Needs(Resource.MySql)]
public sealed class MySqlLostCommitTests() : LostCommitTests(SqlDialect.MySql);

/// <summary>A database that loses the answer of a tool's COMMIT, or fails before it.</summary>
public abstract class LostCommitTests(SqlDialect dialect)
{
    private const string Request = """{"idempotency_key":"req_0123456789abcdef"}""";

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task The_buyer_gets_the_answer_of_a_commit_that_was_not_answered(bool knows, bool keepsAnswer)
    {
        await using TestDatabase database = await PrepareAsync();
        FaultyDataSource commits = new(database.Source);
        commits.Once("COMMIT", Fault.LostAnswer());
        LedgerPlatform seller = new(database.Source) { Commits = commits, Knows = knows, KeepsAnswer = keepsAnswer };
        await using PlatformHandler handler = AdcpServer.CreateFromPlatform(seller, LedgerPlatform.Options(database.Source, dialect));

        ToolReply first = await CallAsync(handler);
        ToolReply second = await CallAsync(handler);

        Assert.Equal((null, null), (first.Error, second.Error));
        Assert.Equal((false, true), (first.IsReplay, second.IsReplay));
        Assert.Equal(
            (string)(await database.ExecuteAsync("SELECT id FROM ledger"))!,
            Bench.Body(first.Body).GetProperty("media_buy_id").GetString());
        Assert.Equal(1, await database.CountAsync("SELECT COUNT(*) FROM ledger"));
    }

    [Fact]
    public async Task A_buyer_is_told_to_reconcile_if_the_seller_does_not_know()
    {
        await using TestDatabase database = await PrepareAsync();
        FaultyDataSource commits = new(database.Source);
        commits.Once("COMMIT", Fault.LostAnswer());
        LedgerPlatform seller = new(database.Source) { Commits = commits, Knows = false };
        await using PlatformHandler handler = AdcpServer.CreateFromPlatform(seller, LedgerPlatform.Options(database.Source, dialect));

        ToolReply first = await CallAsync(handler);
        ToolReply second = await CallAsync(handler);

        Assert.Equal(("INTERNAL_ERROR", "IDEMPOTENCY_IN_FLIGHT"), (first.Error?.Code, second.Error?.Code));
        Assert.Equal(1, await database.CountAsync("SELECT COUNT(*) FROM ledger"));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task A_commit_that_did_not_come_through_is_made_by_the_repetition(bool knows, bool keepsAnswer)
    {
        await using TestDatabase database = await PrepareAsync();
        FaultyDataSource commits = new(database.Source);
        commits.Once("COMMIT", Fault.Stale());
        LedgerPlatform seller = new(database.Source) { Commits = commits, Knows = knows, KeepsAnswer = keepsAnswer };
        await using PlatformHandler handler = AdcpServer.CreateFromPlatform(seller, LedgerPlatform.Options(database.Source, dialect));

        ToolReply first = await CallAsync(handler);
        ToolReply second = await CallAsync(handler);

        Assert.Equal("INTERNAL_ERROR", first.Error?.Code);
        Assert.Equal((null, false), (second.Error, second.IsReplay));
        Assert.Equal(1, await database.CountAsync("SELECT COUNT(*) FROM ledger"));
    }

    [Fact]
    public async Task The_answer_outlives_the_object_that_it_names()
    {
        await using TestDatabase database = await PrepareAsync();
        LedgerPlatform seller = new(database.Source);
        await using PlatformHandler handler = AdcpServer.CreateFromPlatform(seller, LedgerPlatform.Options(database.Source, dialect));
        ToolReply first = await CallAsync(handler);
        await database.ExecuteAsync("DELETE FROM ledger");

        ToolReply second = await CallAsync(handler);

        Assert.Equal(Bench.Body(first.Body).GetProperty("media_buy_id").GetString(),
            Bench.Body(second.Body).GetProperty("media_buy_id").GetString());
        Assert.Equal((true, 0L), (second.IsReplay, await database.CountAsync("SELECT COUNT(*) FROM ledger")));
    }

    private static async Task<ToolReply> CallAsync(PlatformHandler handler)
    {
        using JsonDocument document = JsonDocument.Parse(Request);
        return await handler.CallAsync("create_media_buy", document.RootElement, "buyer");
    }

    private async Task<TestDatabase> PrepareAsync()
    {
        TestDatabase database = await TestDatabase.CreateAsync(dialect);
        PlatformOptions options = LedgerPlatform.Options(database.Source, dialect);
        await ((SqlTaskRegistry)options.Tasks).CreateIfAbsentAsync();
        await ((SqlIdempotencyStore)options.Idempotency).CreateIfAbsentAsync();
        await LedgerPlatform.CreateAsync(database.Source);
        return database;
    }
}
