using System.Diagnostics;
using System.Text.Json;
using Adcp.Aot.Storage;
using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Platform.Tests.Idempotency;

public sealed class SqliteKilledSellerTests() : KilledSellerTests(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlKilledSellerTests() : KilledSellerTests(SqlDialect.PostgreSql);

/// <summary>A seller's process that is killed in the midst of a call, and the next process over its database.</summary>
public abstract class KilledSellerTests(SqlDialect dialect)
{
    private static readonly TimeSpan LongestUntilAnswer = TimeSpan.FromSeconds(10);

    /// <summary>Five sellers at a time, because each waits for a lease.</summary>
    [Fact]
    public Task A_request_is_performed_once_and_its_buyer_is_told_within_ten_seconds_of_the_restart() => Task.WhenAll(
        KillAsync("begun", "now", knows: true),
        KillAsync("committed", "now", knows: true),
        KillAsync("committed", "later", knows: true),
        KillAsync("committed", "now", knows: false),
        KillAsync("handed off", "later", knows: false));

    private async Task KillAsync(string point, string plan, bool knows)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(dialect);
        PlatformOptions options = LedgerPlatform.Options(database.Source, dialect);
        await ((SqlTaskRegistry)options.Tasks).CreateIfAbsentAsync();
        await ((Platform.Idempotency.SqlIdempotencyStore)options.Idempotency).CreateIfAbsentAsync();
        await LedgerPlatform.CreateAsync(database.Source);
        string arguments = $$"""{"plan":"{{plan}}","idempotency_key":"{{Guid.NewGuid()}}"}""";
        await KilledSellerVictim.RunUntilAsync(point, $"{dialect}|{database.ConnectionString}|{arguments}");

        long restarted = Stopwatch.GetTimestamp();
        LedgerPlatform seller = new(database.Source) { Knows = knows };
        await using PlatformHandler handler = AdcpServer.CreateFromPlatform(seller, options);
        ToolReply reply = await CallAsync(handler, arguments);
        while (reply.Error is { Code: "IDEMPOTENCY_IN_FLIGHT", RetryAfter: { } wait }
            && Stopwatch.GetElapsedTime(restarted) + wait < LongestUntilAnswer)
        {
            await Task.Delay(wait);
            reply = await CallAsync(handler, arguments);
        }

        Assert.InRange(Stopwatch.GetElapsedTime(restarted), TimeSpan.Zero, LongestUntilAnswer);
        Assert.Equal(1, await database.CountAsync("SELECT COUNT(*) FROM ledger"));
        if (point == "committed" && !knows)
        {
            Assert.Equal("IDEMPOTENCY_IN_FLIGHT", reply.Error?.Code);
            return;
        }

        Assert.Null(reply.Error);
        Assert.Equal(point != "begun", reply.IsReplay);
        Assert.Equal(point == "handed off" ? AdcpTaskStatus.Submitted : AdcpTaskStatus.Completed, reply.Status);
        ToolReply again = await CallAsync(handler, arguments);
        Assert.Equal((true, reply.TaskId), (again.IsReplay, again.TaskId));
        if (point != "handed off")
        {
            Assert.Equal(
                (string)(await database.ExecuteAsync("SELECT id FROM ledger"))!,
                Bench.Body(again.Body).GetProperty("media_buy_id").GetString());
        }
    }

    internal static async Task<ToolReply> CallAsync(PlatformHandler handler, string arguments)
    {
        using JsonDocument document = JsonDocument.Parse(arguments);
        return await handler.CallAsync("create_media_buy", document.RootElement, "buyer");
    }
}
