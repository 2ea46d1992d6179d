using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace Adcp.Aot.Seller.Tests;

/// <summary>A Seller that is killed between the commit of a purchase and its answer.</summary>
public sealed class LostAnswerTests
{
    private static readonly TimeSpan LongestUntilAnswer = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData("3.0", 0)]
    [InlineData("3.1", 0)]
    [InlineData("3.2", 0)]
    [InlineData("3.2", 3_600_000)]
    public async Task Its_buyer_gets_the_answer_and_one_purchase_is_made(string release, int completeAfter)
    {
        string buy = $$"""
            {"message":{"messageId":"1","role":"ROLE_USER","parts":[{"data":{"skill":"create_media_buy","input":{"buyer_ref":"b",
            "idempotency_key":"{{Guid.NewGuid()}}"} } }] } }
            """;
        await using SellerProcess seller = await SellerProcess.StartAsync(release, completeAfter);
        await using SqliteConnection store = new($"Data Source={seller.Store}");
        await store.OpenAsync();
        await RunAsync(
            "CREATE TRIGGER no_answer BEFORE UPDATE ON adcp_requests WHEN NEW.is_answered BEGIN SELECT RAISE(ABORT, 'no answer'); END");

        Task<JsonElement> lost = seller.A2AAsync("SendMessage", buy);
        string committed = $"SELECT COUNT(*) FROM {(completeAfter == 0 ? "media_buys" : "adcp_tasks")}";
        using CancellationTokenSource guard = new(TimeSpan.FromMinutes(1));
        while (await RunAsync(committed) == 0)
        {
            await Task.Delay(5, guard.Token);
        }

        await seller.KillAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => lost);
        await RunAsync("DROP TRIGGER no_answer");
        await using SellerProcess restarted = await SellerProcess.StartAsync(release, completeAfter, seller);
        long started = Stopwatch.GetTimestamp();
        JsonElement answer;
        do
        {
            answer = Data(await restarted.A2AAsync("SendMessage", buy));
        }
        while (answer.TryGetProperty("adcp_error", out _) && Stopwatch.GetElapsedTime(started) < LongestUntilAnswer);

        Assert.False(answer.TryGetProperty("adcp_error", out JsonElement error), error.ToString());
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, LongestUntilAnswer);
        Assert.True(answer.GetProperty("replayed").GetBoolean());
        Assert.Equal(1, await RunAsync("SELECT COUNT(*) FROM media_buys"));
        Assert.Equal(completeAfter > 0, answer.TryGetProperty("task_id", out _));
        Assert.True(completeAfter > 0 || answer.GetProperty("media_buy_id").GetString()!.StartsWith("mb_", StringComparison.Ordinal));

        async Task<long> RunAsync(string sql)
        {
            await using SqliteCommand command = store.CreateCommand();
#pragma warning disable CA2100 // Constants of this test.
            command.CommandText = sql;
#pragma warning restore CA2100
            return Convert.ToInt64(await command.ExecuteScalarAsync() ?? 0L, CultureInfo.InvariantCulture);
        }
    }

    private static JsonElement Data(JsonElement sent) => sent.GetProperty("result").GetProperty("task").GetProperty("artifacts")[0]
        .GetProperty("parts").EnumerateArray().Single(part => part.TryGetProperty("data", out _)).GetProperty("data");
}
