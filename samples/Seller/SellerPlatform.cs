using System.Collections.Concurrent;
using System.Text.Json;
using Adcp.Aot.Delivery;
using Adcp.Aot.Payloads;
using Adcp.Aot.Payloads.Reporting;
using Adcp.Aot.Platform;
using Adcp.Aot.Sending;

namespace Seller;

/// <summary>A seller with one product: a media buy is submitted at once, completed a little later, and reported on once to its <c>reporting_webhook</c>.</summary>
[AdcpPlatform(typeof(SellerJson))]
internal sealed partial class SellerPlatform(PlatformOptions options, IWebhookDeliverySupervisor supervisor, MediaBuys buys, AuditLog audit, TimeSpan completesAfter)
{
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
            json.WriteStartObject("idempotency"u8);
            json.WriteBoolean("supported"u8, true);
            json.WriteNumber("replay_ttl_seconds"u8, (long)options.Idempotency.ReplayTimeToLive.TotalSeconds);
            json.WriteEndObject();
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
        CreateMediaBuyResponse response = new(
            "mb_" + Guid.NewGuid().ToString("N")[..12], request.BuyerRef, [.. (request.Packages ?? []).Select((package, i) => new Package($"pkg_{i + 1}", package.ProductId))]);
        await AdmitAsync(request.ReportingWebhook, response.MediaBuyId, cancellationToken);
        if (completesAfter == TimeSpan.Zero)
        {
            KeptBuy active = new(call.Tenant, null, response, request.ReportingWebhook, IsActive: true);
            await buys.SaveAsync(active);
            Track(ReportAsync(active));
            return response;
        }

        HandedOff task = await call.HandOffAsync(message: "In trafficking.", cancellationToken: cancellationToken);
        KeptBuy pending = new(call.Tenant, task.TaskId, response, request.ReportingWebhook, IsActive: false);
        await buys.SaveAsync(pending);
        Track(CompleteAsync(pending));
        return task;
    }

    [AdcpTool("sync_creatives", Description = "Takes creatives.")]
    public static ValueTask<SyncCreativesResponse> SyncCreativesAsync(SyncCreativesRequest request) => new(new SyncCreativesResponse(
        [.. (request.Creatives ?? []).Select(creative => new SyncedCreative(
            creative.CreativeId ?? throw new AdcpErrorException(AdcpError.InvalidRequest("A creative has an id.", "creatives[].creative_id")), "created"))]));

    [AdcpTool("get_media_buys", Description = "The caller's media buys, with webhook activity on request.")]
    public async ValueTask<GetMediaBuysResponse> GetMediaBuysAsync(GetMediaBuysRequest request, ToolCall call, CancellationToken cancellationToken)
    {
        if (request.WebhookActivityLimit is < 1 or > 200)
        {
            throw new AdcpErrorException(AdcpError.InvalidRequest("1 to 200.", "webhook_activity_limit"));
        }

        List<MediaBuy> answer = [];
        foreach (KeptBuy buy in await buys.ActiveAsync(call.Tenant))
        {
            string id = buy.Buy.MediaBuyId;
            answer.Add(new MediaBuy(id, "active")
            {
                WebhookActivity = request.IncludeWebhookActivity
                    ? await audit.ReadRecentAsync(AuditLog.StreamOf(call.Tenant, id), request.WebhookActivityLimit, cancellationToken)
                    : null,
            });
        }

        return new GetMediaBuysResponse(answer);
    }

    /// <summary>Goes on with the media buys that were in trafficking when the last process ended.</summary>
    public void Resume(IEnumerable<KeptBuy> pending)
    {
        foreach (KeptBuy buy in pending)
        {
            Track(CompleteAsync(buy));
        }
    }

    /// <summary>Waits for the media buys that are still in trafficking, and for the reports.</summary>
    public Task FinishAsync() => Task.WhenAll(_running.Keys);

    private static WebhookDestination Destination(ReportingWebhook webhook, string mediaBuyId) => new(
        webhook.Url ?? "",
        "report_" + mediaBuyId, // Nobody gives a reporting webhook an operation id; the envelope has one.
        webhook.Token,
        webhook.Authentication is { } authentication ? WebhookAuthentication.FromRegistration(authentication.Schemes ?? [], authentication.Credentials ?? "") : null);

    /// <summary>Refuses at the call what could not be honoured later.</summary>
    private async Task AdmitAsync(ReportingWebhook? webhook, string mediaBuyId, CancellationToken cancellationToken)
    {
        if (webhook is null)
        {
            return;
        }

        if (options.Version < AdcpVersion.V31)
        {
            throw Refused("This seller reports by webhook from AdCP 3.1 on.");
        }

        try
        {
            if (!await options.Guard!.AllowsAsync(Destination(webhook, mediaBuyId).Url, cancellationToken))
            {
                throw Refused("The url is not one that webhooks may be sent to.");
            }
        }
        catch (ArgumentException fault)
        {
            throw Refused(fault.Message.Split(" (Parameter", 2)[0]);
        }

        static AdcpErrorException Refused(string message) => new(AdcpError.InvalidRequest(message, "reporting_webhook"));
    }

    private async Task CompleteAsync(KeptBuy pending)
    {
        await Task.Delay(completesAfter, options.TimeProvider);
        KeptBuy active = pending with { IsActive = true };

        // The task first: a process that dies in between finds the buy pending, and completing the task again with the same result is no news.
        await Handler!.Tasks.CompleteAsync(pending.Tenant, pending.TaskId!, pending.Buy, SellerJson.Default.CreateMediaBuyResponse);
        await buys.SaveAsync(active);
        await ReportAsync(active);
    }

    private async Task ReportAsync(KeptBuy buy)
    {
        if (buy.Reporting is not { } webhook)
        {
            return;
        }

        string id = buy.Buy.MediaBuyId;
        DateTimeOffset now = options.TimeProvider.GetUtcNow();
        WebhookDestination destination = Destination(webhook, id);
        await supervisor.SendAsync(
            destination,
            new DeliveryReport
            {
                TaskId = "reporting_" + id,
                ReportType = DeliveryReportType.Scheduled,
                Period = new ReportingPeriod(now.AddHours(-1), now),
                Currency = "USD",
                MediaBuys = [new MediaBuyDelivery { MediaBuyId = id, Status = MediaBuyReportStatus.Active, Totals = new DeliveryMetrics { Spend = 0 }, ByPackage = [] }],
            },
            new DeliveryOptions { SequenceKey = AuditLog.StreamOf(buy.Tenant, id), BreakerKey = buy.Tenant + ":" + destination.Target.Value });
    }

    private void Track(Task task)
    {
        _running.TryAdd(task, 0);
        _ = task.ContinueWith(done => _running.TryRemove(done, out byte _), TaskScheduler.Default);
    }
}
