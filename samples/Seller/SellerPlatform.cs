using System.Collections.Concurrent;
using System.Text.Json;
using Adcp.Aot.Auditing;
using Adcp.Aot.Platform;

namespace Seller;

/// <summary>A seller with one product: a media buy is submitted at once and completed a little later.</summary>
[AdcpPlatform(typeof(SellerJson))]
internal sealed partial class SellerPlatform(PlatformOptions options, InMemoryDeliveryLogSink audit, TimeSpan completesAfter)
{
    private readonly ConcurrentDictionary<(string Tenant, string MediaBuyId), CreateMediaBuyResponse> _buys = new();
    private readonly ConcurrentDictionary<Task, byte> _running = new();

    /// <summary>Set once the platform is wired.</summary>
    public PlatformHandler? Handler { get; set; }

    [AdcpTool("get_adcp_capabilities", Description = "What this seller speaks and promises.")]
    public ValueTask<JsonElement> GetCapabilitiesAsync()
    {
        using MemoryStream output = new();
        using (Utf8JsonWriter json = new(output))
        {
            json.WriteStartObject();
            json.WriteStartObject("adcp"u8);
            json.WriteStartArray("major_versions"u8);
            json.WriteNumberValue(3);
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteStartArray("supported_protocols"u8);
            json.WriteStringValue("media_buy"u8);
            json.WriteEndArray();
            options.WebhookSigning?.Write(json, options.Version);
            json.WriteEndObject();
        }

        return new(JsonElement.Parse(output.ToArray()));
    }

    [AdcpTool("get_products", Description = "The products on sale.")]
    public static ValueTask<GetProductsResponse> GetProductsAsync() => new(new GetProductsResponse([new Product("display_run_of_site", "Run of site", "Display on every page.")]));

    [AdcpTool("create_media_buy", Description = "Buys. Answers submitted; completes later.")]
    public async ValueTask<ToolOutcome<CreateMediaBuyResponse>> CreateMediaBuyAsync(CreateMediaBuyRequest request, ToolCall call, CancellationToken cancellationToken)
    {
        CreateMediaBuyResponse buy = new(
            "mb_" + Guid.NewGuid().ToString("N")[..12], request.BuyerRef, [.. (request.Packages ?? []).Select((package, i) => new Package($"pkg_{i + 1}", package.ProductId))]);
        if (completesAfter == TimeSpan.Zero)
        {
            _buys[(call.Tenant, buy.MediaBuyId)] = buy;
            return buy;
        }

        HandedOff task = await call.HandOffAsync(message: "In trafficking.", cancellationToken: cancellationToken);
        Task completion = CompleteAsync(call.Tenant, task.TaskId, buy);
        _running.TryAdd(completion, 0);
        _ = completion.ContinueWith(done => _running.TryRemove(done, out byte _), TaskScheduler.Default);
        return task;
    }

    [AdcpTool("sync_creatives", Description = "Takes creatives.")]
    public static ValueTask<SyncCreativesResponse> SyncCreativesAsync(SyncCreativesRequest request) => new(new SyncCreativesResponse(
        [.. (request.Creatives ?? []).Select(creative => new SyncedCreative(
            creative.CreativeId ?? throw new AdcpErrorException(AdcpError.InvalidRequest("A creative has an id.", "creatives[].creative_id")), "created"))]));

    [AdcpTool("get_media_buys", Description = "The caller's media buys, with webhook activity on request.")]
    public ValueTask<GetMediaBuysResponse> GetMediaBuysAsync(GetMediaBuysRequest request, ToolCall call)
    {
        if (request.WebhookActivityLimit is < 1 or > 200)
        {
            throw new AdcpErrorException(AdcpError.InvalidRequest("1 to 200.", "webhook_activity_limit"));
        }

        return new(new GetMediaBuysResponse([.. _buys.Where(buy => buy.Key.Tenant == call.Tenant).Select(buy => new MediaBuy(buy.Key.MediaBuyId, "active")
        {
            WebhookActivity = request.IncludeWebhookActivity ? Activity(call.Tenant, request.WebhookActivityLimit) : null,
        })]));
    }

    /// <summary>Waits for the media buys that are still in trafficking.</summary>
    public Task FinishAsync() => Task.WhenAll(_running.Keys);

    /// <summary>Attempts of the caller's persistent channels, the latest first. Task webhooks have no notification type and no place in it.</summary>
    private WebhookActivityRecord[] Activity(string tenant, int limit) =>
    [
        .. audit.Snapshot().Where(attempt => attempt.NotificationType is not null && attempt.BreakerKey.StartsWith(tenant + ":", StringComparison.Ordinal) && attempt.AttemptNumber > 0)
            .OrderByDescending(attempt => attempt.OccurredAt).Take(limit).Select(Record),
    ];

    private static WebhookActivityRecord Record(DeliveryAttemptSnapshot attempt) => new()
    {
        IdempotencyKey = attempt.IdempotencyKey,
        FiredAt = attempt.OccurredAt,
        CompletedAt = attempt.CompletedAt,
        NotificationType = attempt.NotificationType!,
        SequenceNumber = attempt.SequenceNumber,
        Attempt = attempt.AttemptNumber,
        Status = attempt.Outcome == AttemptOutcome.Success ? "success" : attempt.HttpStatusCode is null ? "connection_error" : "failed",
        Url = attempt.Url,
        HttpStatusCode = attempt.HttpStatusCode,
        ResponseTimeMs = attempt.HttpStatusCode is null ? null : attempt.ResponseTimeMs,
        PayloadSizeBytes = attempt.PayloadSizeBytes,
        ErrorMessage = attempt.ErrorMessage,
    };

    private async Task CompleteAsync(string tenant, string taskId, CreateMediaBuyResponse buy)
    {
        await Task.Delay(completesAfter, options.TimeProvider);
        _buys[(tenant, buy.MediaBuyId)] = buy;
        await Handler!.Tasks.CompleteAsync(tenant, taskId, buy, SellerJson.Default.CreateMediaBuyResponse);
    }
}
