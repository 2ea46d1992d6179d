using Microsoft.Data.Sqlite;

namespace Adcp.Aot.Seller.Tests;

/// <summary>The pending webhooks of a seller that is asked to stop.</summary>
public sealed class ShutdownTests
{
    private static string Buy(string push)
    {
        string input = $$"""{"idempotency_key":"{{Guid.NewGuid()}}","push_notification_config":{{push}} }""";
        string data = $$"""{"skill":"create_media_buy","input":{{input}} }""";
        return $$"""{"message":{"messageId":"1","role":"ROLE_USER","parts":[{"data":{{data}} }]} }""";
    }

    [Fact]
    public async Task A_receiver_that_answers_after_six_seconds_is_waited_for()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 1);
        await using Buyer buyer = await Buyer.StartAsync(seller, AdcpVersion.V32);
        buyer.Gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await seller.A2AAsync("SendMessage", Buy(buyer.Push("op_1")));
        await buyer.Reached.Task.WaitAsync(TimeSpan.FromMinutes(2));

        Task stopped = seller.StopAsync();
        await Task.WhenAny(stopped, Task.Delay(TimeSpan.FromSeconds(6)));
        buyer.Gate.SetResult();
        await stopped;

        Assert.Equal("completed", (await buyer.NextAsync()).GetProperty("status").GetString());
        Assert.Single(buyer.Attempts);
        Assert.DoesNotContain(seller.Lines, static line => line.Contains("was not delivered", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_receiver_that_is_busy_while_the_seller_stops_gets_its_webhook_after_the_next_start()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 1);
        await using Buyer buyer = await Buyer.StartAsync(seller, AdcpVersion.V32);

        buyer.Refusals = 3;
        await seller.A2AAsync("SendMessage", Buy(buyer.Push("op_1")));
        await buyer.Reached.Task.WaitAsync(TimeSpan.FromMinutes(2));

        await seller.StopAsync();
        await using SellerProcess restarted = await SellerProcess.StartAsync("3.2", 1, seller);

        Assert.Equal("completed", (await buyer.NextAsync()).GetProperty("status").GetString());
        Assert.Equal(4, buyer.Attempts.Count);
    }

    [Fact]
    public async Task A_receiver_that_outlasts_the_patience_is_sent_the_webhook_again_after_the_next_start()
    {
        await using SellerProcess seller = await SellerProcess.LaunchAsync("3.2", 1, null, "--patience", "1");
        await using Buyer buyer = await Buyer.StartAsync(seller, AdcpVersion.V32);
        buyer.Gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await seller.A2AAsync("SendMessage", Buy(buyer.Push("op_1")));
        await buyer.Reached.Task.WaitAsync(TimeSpan.FromMinutes(2));

        await seller.StopAsync();
        buyer.Gate.SetResult();
        buyer.Gate = null;
        await using SellerProcess restarted = await SellerProcess.StartAsync("3.2", 1, seller);

        Assert.Equal("completed", (await buyer.NextAsync()).GetProperty("status").GetString());
        Assert.Contains(seller.Lines, static line => line.Contains("1 webhooks wait in the store", StringComparison.Ordinal));
        Assert.Contains(seller.Lines, static line => line.Contains("1 attempts were cut short", StringComparison.Ordinal));
        Assert.Single(
            seller.Lines,
            line => line.Contains($"to {new Uri(buyer.Url).Authority} waits in the outbox", StringComparison.Ordinal)
            && line.Contains("of task or notification task_", StringComparison.Ordinal)
            && line.Contains("It is delivered when a worker starts", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_webhook_that_waits_when_the_seller_is_killed_arrives_after_the_next_start()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 1);
        await using Buyer buyer = await Buyer.StartAsync(seller, AdcpVersion.V32);
        buyer.Refusals = 1;
        await seller.A2AAsync("SendMessage", Buy(buyer.Push("op_1")));
        await buyer.Reached.Task.WaitAsync(TimeSpan.FromMinutes(2));

        await seller.KillAsync();
        await using SellerProcess restarted = await SellerProcess.StartAsync("3.2", 1, seller);

        Assert.Equal("completed", (await buyer.NextAsync()).GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_media_buy_whose_task_was_never_made_is_deleted_at_the_next_start()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 3_600_000);
        await using Buyer buyer = await Buyer.StartAsync(seller, AdcpVersion.V32);
        await seller.A2AAsync("SendMessage", Buy(buyer.Push("op_1")));
        await seller.KillAsync();
        await using SqliteConnection store = new($"Data Source={seller.Store};Pooling=False");
        await store.OpenAsync();
        Assert.Equal(1L, await ScalarAsync(store, "SELECT COUNT(*) FROM media_buys"));
        await ScalarAsync(store, "DELETE FROM adcp_tasks");

        await using SellerProcess restarted = await SellerProcess.StartAsync("3.2", 1, seller);

        using CancellationTokenSource guard = new(TimeSpan.FromMinutes(2));
        while (await ScalarAsync(store, "SELECT COUNT(*) FROM media_buys") is not 0L)
        {
            await Task.Delay(20, guard.Token);
        }

        Assert.Equal(0, buyer.Waiting);
    }

    private static async Task<object?> ScalarAsync(SqliteConnection store, string sql)
    {
        await using SqliteCommand command = store.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteScalarAsync();
    }
}
