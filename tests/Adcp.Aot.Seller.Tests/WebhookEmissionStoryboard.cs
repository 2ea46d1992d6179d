using System.Text.Json;
using Adcp.Aot.Platform.Tests.Wire;

namespace Adcp.Aot.Seller.Tests;

/// <summary>The buyer's receiver verifies the signature of each webhook before it takes it.</summary>
[Needs(Resource.AdcpData)]
[Trait("storyboard", "webhook_emission")]
public sealed class WebhookEmissionStoryboard(StoryboardSeller seller) : IClassFixture<StoryboardSeller>, IAsyncLifetime
{
    private Buyer _buyer = null!;

    public async ValueTask InitializeAsync() => _buyer = await Buyer.StartAsync(seller.Process, AdcpVersion.V32);

    public ValueTask DisposeAsync() => _buyer.DisposeAsync();

    [Fact]
    public async Task Get_capabilities()
    {
        JsonElement answer = await seller.CallAsync("get_adcp_capabilities", "get_capabilities", "\"ext\":{}");

        Assert.Equal(JsonValueKind.Array, answer.GetProperty("supported_protocols").ValueKind);
    }

    [Fact]
    public Task Trigger_webhook_operation() => TriggeredAsync("op_webhook_presence_explicit");

    [Fact]
    public async Task Expect_webhook_presence()
    {
        string task = await TriggerAsync("op_webhook_presence_explicit");

        JsonElement webhook = await _buyer.NextAsync();

        Assert.True(webhook.GetProperty("idempotency_key").GetString()!.Length >= 16);
        Assert.Equal(task, webhook.GetProperty("task_id").GetString());
        ReplySchemas.CheckWebhook(AdcpVersion.V32, webhook);
    }

    [Fact]
    public Task Trigger_operation_id_echo() => TriggeredAsync("op_storyboard_echo_123");

    [Fact]
    public async Task Expect_operation_id_echo()
    {
        await TriggerAsync("op_storyboard_echo_123");

        Assert.Equal("op_storyboard_echo_123", (await _buyer.NextAsync()).GetProperty("operation_id").GetString());
    }

    [Fact]
    public Task Trigger_idempotent_webhook_initial() => TriggeredAsync("op_webhook_idempotency_replay");

    [Fact]
    public async Task Trigger_idempotent_webhook_replay()
    {
        string key = Guid.NewGuid().ToString();
        await TriggerAsync("op_webhook_idempotency_replay", key);

        JsonElement again = await BuyAsync("op_webhook_idempotency_replay", key);

        Assert.True(again.GetProperty("replayed").GetBoolean());
        await _buyer.NextAsync();
    }

    /// <summary>The webhook of another purchase, which is made after the replay, comes next.</summary>
    [Fact]
    public async Task Expect_no_duplicate_webhook_on_replay()
    {
        string key = Guid.NewGuid().ToString();
        await TriggerAsync("op_webhook_idempotency_replay", key);
        JsonElement first = await _buyer.NextAsync();
        await TriggerAsync("op_webhook_idempotency_replay", key);
        await TriggerAsync("op_other");

        JsonElement second = await _buyer.NextAsync();

        Assert.Equal("op_webhook_idempotency_replay", first.GetProperty("operation_id").GetString());
        Assert.Equal("op_other", second.GetProperty("operation_id").GetString());
    }

    [Fact]
    public async Task Sync_get_products_with_webhook_config_success()
    {
        JsonElement answer = await GetProductsAsync();

        Assert.Equal(JsonValueKind.Array, answer.GetProperty("products").ValueKind);
        Assert.False(answer.TryGetProperty("task_id", out _));
    }

    [Fact]
    public async Task Expect_sync_get_products_silence()
    {
        await GetProductsAsync();
        await TriggerAsync("op_other");

        Assert.Equal("op_other", (await _buyer.NextAsync()).GetProperty("operation_id").GetString());
        Assert.Equal(0, _buyer.Waiting);
    }

    [Fact]
    public Task Trigger_retry_scenario() => TriggeredAsync("op_webhook_retry_explicit");

    [Fact]
    public async Task Expect_key_stable_across_retries()
    {
        _buyer.Refusals = 2;
        await TriggerAsync("op_webhook_retry_explicit");

        JsonElement webhook = await _buyer.NextAsync();

        string key = webhook.GetProperty("idempotency_key").GetString()!;
        Assert.Equal([key, key], _buyer.RefusedKeys);
        Assert.Equal(3, _buyer.Attempts.Distinct().Count());
    }

    [Fact]
    public async Task Fetch_brand_json()
    {
        using HttpClient http = new();

        JsonElement brand = JsonElement.Parse(await http.GetStringAsync(new Uri(seller.Process.Url, ".well-known/brand.json")));

        Assert.Equal(JsonValueKind.Array, brand.GetProperty("agents").ValueKind);
    }

    [Fact]
    public async Task Assert_webhook_signing_key_present()
    {
        using HttpClient http = new();

        JsonElement keys = JsonElement.Parse(await http.GetStringAsync(new Uri(seller.Process.Url, ".well-known/jwks.json")));

        JsonElement key = Assert.Single(keys.GetProperty("keys").EnumerateArray());
        Assert.Equal("request-signing", key.GetProperty("adcp_use").GetString());
        Assert.False(key.TryGetProperty("d", out _));
    }

    [Fact]
    public Task Trigger_signed_webhook() => TriggeredAsync("op_webhook_signed_explicit");

    [Fact]
    public async Task Expect_signature_valid()
    {
        await TriggerAsync("op_webhook_signed_explicit");

        // A webhook is received only if its signature was valid.
        Assert.Equal("op_webhook_signed_explicit", (await _buyer.NextAsync()).GetProperty("operation_id").GetString());
        Assert.Single(_buyer.Attempts);
    }

    /// <summary>Makes the purchase that sends a webhook.</summary>
    /// <returns>The id of its task.</returns>
    private async Task<string> TriggerAsync(string operation, string? key = null) =>
        (await BuyAsync(operation, key)).GetProperty("task_id").GetString()!;

    /// <summary>Makes the purchase, whose webhook comes.</summary>
    private async Task TriggeredAsync(string operation)
    {
        string task = await TriggerAsync(operation);
        Assert.Equal(task, (await _buyer.NextAsync()).GetProperty("task_id").GetString());
    }

    private Task<JsonElement> BuyAsync(string operation, string? key) => seller.CallAsync("create_media_buy", operation,
        "\"buyer_ref\":\"b\",\"push_notification_config\":" + _buyer.Push(operation), key);

    private Task<JsonElement> GetProductsAsync() => seller.CallAsync("get_products", "sync_get_products_no_webhook",
        "\"buying_mode\":\"wholesale\",\"push_notification_config\":" + _buyer.Push("op_sync_get_products_no_webhook"));
}
