using System.Collections.Concurrent;
using Adcp.Aot;
using Adcp.Aot.Platform;

namespace Seller;

internal sealed record FormatId(string AgentUrl, string Id);

internal sealed record Format(FormatId FormatId, string Name, string Type);

internal sealed record Product(
    string ProductId,
    string Name,
    string Description,
    IReadOnlyList<PublisherProperties> PublisherProperties,
    IReadOnlyList<FormatId> FormatIds,
    string DeliveryType,
    IReadOnlyList<PricingOption> PricingOptions,
    ReportingCapabilities ReportingCapabilities);

internal sealed record PublisherProperties(string PublisherDomain, string SelectionType = "all");

internal sealed record PricingOption(
    string PricingOptionId, string PricingModel, string Currency, decimal FixedPrice, decimal? MinSpendPerPackage = null);

internal sealed record ReportingCapabilities(
    IReadOnlyList<string> AvailableReportingFrequencies,
    int ExpectedDelayMinutes,
    string Timezone,
    bool SupportsWebhooks,
    IReadOnlyList<string> AvailableMetrics,
    string DateRangeSupport);

/// <summary>The products on sale, and the rules of a purchase. A test controller may add products for one caller.</summary>
internal sealed class Catalog(Uri url, AdcpVersion version, TimeProvider time)
{
    /// <summary>A buyer's clock may be late, and its request takes a while.</summary>
    private static readonly TimeSpan LatestStart = TimeSpan.FromMinutes(5);

    private const int MaxSeeded = 100;

    private readonly ConcurrentDictionary<string, ConcurrentDictionary<string, Product>> _seeded = new();

    public IReadOnlyList<Format> Formats { get; } =
    [
        new(new FormatId(url.ToString(), "display_300x250"), "Medium rectangle", "display"),
        new(new FormatId(url.ToString(), "display_728x90"), "Leaderboard", "display"),
    ];

    /// <summary>Returns the products that a caller can buy, those of all callers first.</summary>
    public IReadOnlyList<Product> ProductsOf(string tenant) =>
    [
        Create("display_run_of_site", "Run of site", "Display on every page.", new PricingOption("cpm_usd_fixed", "cpm", "USD", 5m, 100m)),

        // AdCP's test runner buys by these names without asking for products first.
        Create("test-product", "Test", "Display for AdCP's test runner.", Cpm("test-pricing"), Cpm("default")),
        .. (_seeded.GetValueOrDefault(tenant)?.Values ?? [])
            .Where(product => product.PricingOptions.Count > 0).OrderBy(product => product.ProductId, StringComparer.Ordinal),
    ];

    /// <summary>Adds a product, or a pricing option to one, for one caller. <c>false</c> if it has too many.</summary>
    public bool TrySeed(string tenant, string productId, string? pricingOptionId, string? currency, decimal? price)
    {
        ConcurrentDictionary<string, Product> own = _seeded.GetOrAdd(tenant, _ => new());
        if (own.Count >= MaxSeeded && !own.ContainsKey(productId))
        {
            return false;
        }

        Product product = own.GetOrAdd(productId, id => Create(id, id, "A product of a test."));
        if (pricingOptionId is not null)
        {
            PricingOption option = new(pricingOptionId, "cpm", currency ?? "USD", price ?? 5m);
            own[productId] = product with
            {
                PricingOptions = [.. product.PricingOptions.Where(other => other.PricingOptionId != pricingOptionId).Take(9), option],
            };
        }

        return true;
    }

    /// <summary>
    /// Returns the packages of a media buy. A request without any buys the first product, so that it can be tried by hand.
    /// </summary>
    /// <exception cref="AdcpErrorException">A package cannot be bought.</exception>
    public IReadOnlyList<Package> PackagesOf(string tenant, IReadOnlyList<PackageRequest>? requests)
    {
        IReadOnlyList<Product> products = ProductsOf(tenant);
        if (requests is null)
        {
            return [new Package("pkg_1", products[0].ProductId, products[0].PricingOptions[0].PricingOptionId, 100m)];
        }

        if (requests.Count is 0 or > 100)
        {
            throw Refused("A media buy has 1 to 100 packages.", "packages");
        }

        return [.. requests.Select((request, i) => Checked(products, request, $"packages[{i}]", $"pkg_{i + 1}"))];
    }

    /// <summary>
    /// Returns the flight of a media buy. AdCP 3.2 refuses one that begins in the past. Before, a flight that has begun starts now, and one
    /// that is over keeps its length, so that a replayed test plan still runs.
    /// </summary>
    /// <exception cref="AdcpErrorException">The times are malformed, reversed or past.</exception>
    public (DateTimeOffset Start, DateTimeOffset End) FlightOf(string? startTime, DateTimeOffset? endTime)
    {
        DateTimeOffset now = time.GetUtcNow();
        DateTimeOffset start = startTime is null or "asap" ? now
            : DateTimeOffset.TryParse(startTime, System.Globalization.CultureInfo.InvariantCulture, out DateTimeOffset given) ? given
            : throw Refused("A date and time, or asap.", "start_time");
        DateTimeOffset end = endTime ?? start.AddDays(30);
        return end <= start ? throw Refused("The flight ends before it starts.", "end_time")
            : start < now - LatestStart && version >= AdcpVersion.V32 ? throw Refused("The flight starts in the past.", "start_time")
            : end <= now ? (now, now + (end - start))
            : (start < now ? now : start, end);
    }

    /// <exception cref="AdcpErrorException">The seller has no such format.</exception>
    public FormatId FormatOf(FormatId? format, string field) => format is null ? Formats[0].FormatId
        : Formats.Any(known => known.FormatId == format) ? format
        : throw Refused("No format of list_creative_formats.", field);

    private static PricingOption Cpm(string id) => new(id, "cpm", "USD", 5m);

    private static AdcpErrorException Refused(string rule, string field) => new(AdcpError.InvalidRequest(rule, field));

    private static Package Checked(IReadOnlyList<Product> products, PackageRequest request, string path, string packageId)
    {
        Product product = products.FirstOrDefault(product => product.ProductId == request.ProductId)
            ?? throw new AdcpErrorException(new AdcpError("PRODUCT_NOT_FOUND", "No product has this id.", path + ".product_id"));
        PricingOption option = product.PricingOptions.FirstOrDefault(option => option.PricingOptionId == request.PricingOptionId)
            ?? throw Refused("The product has no such pricing option.", path + ".pricing_option_id");
        if (request.Budget < option.MinSpendPerPackage || request.Budget == 0)
        {
            throw new AdcpErrorException(new AdcpError(
                "BUDGET_TOO_LOW", $"At least {option.MinSpendPerPackage ?? 1} {option.Currency}.", path + ".budget"));
        }

        for (int i = 0; i < request.FormatIds?.Count; i++)
        {
            if (!product.FormatIds.Contains(request.FormatIds[i]))
            {
                throw Refused("The product does not take this format.", $"{path}.format_ids[{i}]");
            }
        }

        return new Package(packageId, product.ProductId, option.PricingOptionId, request.Budget);
    }

    private Product Create(string id, string name, string description, params IReadOnlyList<PricingOption> options) => new(
        id,
        name,
        description,
        [new PublisherProperties("publisher.example")],
        [.. Formats.Select(format => format.FormatId)],
        "non_guaranteed",
        options,
        new ReportingCapabilities(["hourly"], 60, "UTC", version >= AdcpVersion.V31, ["impressions", "spend"], "date_range"));
}
