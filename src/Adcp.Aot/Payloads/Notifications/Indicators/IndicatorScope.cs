using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The owner of a snapshot of indicators: a media buy, a package, or a creative in a package.</summary>
public sealed record IndicatorScope
{
    private IndicatorScope(string kind, string mediaBuyId, string? packageId, string? creativeId)
    {
        Kind = kind;
        MediaBuyId = mediaBuyId;
        PackageId = packageId;
        CreativeId = creativeId;
    }

    /// <summary>The media buy.</summary>
    public string MediaBuyId { get; }

    /// <summary>The package; null for a media buy.</summary>
    public string? PackageId { get; }

    /// <summary>The creative; null unless it is an assignment.</summary>
    public string? CreativeId { get; }

    internal string Kind { get; }

    /// <summary>Returns the scope of a media buy.</summary>
    /// <param name="mediaBuyId">The media buy.</param>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public static IndicatorScope MediaBuy(string mediaBuyId) => new("media_buy", JsonWire.Name(mediaBuyId, nameof(mediaBuyId)), null, null);

    /// <summary>Returns the scope of a package.</summary>
    /// <param name="mediaBuyId">The media buy.</param>
    /// <param name="packageId">The package.</param>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public static IndicatorScope Package(string mediaBuyId, string packageId) =>
        new("package", JsonWire.Name(mediaBuyId, nameof(mediaBuyId)), JsonWire.Name(packageId, nameof(packageId)), null);

    /// <summary>Returns the scope of a creative in a package.</summary>
    /// <param name="mediaBuyId">The media buy.</param>
    /// <param name="packageId">The package.</param>
    /// <param name="creativeId">The creative.</param>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public static IndicatorScope CreativeAssignment(string mediaBuyId, string packageId, string creativeId) => new(
        "creative_assignment", JsonWire.Name(mediaBuyId, nameof(mediaBuyId)), JsonWire.Name(packageId, nameof(packageId)),
        JsonWire.Name(creativeId, nameof(creativeId)));
}
