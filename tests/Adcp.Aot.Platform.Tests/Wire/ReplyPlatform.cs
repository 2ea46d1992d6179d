using System.Text.Json;
using System.Text.Json.Serialization;
using Adcp.Aot.Platform.Idempotency;

namespace Adcp.Aot.Platform.Tests.Wire;

internal sealed record PlanRequest([property: JsonPropertyName("plan")] string Plan = "now");

internal sealed record PlanResponse([property: JsonPropertyName("media_buy_id")] string MediaBuyId);

[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(PlanRequest))]
[JsonSerializable(typeof(PlanResponse))]
internal sealed partial class ReplyJson : JsonSerializerContext;

/// <summary>A seller that answers in each way that the library knows, as its request plans.</summary>
[AdcpPlatform(typeof(ReplyJson))]
internal sealed partial class ReplyPlatform : IRequestReconciler
{
    public static readonly string[] Plans =
        ["now", "now", "later", "later", "working", "work", "work_failed", "work_refused", "refuse", "refuse_late", "break", "lost", "gone",
            "undone", "wait", "deaf"];

    public PlatformOptions? Options { get; set; }

    [AdcpTool("get_adcp_capabilities")]
    public ValueTask<JsonElement> GetCapabilitiesAsync()
    {
        using MemoryStream output = new();
        using (Utf8JsonWriter json = new(output))
        {
            json.WriteStartObject();
            json.WriteStartObject("adcp"u8);
            json.WritePropertyName("major_versions"u8);
            json.WriteRawValue("[3]"u8);
            Options!.WriteIdempotency(json);
            json.WriteEndObject();
            json.WritePropertyName("supported_protocols"u8);
            json.WriteRawValue("""["media_buy"]"""u8);
            json.WritePropertyName("account"u8);
            json.WriteRawValue("""{"supported_billing":["operator"]}"""u8);
            json.WritePropertyName("media_buy"u8);
            json.WriteRawValue("""{"supported_pricing_models":["cpm"]}"""u8);
            Options.WebhookSigning?.Write(json, Options.Version);
            json.WriteEndObject();
        }

        return new(JsonElement.Parse(output.ToArray()));
    }

    [AdcpTool("create_media_buy")]
    public static async ValueTask<ToolOutcome<PlanResponse>> CreateMediaBuyAsync(
        PlanRequest request, ToolCall call, CancellationToken cancellationToken)
    {
        switch (request.Plan)
        {
            case "later":
                return await call.HandOffAsync(cancellationToken: cancellationToken);
            case "working":
                return await call.HandOffAsync(AdcpTaskStatus.Working, "In \"progress\".", cancellationToken: cancellationToken);
            case "work":
            case "work_failed":
            case "work_refused":
                return await call.HandOffAsync(_ => request.Plan switch
                {
                    "work" => new ValueTask<PlanResponse>(new PlanResponse("mb_2")),
                    "work_failed" => throw new FormatException("secret detail"),
                    _ => throw new AdcpErrorException(new AdcpError("PRODUCT_NOT_FOUND", "Sold out.", "plan")),
                }, cancellationToken: cancellationToken);
            case "refuse":
                throw new AdcpErrorException(new AdcpError("BUDGET_TOO_LOW", "More, please.", "budget") { Suggestion = "Add 1." });
            case "refuse_late":
                throw new AdcpErrorException(new AdcpError("BUDGET_TOO_LOW", "More, please.", "budget")) { IsBeforeCommit = false };
            case "break":
            case "lost":
            case "gone":
            case "undone":
                throw new FormatException("secret detail");
            case "wait":
                await Task.Delay(Timeout.Infinite, cancellationToken);
                break;
            case "deaf":
                await Task.Delay(Timeout.Infinite, CancellationToken.None);
                break;
            default:
                break;
        }

        return new PlanResponse("mb_1");
    }

    [AdcpTool("get_products")]
    public static async ValueTask<ToolOutcome<PlanResponse>> GetProductsAsync(PlanRequest request, ToolCall call) =>
        request.Plan == "later" ? await call.HandOffAsync() : new PlanResponse("p_1");

    [AdcpTool("list_creatives")]
    public static ValueTask<JsonElement> ListCreativesAsync() => new(JsonElement.Parse("""{"creatives":[],"replayed":false}"""));

    public ValueTask<Reconciliation> ReconcileAsync(UnresolvedRequest request, CancellationToken cancellationToken) =>
        new(request.Arguments.TryGetProperty("plan", out JsonElement plan) ? plan.ToString() switch
        {
            "lost" => Reconciliation.Committed(new PlanResponse("mb_3"), ReplyJson.Default.PlanResponse),
            "gone" => Reconciliation.Purged,
            "undone" or "wait" => Reconciliation.NotCommitted,
            _ => Reconciliation.Unknown,
        } : Reconciliation.Unknown);
}
