using System.Text.Json;
using Microsoft.Data.Sqlite;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace Adcp.Aot.Seller.Tests;

/// <summary>The Seller's store keeps its data over a restart, and for its owner only.</summary>
public sealed class StoreTests
{
    private const string Alice = "a-token-of-alice-0001";
    private const string Bob = "a-token-of-bob-000001";
    private static readonly string[] Principals = [$"alice={Alice}", $"bob={Bob}"];

    [Fact]
    public async Task A_store_whose_tables_are_not_the_sellers_ends_it_with_one_line()
    {
        string file = Path.Combine(Directory.CreateTempSubdirectory("seller-").FullName, "seller.db");
        await using (SqliteConnection connection = new($"Data Source={file};Pooling=False"))
        {
            await connection.OpenAsync();
            await using SqliteCommand command = new("CREATE TABLE adcp_schema_versions (foreign_column TEXT)", connection);
            await command.ExecuteNonQueryAsync();
        }

        (int exitCode, string errors) = await SellerProcess.FailAsync(file);

        Assert.Equal(1, exitCode);
        string line = Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith($"The store {file} cannot be used: ", line, StringComparison.Ordinal);
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    [Fact]
    public async Task A_buy_whose_reporting_webhook_has_no_operation_id_is_not_reported_on()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 0, principals: Principals);
        await using Buyer buyer = await Buyer.StartAsync(seller, AdcpVersion.V32);
        await using McpClient alice = await seller.ConnectAsync(Alice);

        await CallAsync(alice, "create_media_buy", $$"""{"reporting_webhook":{"url":"{{buyer.Url}}/none"} }""");
        await CallAsync(
            alice, "create_media_buy", $$"""{"reporting_webhook":{"url":"{{buyer.Url}}","operation_id":"op_2"} }""");
        JsonElement report = await buyer.NextAsync();
        await seller.StopAsync();

