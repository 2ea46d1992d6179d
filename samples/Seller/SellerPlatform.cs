using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Adcp.Aot;
using Adcp.Aot.Auditing;
using Adcp.Aot.Network;
using Adcp.Aot.Payloads.Reporting;
using Adcp.Aot.Platform;

namespace Seller;

/// <summary>
/// A seller with one product: a media buy is submitted at once, completed a little later, and reported on once to its
/// <c>reporting_webhook</c>.
/// </summary>
[AdcpPlatform(typeof(SellerJson))]
internal sealed partial class SellerPlatform(
    PlatformOptions options,
    DestinationGuard guard,
    IWebhookDeliverySupervisor supervisor,
    MediaBuys buys,
    AuditLog audit,
    TimeSpan completesAfter)
    : IDisposable
{
    private const int MaxBuyerRef = 255;

    /// <summary>The most activity records of an answer, over all its media buys.</summary>
    private const int MaxActivity = 2_000;

    private readonly ConcurrentDictionary<Task, byte> _running = new();
    private readonly CancellationTokenSource _stopping = new();

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
    public static ValueTask<GetProductsResponse> GetProductsAsync() =>
        new(new GetProductsResponse([new Product("display_run_of_site", "Run of site", "Display on every page.")]));

    [AdcpTool("create_media_buy", Description = "Buys. Answers submitted; completes later.")]
    public async ValueTask<ToolOutcome<CreateMediaBuyResponse>> CreateMediaBuyAsync(CreateMediaBuyRequest request, ToolCall call,
        CancellationToken cancellationToken)
    {
        if (request.BuyerRef?.Length > MaxBuyerRef)
        {
            throw new AdcpErrorException(AdcpError.InvalidRequest($"At most {MaxBuyerRef} characters.", "buyer_ref"));
        }

        CreateMediaBuyResponse response = new(
            "mb_" + Guid.NewGuid().ToString("N")[..12], request.BuyerRef,
            [.. (request.Packages ?? []).Select((package, i) => new Package($"pkg_{i + 1}", package.ProductId))]);
        await AdmitAsync(request.ReportingWebhook, cancellationToken);
        if (completesAfter == TimeSpan.Zero)
        {
            KeptBuy active = new(call.Tenant, null, response, request.ReportingWebhook, IsActive: true);
            await buys.SaveAsync(active);
            Track(ReportAsync(active));
            return response;
        }

        // The media buy is stored first: if a process dies in between, the media buy has no task, and the next start
        // deletes it. In the other order, a task would stay open forever.
        KeptBuy pending = new(call.Tenant, "task_" + Guid.NewGuid().ToString("N"), response, request.ReportingWebhook, IsActive: false);
        await buys.SaveAsync(pending);
        ToolOutcome<CreateMediaBuyResponse> later;
        try
        {
            later = await call.HandOffAsync(
                token => TrafficAsync(pending, token),
                message: "In trafficking.",
                taskId: pending.TaskId,
                cancellationToken: cancellationToken);
        }
        catch
        {
            await buys.DeleteAsync(pending);
            throw;
        }

        Track(ActivateAsync(pending, later.Task!.Ended!));
        return later;
    }

    [AdcpTool("sync_creatives", Description = "Takes creatives.")]
    public static ValueTask<SyncCreativesResponse> SyncCreativesAsync(SyncCreativesRequest request) => new(new SyncCreativesResponse(
        [.. (request.Creatives ?? []).Select(creative => new SyncedCreative(
            creative.CreativeId ?? throw new AdcpErrorException(
                AdcpError.InvalidRequest("A creative has an id.", "creatives[].creative_id")), "created"))]));

    [AdcpTool("get_media_buys", Description = "The caller's media buys, with webhook activity on request.")]
    public async ValueTask<GetMediaBuysResponse> GetMediaBuysAsync(GetMediaBuysRequest request, ToolCall call,
        CancellationToken cancellationToken)
    {
        if (request.WebhookActivityLimit is < 1 or > 200)
        {
            throw new AdcpErrorException(AdcpError.InvalidRequest("1 to 200.", "webhook_activity_limit"));
        }

        PageRequest page = request.Pagination ?? new PageRequest();
        if (page.MaxResults is < 1 or > 100)
        {
            throw new AdcpErrorException(AdcpError.InvalidRequest("1 to 100.", "pagination.max_results"));
        }

        if (!long.TryParse(page.Cursor ?? "0", NumberStyles.None, CultureInfo.InvariantCulture, out long after))
        {
            throw new AdcpErrorException(AdcpError.InvalidRequest("A cursor of an earlier answer.", "pagination.cursor"));
        }

        // A page with activity is smaller, so that an answer stays under a megabyte or so.
        int size = request.IncludeWebhookActivity ? Math.Min(page.MaxResults, MaxActivity / request.WebhookActivityLimit) : page.MaxResults;
        List<(long Place, string MediaBuyId)> found = await buys.ActiveAsync(call.Tenant, after, size + 1);
        List<MediaBuy> answer = [];
        foreach ((long _, string id) in found.Take(size))
        {
            answer.Add(new MediaBuy(id, "active")
            {
                WebhookActivity = request.IncludeWebhookActivity
                    ? await ActivityAsync(AuditLog.StreamOf(call.Tenant, id), request.WebhookActivityLimit, cancellationToken)
                    : null,
            });
        }

        bool hasMore = found.Count > size;
        string? next = hasMore ? found[size - 1].Place.ToString(CultureInfo.InvariantCulture) : null;
        return new GetMediaBuysResponse(answer, new PageResponse(hasMore) { Cursor = next });
    }

    private async Task<IReadOnlyList<WebhookActivityRecord>> ActivityAsync(string stream, int limit, CancellationToken cancellationToken) =>
        [.. (await audit.ReadRecentAsync(stream, limit, cancellationToken)).Select(record => record.For(options.Version))];

    /// <summary>Continues with the media buys that were in trafficking when the last process ended.</summary>
    public void Resume(IEnumerable<KeptBuy> pending, TaskHandOff tasks)
    {
        foreach (KeptBuy buy in pending)
        {
            Track(ActivateAsync(buy, tasks.Run(
                buy.Tenant, buy.TaskId!, token => TrafficAsync(buy, token), SellerJson.Default.CreateMediaBuyResponse)));
        }
    }

    /// <summary>
    /// Waits for media buys in trafficking and for reports. Trafficking that takes longer than a stop is cut short; it continues after a
    /// restart.
    /// </summary>
    public async Task FinishAsync(CancellationToken cancellationToken)
    {
        if (completesAfter >= options.DrainPatience)
        {
            await _stopping.CancelAsync();
        }

        await Task.WhenAll(_running.Keys).WaitAsync(cancellationToken);
    }

    public void Dispose() => _stopping.Dispose();

    private static WebhookDestination Destination(ReportingWebhook webhook) => new(
        webhook.Url ?? "",
        webhook.OperationId,
        webhook.Token,
        webhook.Authentication is { } authentication
        ? WebhookAuthentication.FromRegistration(authentication.Schemes ?? [], authentication.Credentials ?? "")
        : null);

    /// <summary>Refuses a webhook at the call if it could not be honoured later.</summary>
    private async Task AdmitAsync(ReportingWebhook? webhook, CancellationToken cancellationToken)
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
            if (!await guard.AllowsAsync(Destination(webhook).Url, cancellationToken))
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

    /// <summary>The work of a media buy, whose answer completes its task.</summary>
    private async ValueTask<CreateMediaBuyResponse> TrafficAsync(KeptBuy pending, CancellationToken cancellationToken)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        await Task.Delay(completesAfter, options.TimeProvider, either.Token);
        return pending.Buy;
    }

    /// <summary>Activates a media buy and reports on it when its task is completed.</summary>
    private async Task ActivateAsync(KeptBuy pending, Task<WorkOutcome> ended)
    {
        WorkOutcome outcome = await ended;
        try
        {
            if (outcome.Transition == TaskTransition.Unknown)
            {
                await buys.DeleteAsync(pending);
            }

            if (!outcome.IsCompleted)
            {
                return;
            }

            // The task is changed first: if a process dies in between, the next one finds the buy pending, and
            // completing the task again with the same result changes nothing.
            KeptBuy active = pending with { IsActive = true };
            await buys.SaveAsync(active);
            await ReportAsync(active);
        }
        catch (Exception fault)
        {
            LogNotActivated(options.Logger!, fault, pending.Buy.MediaBuyId);
        }
    }

    private async Task ReportAsync(KeptBuy buy)
    {
        // A report echoes the buyer's operation id. If the buyer gave none, no report is sent: an id is never made up.
        if (buy.Reporting is not { OperationId: not null } webhook)
        {
            return;
        }

        string id = buy.Buy.MediaBuyId;
        DateTimeOffset now = options.TimeProvider.GetUtcNow();
        WebhookDestination destination = Destination(webhook);
        DeliveryOutcome outcome = await supervisor.SendAsync(
            destination,
            new DeliveryReport
            {
                TaskId = "reporting_" + id,
                ReportType = DeliveryReportType.Scheduled,
                Period = new ReportingPeriod(now.AddHours(-1), now),
                MediaBuys =
                [
                    new MediaBuyDelivery
                    {
                        MediaBuyId = id,
                        Currency = "USD",
                        Status = MediaBuyReportStatus.Active,
                        Totals = new DeliveryMetrics { Spend = 0 },
                        ByPackage = [],
                    },
                ],
            },
            new DeliveryOptions { SequenceKey = AuditLog.StreamOf(buy.Tenant, id), Tenant = buy.Tenant });
        if (!outcome.IsDelivered)
        {
            LogNotReported(options.Logger!, id, destination.Target.Authority, outcome.ToString());
        }
    }

    [LoggerMessage(1, LogLevel.Error, "The media buy {MediaBuyId} could not be activated; it is tried again at the next start")]
    private static partial void LogNotActivated(ILogger logger, Exception fault, string mediaBuyId);

    [LoggerMessage(2, LogLevel.Warning, "The report of media buy {MediaBuyId} to {Endpoint} was not delivered: {Outcome}")]
    private static partial void LogNotReported(ILogger logger, string mediaBuyId, string endpoint, string outcome);

    private void Track(Task task)
    {
        _running.TryAdd(task, 0);
        _ = task.ContinueWith(done => _running.TryRemove(done, out byte _), TaskScheduler.Default);
    }
}
