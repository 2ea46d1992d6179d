using System.Text.Json;
using System.Text.Json.Serialization;

namespace Adcp.Aot.Platform.Tests;

[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(Products))]
internal sealed partial class StoryboardJson : JsonSerializerContext;

/// <summary>A seller with the tools that AdCP's storyboards on idempotency and task status call.</summary>
[AdcpPlatform(typeof(StoryboardJson))]
internal sealed partial class StoryboardPlatform
{
    private readonly Lock _lock = new();

    public PlatformOptions? Options { get; set; }

    public List<string> MediaBuys { get; } = [];

    /// <summary>Gets whether the next calls of <c>get_products</c> and <c>get_signals</c> are handed off.</summary>
    public bool HandsOff { get; set; }

    [AdcpTool("get_adcp_capabilities")]
    public ValueTask<JsonElement> GetCapabilitiesAsync()
    {
        using MemoryStream output = new();
        using (Utf8JsonWriter json = new(output))
        {
            json.WriteStartObject();
            json.WriteStartObject("adcp"u8);
            Options!.WriteIdempotency(json);
            json.WriteEndObject();
            json.WriteStartArray("supported_protocols"u8);
            json.WriteStringValue("media_buy"u8);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return new(JsonElement.Parse(output.ToArray()));
    }

    [AdcpTool("create_media_buy")]
    public async ValueTask<JsonElement> CreateMediaBuyAsync()
    {
        await Task.Yield();
        lock (_lock)
        {
            MediaBuys.Add($"mb_{MediaBuys.Count + 1}");
            return JsonElement.Parse($$"""{"media_buy_id":"{{MediaBuys[^1]}}"}""");
        }
    }

    [AdcpTool("get_media_buys")]
    public ValueTask<JsonElement> GetMediaBuysAsync() => new(JsonElement.Parse(
        "{\"media_buys\":[" + string.Join(',', MediaBuys.Select(id => $$"""{"media_buy_id":"{{id}}"}""")) + "]}"));

    [AdcpTool("get_products")]
    public async ValueTask<ToolOutcome<Products>> GetProductsAsync(ToolCall call) =>
        HandsOff ? await call.HandOffAsync() : new Products([]);

    [AdcpTool("get_signals")]
    public async ValueTask<ToolOutcome<Products>> GetSignalsAsync(ToolCall call) =>
        HandsOff ? await call.HandOffAsync() : new Products([]);

    [AdcpTool("list_accounts")]
    public static ValueTask<JsonElement> ListAccountsAsync() => new(JsonElement.Parse("""{"accounts":[]}"""));

    [AdcpTool("list_creative_formats")]
    public static ValueTask<JsonElement> ListFormatsAsync() => new(JsonElement.Parse("""{"formats":[]}"""));

    [AdcpTool("list_creatives")]
    public static ValueTask<JsonElement> ListCreativesAsync() => new(JsonElement.Parse("""{"creatives":[]}"""));
}

internal sealed record Products([property: JsonPropertyName("products")] IReadOnlyList<string> Items);