        Assert.Equal("op_2", report.GetProperty("operation_id").GetString());
        Assert.Equal(0, buyer.Waiting);
    }

    [Fact]
    public async Task Webhook_activity_is_the_callers_own_newest_first_without_secrets_and_outlives_the_process()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 1, principals: Principals);
        await using Buyer buyer = await Buyer.StartAsync(seller, AdcpVersion.V32);
        buyer.Refusals = 1;
        string activity;
        string task;
        await using (McpClient alice = await seller.ConnectAsync(Alice))
        await using (McpClient bob = await seller.ConnectAsync(Bob))
        {
            JsonElement answer = await CallAsync(alice, "create_media_buy", $$"""
                {"reporting_webhook":{"url":"{{buyer.Url}}?key=query-secret",
                "operation_id":"report_1","token":"a-report-token-of-alice","reporting_frequency":"daily"} }
                """);
            task = answer.GetProperty("task_id").GetString()!;
            JsonElement report = await buyer.NextAsync();
            Assert.Equal("scheduled", report.GetProperty("result").GetProperty("notification_type").GetString());
            Assert.Equal(1, report.GetProperty("result").GetProperty("sequence_number").GetInt32());
            Assert.Equal("report_1", report.GetProperty("operation_id").GetString());
            Assert.Equal("a-report-token-of-alice", report.GetProperty("token").GetString());

            JsonElement buy = await RecordedAsync(alice, 2);
            JsonElement[] records = [.. buy.GetProperty("webhook_activity").EnumerateArray()];
            Assert.Equal([2, 1], records.Select(record => record.GetProperty("attempt").GetInt32()));
            Assert.Equal(["success", "failed"], records.Select(record => record.GetProperty("status").GetString()));
            Assert.All(records, record => Assert.Equal("scheduled", record.GetProperty("notification_type").GetString()));
            Assert.Equal(report.GetProperty("idempotency_key").GetString(),
                Assert.Single(records.Select(record => record.GetProperty("idempotency_key").GetString()).Distinct()));
            activity = buy.GetProperty("webhook_activity").GetRawText();
            Assert.DoesNotContain("query-secret", activity, StringComparison.Ordinal);
            Assert.DoesNotContain("a-report-token-of-alice", activity, StringComparison.Ordinal);

            Assert.Equal(1, Assert.Single(await BuysAsync(alice, ",\"webhook_activity_limit\":1")).GetProperty("webhook_activity")
                .GetArrayLength());
            Assert.False(Assert.Single((await CallAsync(alice, "get_media_buys", "{}")).GetProperty("media_buys").EnumerateArray())
                .TryGetProperty("webhook_activity", out _));
            Assert.Empty(await BuysAsync(bob));
        }

        if (!OperatingSystem.IsWindows())
        {
            foreach (string suffix in (string[])["", ".key", ".jwk"])
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(seller.Store + suffix));
            }
        }

        await seller.StopAsync();
        await using SellerProcess restarted = await SellerProcess.StartAsync("3.2", 1, seller, Principals);
        await using McpClient again = await restarted.ConnectAsync(Alice);
        Assert.Equal(activity, Assert.Single(await BuysAsync(again)).GetProperty("webhook_activity").GetRawText());
        JsonElement known = (await restarted.A2AAsync("GetTask", $$"""{"id":"{{task}}"}""", Alice)).GetProperty("result");
        Assert.Equal("TASK_STATE_COMPLETED", known.GetProperty("status").GetProperty("state").GetString());
        Assert.Equal(-32001, (await restarted.A2AAsync("GetTask", $$"""{"id":"{{task}}"}""", Bob)).GetProperty("error")
            .GetProperty("code").GetInt32());
        Assert.Equal(1, (await restarted.A2AAsync("ListTasks", "{}", Alice)).GetProperty("result").GetProperty("totalSize").GetInt32());
        Assert.Equal(0, (await restarted.A2AAsync("ListTasks", "{}", Bob)).GetProperty("result").GetProperty("totalSize").GetInt32());
        await Assert.ThrowsAsync<HttpRequestException>(() => restarted.A2AAsync("ListTasks", "{}"));
    }

    [Fact]
    public async Task A_seller_that_was_killed_completes_its_media_buys_after_the_restart_under_the_same_key()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 3_600_000);
        await using Buyer buyer = await Buyer.StartAsync(seller, AdcpVersion.V32);
        string task;
        await using (McpClient client = await seller.ConnectAsync())
        {
            task = (await CallAsync(client, "create_media_buy", $$"""{"push_notification_config":{{buyer.Push("op_1")}}}"""))
                .GetProperty("task_id").GetString()!;
        }

        await seller.KillAsync();
        await using SellerProcess restarted = await SellerProcess.StartAsync("3.2", 1, seller);
        JsonElement told = await buyer.NextAsync();
        Assert.Equal((task, "completed", "op_1"),
            (told.GetProperty("task_id").GetString(), told.GetProperty("status").GetString(), told.GetProperty("operation_id")
                .GetString()));
    }

    [Fact]
    public async Task A_request_that_is_made_again_after_a_crash_is_answered_as_before_performed_once_and_told_once()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 3_600_000);
        await using Buyer buyer = await Buyer.StartAsync(seller, AdcpVersion.V32);
        string request = $$"""{"idempotency_key":"{{Guid.NewGuid()}}","context":{"try":1},"push_notification_config":"""
            + $$"""{{buyer.Push("op_1")}}}""";
        JsonElement first;
        await using (McpClient client = await seller.ConnectAsync())
        {
            first = await CallAsync(client, "create_media_buy", request);
        }

        await seller.KillAsync();
        await using SellerProcess restarted = await SellerProcess.StartAsync("3.2", 1, seller);
        await using (McpClient client = await restarted.ConnectAsync())
        {
            JsonElement again = await CallAsync(client, "create_media_buy",
                request.Replace("\"try\":1", "\"try\":2", StringComparison.Ordinal));
            Assert.Equal(first.GetProperty("task_id").GetString(), again.GetProperty("task_id").GetString());
            Assert.False(first.TryGetProperty("replayed", out _));
            Assert.True(again.GetProperty("replayed").GetBoolean());
            Assert.Equal(2, again.GetProperty("context").GetProperty("try").GetInt32());
            JsonElement other = await CallAsync(client, "create_media_buy",
                request.Replace("op_1", "op_2", StringComparison.Ordinal), isError: true);
            Assert.Equal("IDEMPOTENCY_CONFLICT", other.GetProperty("adcp_error").GetProperty("code").GetString());
        }

        Assert.Equal("completed", (await buyer.NextAsync()).GetProperty("status").GetString());
        Assert.Equal(1, (await restarted.A2AAsync("ListTasks", "{}")).GetProperty("result").GetProperty("totalSize").GetInt32());
        await restarted.StopAsync();
        Assert.Single(buyer.Attempts);
    }

    [Fact]
    public async Task Tasks_that_outlived_their_time_are_deleted()
    {
        await using SellerProcess seller = await SellerProcess.StartAsync("3.2", 1);
        await using Buyer buyer = await Buyer.StartAsync(seller, AdcpVersion.V32);
        await using (McpClient client = await seller.ConnectAsync())
        {
            await CallAsync(client, "create_media_buy", $$"""{"push_notification_config":{{buyer.Push("op_1")}}}""");
        }

        await buyer.NextAsync();
        await seller.StopAsync();
        await using (SqliteConnection store = new($"Data Source={seller.Store};Pooling=False"))
        {
            await store.OpenAsync();
            await using SqliteCommand aged = store.CreateCommand();
            aged.CommandText = "UPDATE adcp_tasks SET updated_at = 1";
            Assert.Equal(1, await aged.ExecuteNonQueryAsync());
        }

        await using SellerProcess restarted = await SellerProcess.StartAsync("3.2", 1, seller);
        using CancellationTokenSource guard = new(TimeSpan.FromMinutes(2));
        while ((await restarted.A2AAsync("ListTasks", "{}")).GetProperty("result").GetProperty("totalSize").GetInt32() > 0)
        {
            guard.Token.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Asks until the sink, which is not on the delivery's path, has written this number of records.</summary>
    private static async Task<JsonElement> RecordedAsync(McpClient client, int records)
    {
        using CancellationTokenSource guard = new(TimeSpan.FromMinutes(2));
        while (true)
        {
            guard.Token.ThrowIfCancellationRequested();
            // A webhook whose retry is due has a record of its own, which the attempt replaces.
            if (await BuysAsync(client) is [{ } buy] && buy.GetProperty("webhook_activity").GetArrayLength() == records
                && buy.GetProperty("webhook_activity").EnumerateArray().All(static record =>
                    record.GetProperty("status").GetString() != "pending"))
            {
                return buy;
            }
        }
    }

    private static async Task<JsonElement[]> BuysAsync(McpClient client, string more = "") =>
        [.. (await CallAsync(client, "get_media_buys", $$"""{"include_webhook_activity":true{{more}}}"""))
            .GetProperty("media_buys").EnumerateArray()];

    private static async Task<JsonElement> CallAsync(McpClient client, string tool, string arguments, bool isError = false)
    {
        Dictionary<string, object?> given = JsonElement.Parse(arguments).EnumerateObject()
            .ToDictionary(member => member.Name, member => (object?)member.Value);
        given.TryAdd("idempotency_key", Guid.NewGuid().ToString());
        CallToolResult result = await client.CallToolAsync(tool, given);
        Assert.Equal(isError, result.IsError ?? false);
        return result.StructuredContent!.Value;
    }
}
