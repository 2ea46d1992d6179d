using System.Collections.Concurrent;
using System.Text.Json;
using Adcp.Aot;
using Adcp.Aot.Auditing;
using Adcp.Aot.Network;
using Adcp.Aot.Payloads.Reporting;
using Adcp.Aot.Platform;

namespace Seller;

/// <summary>
/// A seller of display: a media buy is submitted at once, completed a little later, and reported on once to its
/// <c>reporting_webhook</c>.
/// </summary>
[AdcpPlatform(typeof(SellerJson))]
internal sealed partial class SellerPlatform(
    PlatformOptions options,
    DestinationGuard guard,
    IWebhookDeliverySupervisor supervisor,
    Catalog catalog,
    MediaBuys buys,
    Creatives creatives,
    AuditLog audit,
    TimeSpan completesAfter)
    : IDisposable
{
    /// <summary>The most activity records of an answer, over all its media buys.</summary>
    private const int MaxActivity = 2_000;

    private readonly ConcurrentDictionary<Task, byte> _running = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly TestController _controller = new(catalog, buys, options.TimeProvider);
    private TaskHandOff? _tasks;

    [AdcpTool("get_adcp_capabilities", Description = "What this seller speaks and promises.")]
    public ValueTask<JsonElement> GetCapabilitiesAsync()
    {
        using MemoryStream output = new();
        using (Utf8JsonWriter json = new(output))
        {
            json.WriteStartObject();
            json.WriteStartObject("adcp"u8);
            json.WritePropertyName("major_versions"u8);
            json.WriteRawValue("[3]"u8);
            json.WriteStartObject("idempotency"u8);
            json.WriteBoolean("supported"u8, true);
            json.WriteNumber("replay_ttl_seconds"u8, (long)options.Idempotency.ReplayTimeToLive.TotalSeconds);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WritePropertyName("supported_protocols"u8);
            json.WriteRawValue("""["media_buy"]"""u8);
            json.WritePropertyName("account"u8);
            json.WriteRawValue("""{"supported_billing":["operator"],"sandbox":true}"""u8);
            json.WritePropertyName("media_buy"u8);
            json.WriteRawValue("""{"supported_pricing_models":["cpm"]}"""u8);
            if (options.Version >= AdcpVersion.V31)
            {
                // AdCP 3.0's schema knows none of these scenarios, and finds the tool by its name.
                json.WriteStartObject("compliance_testing"u8);
                json.WriteStartArray("scenarios"u8);
                foreach (string scenario in TestController.Scenarios)
                {
                    json.WriteStringValue(scenario);
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }

            options.WebhookSigning?.Write(json, options.Version);
            json.WriteEndObject();
        }

        return new(JsonElement.Parse(output.ToArray()));
    }

    [AdcpTool("get_products", Description = "The products on sale.")]
    public ValueTask<GetProductsResponse> GetProductsAsync(GetProductsRequest request, ToolCall call)
    {
        PageRequest page = request.Pagination ?? new PageRequest();
        (long Place, Product Row)[] found =
        [
            .. catalog.ProductsOf(call.Tenant).Select((product, i) => ((long)i + 1, product)).Where(each => each.Item1 > page.After),
        ];
        return new(new GetProductsResponse(
            [.. found.Take(page.MaxResults).Select(each => each.Row)], PageResponse.Of(found, page.MaxResults)));
    }

    [AdcpTool("list_creative_formats", Description = "The formats of creatives that the products take.")]
    public ValueTask<ListCreativeFormatsResponse> ListFormatsAsync() =>
        new(new ListCreativeFormatsResponse(catalog.Formats, new PageResponse(false)));

    [AdcpTool("create_media_buy", Description = "Buys. Answers submitted; completes later.")]
    public async ValueTask<ToolOutcome<CreateMediaBuyResponse>> CreateMediaBuyAsync(CreateMediaBuyRequest request, ToolCall call,
        CancellationToken cancellationToken)
    {
        (DateTimeOffset start, DateTimeOffset end) = catalog.FlightOf(request.StartTime, request.EndTime);
        CreateMediaBuyResponse response = new()
        {
            // In AdCP 3.0 the status beside a media buy is the media buy's own.
            Status = options.Version == AdcpVersion.V30 ? "active" : null,
            MediaBuyId = "mb_" + Guid.NewGuid().ToString("N")[..12],
            BuyerRef = request.BuyerRef,
            ConfirmedAt = options.TimeProvider.GetUtcNow(),
            Revision = 1,
            Packages = catalog.PackagesOf(call.Tenant, request.Packages),
        };
        await AdmitAsync(request.ReportingWebhook, cancellationToken);
        if (_controller.TakeArm(call.Tenant) is { TaskId: { } forced } arm)
        {
            return await ForcedAsync(call, forced, arm.Message, cancellationToken);
        }

        bool isActive = completesAfter == TimeSpan.Zero;
        KeptBuy kept = new(
            call.Tenant, isActive ? null : "task_" + Guid.NewGuid().ToString("N"), response, request.ReportingWebhook, isActive)
        { Start = start, End = end, Request = call.RequestId };

        // The media buy is stored first: if a process dies in between, the media buy has no task, and the next start
        // deletes it. In the other order, a task would stay open forever.
        await buys.SaveAsync(kept);
        if (isActive)
        {
            Track(ReportAsync(kept));
            return response;
        }

        ToolOutcome<CreateMediaBuyResponse> later;
        try
        {
            later = await call.HandOffAsync(
                token => TrafficAsync(kept, token),
                message: "In trafficking.",
                taskId: kept.TaskId,
                cancellationToken: cancellationToken);
        }
        catch
        {
            await buys.DeleteAsync(kept);
            throw;
        }

        Track(ActivateAsync(kept, later.Task!.Ended!));
        return later;
    }

    [AdcpTool("sync_creatives", Description = "Takes creatives.")]
    public async ValueTask<SyncCreativesResponse> SyncCreativesAsync(SyncCreativesRequest request, ToolCall call)
    {
        // All are checked before one is stored.
        FormatId[] formats =
            [.. request.Creatives!.Select((creative, i) => catalog.FormatOf(creative.FormatId, $"creatives[{i}].format_id"))];
        List<SyncedCreative> synced = [];
        foreach ((Creative creative, FormatId format) in request.Creatives!.Zip(formats))
        {
            string action = !request.DryRun ? await creatives.SaveAsync(call.Tenant, creative, format)
                : await creatives.ContainsAsync(call.Tenant, creative.CreativeId!) ? "updated" : "created";
            synced.Add(new SyncedCreative(creative.CreativeId!, action));
        }

        return new SyncCreativesResponse(synced);
    }

    [AdcpTool("list_creatives", Description = "The caller's creatives.")]
    public async ValueTask<ListCreativesResponse> ListCreativesAsync(PageOfRequest request, ToolCall call)
    {
        PageRequest page = request.Pagination ?? new PageRequest();
        List<(long Place, ListedCreative Row)> found = await creatives.ListAsync(call.Tenant, page.After, page.MaxResults + 1);
        ListedCreative[] listed = [.. found.Take(page.MaxResults).Select(each => each.Row)];
        CreativesSummary summary = new(await creatives.CountAsync(call.Tenant), listed.Length);
        return new ListCreativesResponse(summary, PageResponse.Of(found, page.MaxResults), listed);
    }

    [AdcpTool("get_media_buys", Description = "The caller's media buys, with webhook activity on request.")]
    public async ValueTask<GetMediaBuysResponse> GetMediaBuysAsync(GetMediaBuysRequest request, ToolCall call,
        CancellationToken cancellationToken)
    {
        if (request.MediaBuyIds is { Count: 0 or > 100 })
        {
            throw new AdcpErrorException(AdcpError.InvalidRequest("1 to 100 ids.", "media_buy_ids"));
        }

        // A page with activity is smaller, so that an answer stays under a megabyte or so.
        PageRequest page = request.Pagination ?? new PageRequest();
        int size = request.IncludeWebhookActivity ? Math.Min(page.MaxResults, MaxActivity / request.WebhookActivityLimit) : page.MaxResults;
        List<(long Place, KeptBuy Row)> found = await buys.ActiveAsync(call.Tenant, request.MediaBuyIds, page.After, size + 1);
        List<MediaBuy> answer = [];
        foreach ((long _, KeptBuy kept) in found.Take(size))
        {
            string id = kept.Buy.MediaBuyId!;
            IReadOnlyList<Package> packages = kept.Buy.Packages ?? [];
            answer.Add(new MediaBuy(
                id, "active", kept.Currency, packages.Sum(package => package.Budget ?? 0), kept.Start, kept.End, packages,
                request.IncludeWebhookActivity
                    ? await ActivityAsync(AuditLog.StreamOf(call.Tenant, id), request.WebhookActivityLimit, cancellationToken)
                    : null));
        }

        return new GetMediaBuysResponse(answer, PageResponse.Of(found, size));
    }

    private async Task<IReadOnlyList<WebhookActivityRecord>> ActivityAsync(string stream, int limit, CancellationToken cancellationToken) =>
        [.. (await audit.ReadRecentAsync(stream, limit, cancellationToken)).Select(record => record.For(options.Version))];

    [AdcpTool("comply_test_controller", Description = "AdCP's test controller, for sandbox accounts.")]
    public async ValueTask<ControllerResponse> ControlAsync(ControllerRequest request, ToolCall call) =>
        await _controller.PerformAsync(request, call.Tenant, _tasks!);

    /// <summary>Answers with the task that the test controller asked for.</summary>
    private async Task<ToolOutcome<CreateMediaBuyResponse>> ForcedAsync(
        ToolCall call, string taskId, string? message, CancellationToken cancellationToken) =>
        await options.Tasks.FindAsync(call.Tenant, taskId, cancellationToken) is null
            ? await call.HandOffAsync(message: message, taskId: taskId, cancellationToken: cancellationToken)
            : new CreateMediaBuyResponse { Status = "submitted", TaskId = taskId, Message = message };

    /// <summary>Continues with the media buys that were in trafficking when the last process ended.</summary>
    public void Resume(IEnumerable<KeptBuy> pending, TaskHandOff tasks)
    {
        _tasks = tasks;
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
            LogNotActivated(options.Logger!, fault, pending.Buy.MediaBuyId!);
        }
    }

    private async Task ReportAsync(KeptBuy buy)
    {
        // Each report echoes the buyer's operation id. Without one nothing is sent, because no id may be invented.
        if (buy.Reporting is not { OperationId: not null } webhook)
        {
            return;
        }

        string id = buy.Buy.MediaBuyId!;
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
