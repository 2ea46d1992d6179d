using System.Text.Json;
using System.Text.Json.Serialization;
using Adcp.Aot.Auditing;

namespace Seller;

/// <summary>The members of AdCP's messages that this seller uses.</summary>
internal sealed record GetProductsResponse(IReadOnlyList<Product> Products);

internal sealed record Product(string ProductId, string Name, string Description);

internal sealed record CreateMediaBuyRequest
{
    public string? BuyerRef { get; init; }

    public IReadOnlyList<PackageRequest>? Packages { get; init; }

    public ReportingWebhook? ReportingWebhook { get; init; }
}

internal sealed record ReportingWebhook(
    string? Url = null, string? OperationId = null, string? Token = null, ReportingAuthentication? Authentication = null)
{
    public override string ToString() => nameof(ReportingWebhook);
}

internal sealed record ReportingAuthentication(IReadOnlyList<string>? Schemes = null, string? Credentials = null)
{
    public override string ToString() => nameof(ReportingAuthentication);
}

internal sealed record PackageRequest(string? ProductId = null, decimal? Budget = null);

internal sealed record CreateMediaBuyResponse(string MediaBuyId, string? BuyerRef, IReadOnlyList<Package> Packages);

internal sealed record Package(string PackageId, string? ProductId);

internal sealed record SyncCreativesRequest(IReadOnlyList<Creative>? Creatives = null);

internal sealed record Creative(string? CreativeId = null);

internal sealed record SyncCreativesResponse(IReadOnlyList<SyncedCreative> Creatives);

internal sealed record SyncedCreative(string CreativeId, string Action);

internal sealed record GetMediaBuysRequest(
    bool IncludeWebhookActivity = false, int WebhookActivityLimit = 50, PageRequest? Pagination = null);

internal sealed record PageRequest(int MaxResults = 50, string? Cursor = null);

internal sealed record GetMediaBuysResponse(IReadOnlyList<MediaBuy> MediaBuys, PageResponse Pagination);

internal sealed record PageResponse(bool HasMore)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Cursor { get; init; }
}

internal sealed record MediaBuy(string MediaBuyId, string Status)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<WebhookActivityRecord>? WebhookActivity { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(GetProductsResponse))]
[JsonSerializable(typeof(CreateMediaBuyRequest))]
[JsonSerializable(typeof(CreateMediaBuyResponse))]
[JsonSerializable(typeof(SyncCreativesRequest))]
[JsonSerializable(typeof(SyncCreativesResponse))]
[JsonSerializable(typeof(GetMediaBuysRequest))]
[JsonSerializable(typeof(GetMediaBuysResponse))]
[JsonSerializable(typeof(KeptBuy))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class SellerJson : JsonSerializerContext;
