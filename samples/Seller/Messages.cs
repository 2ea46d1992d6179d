using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using Adcp.Aot.Auditing;

namespace Seller;

/// <summary>
/// The members of AdCP's messages that this seller uses. The attributes are checked before a tool runs, and are in the schemas that MCP
/// clients see.
/// </summary>
internal sealed record GetProductsRequest
{
    [StringLength(64)]
    public string? BuyingMode { get; init; }

    [StringLength(10_000)]
    public string? Brief { get; init; }

    public PageRequest? Pagination { get; init; }
}

internal sealed record GetProductsResponse(IReadOnlyList<Product> Products, PageResponse Pagination);

internal sealed record CreateMediaBuyRequest
{
    [StringLength(255)]
    public string? BuyerRef { get; init; }

    /// <summary>A date and time, or <c>asap</c>.</summary>
    [StringLength(64)]
    public string? StartTime { get; init; }

    public DateTimeOffset? EndTime { get; init; }

    public IReadOnlyList<PackageRequest>? Packages { get; init; }

    public ReportingWebhook? ReportingWebhook { get; init; }
}

internal sealed record PackageRequest
{
    [Required, StringLength(255)]
    public string? ProductId { get; init; }

    [Required, StringLength(255)]
    public string? PricingOptionId { get; init; }

    [Required, Range(0, 1e12)]
    public decimal? Budget { get; init; }

    [Range(0, 1e6)]
    public decimal? BidPrice { get; init; }

    public IReadOnlyList<FormatId>? FormatIds { get; init; }
}

internal sealed record ReportingWebhook
{
    public string? Url { get; init; }

    public string? OperationId { get; init; }

    public string? Token { get; init; }

    public ReportingAuthentication? Authentication { get; init; }

    public override string ToString() => nameof(ReportingWebhook);
}

internal sealed record ReportingAuthentication(IReadOnlyList<string>? Schemes = null, string? Credentials = null)
{
    public override string ToString() => nameof(ReportingAuthentication);
}

internal sealed record CreateMediaBuyResponse
{
    public string? Status { get; init; }

    public string? TaskId { get; init; }

    public string? Message { get; init; }

    public string? MediaBuyId { get; init; }

    public string? BuyerRef { get; init; }

    public DateTimeOffset? ConfirmedAt { get; init; }

    public int? Revision { get; init; }

    public IReadOnlyList<Package>? Packages { get; init; }
}

internal sealed record Package(string PackageId, string? ProductId = null, string? PricingOptionId = null, decimal? Budget = null);

internal sealed record SyncCreativesRequest
{
    [Required]
    public IReadOnlyList<Creative>? Creatives { get; init; }

    public bool DryRun { get; init; }
}

internal sealed record Creative
{
    [Required, StringLength(255)]
    public string? CreativeId { get; init; }

    [StringLength(255)]
    public string? Name { get; init; }

    public FormatId? FormatId { get; init; }
}

internal sealed record SyncCreativesResponse(IReadOnlyList<SyncedCreative> Creatives);

internal sealed record SyncedCreative(string CreativeId, string Action);

internal sealed record PageOfRequest(PageRequest? Pagination = null);

internal sealed record ListCreativesResponse(
    CreativesSummary QuerySummary, PageResponse Pagination, IReadOnlyList<ListedCreative> Creatives);

internal sealed record CreativesSummary(int TotalMatching, int Returned);

internal sealed record ListedCreative(
    string CreativeId, string Name, FormatId FormatId, string Status, DateTimeOffset CreatedDate, DateTimeOffset UpdatedDate);

internal sealed record ListCreativeFormatsResponse(IReadOnlyList<Format> Formats, PageResponse Pagination);

internal sealed record GetMediaBuysRequest(
    IReadOnlyList<string>? MediaBuyIds = null,
    bool IncludeWebhookActivity = false,
    [property: Range(1, 200)] int WebhookActivityLimit = 50,
    PageRequest? Pagination = null);

internal sealed record PageRequest(
    [property: Range(1, 100)] int MaxResults = 50,
    [property: RegularExpression("^[0-9]{1,18}$", ErrorMessage = "The cursor of an earlier answer.")] string? Cursor = null)
{
    [JsonIgnore]
    public long After => Cursor is null ? 0 : long.Parse(Cursor, System.Globalization.CultureInfo.InvariantCulture);
}

internal sealed record GetMediaBuysResponse(IReadOnlyList<MediaBuy> MediaBuys, PageResponse Pagination);

internal sealed record PageResponse(bool HasMore, string? Cursor = null)
{
    /// <summary>The page that ends at a position, before which one row more was read than fits.</summary>
    public static PageResponse Of<T>(IReadOnlyList<(long Place, T Row)> read, int size) => read.Count > size
        ? new(true, read[size - 1].Place.ToString(System.Globalization.CultureInfo.InvariantCulture))
        : new(false);
}

internal sealed record MediaBuy(
    string MediaBuyId,
    string Status,
    string Currency,
    decimal TotalBudget,
    DateTimeOffset? StartTime,
    DateTimeOffset? EndTime,
    IReadOnlyList<Package> Packages,
    IReadOnlyList<WebhookActivityRecord>? WebhookActivity);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(GetProductsRequest))]
[JsonSerializable(typeof(GetProductsResponse))]
[JsonSerializable(typeof(CreateMediaBuyRequest))]
[JsonSerializable(typeof(CreateMediaBuyResponse))]
[JsonSerializable(typeof(SyncCreativesRequest))]
[JsonSerializable(typeof(SyncCreativesResponse))]
[JsonSerializable(typeof(PageOfRequest))]
[JsonSerializable(typeof(ListCreativesResponse))]
[JsonSerializable(typeof(ListCreativeFormatsResponse))]
[JsonSerializable(typeof(GetMediaBuysRequest))]
[JsonSerializable(typeof(GetMediaBuysResponse))]
[JsonSerializable(typeof(ControllerRequest))]
[JsonSerializable(typeof(ControllerResponse))]
[JsonSerializable(typeof(KeptBuy))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class SellerJson : JsonSerializerContext;
