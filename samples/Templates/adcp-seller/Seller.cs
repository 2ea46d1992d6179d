using System.Text.Json.Serialization;
using Adcp.Aot.Platform;

namespace SellerApp;

public sealed record CreateMediaBuyRequest(string? BuyerRef);

public sealed record CreateMediaBuyResponse(string MediaBuyId, string? BuyerRef);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(CreateMediaBuyRequest))]
[JsonSerializable(typeof(CreateMediaBuyResponse))]
public sealed partial class SellerJson : JsonSerializerContext;

/// <summary>The tools of the seller. Each call takes one from the container, so that the constructor may take services.</summary>
[AdcpPlatform(typeof(SellerJson))]
public sealed partial class Seller(ILogger<Seller> logger)
{
    [AdcpTool("create_media_buy", Description = "Buys media. Answers submitted, and reports the result by webhook.")]
    public async ValueTask<ToolOutcome<CreateMediaBuyResponse>> CreateMediaBuyAsync(CreateMediaBuyRequest request, ToolCall call)
    {
        logger.LogInformation("Media buy {BuyerRef} of {Tenant}", request.BuyerRef, call.Tenant);
        return await call.HandOffAsync(async token =>
        {
            await Task.Delay(TimeSpan.FromSeconds(1), token); // your ad server's work
            return new CreateMediaBuyResponse("mb_" + Guid.NewGuid().ToString("N"), request.BuyerRef);
        });
    }
}
