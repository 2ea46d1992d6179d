using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Reporting;

/// <summary>
/// The row of one media buy in a delivery report. If the data of a buy is late, it has a row too, with
/// <see cref="MediaBuyReportStatus.ReportingDelayed"/>.
/// </summary>
public sealed class MediaBuyDelivery
{
    /// <summary>The media buy. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string MediaBuyId { get; init => field = JsonWire.Name(value, nameof(MediaBuyId)); }

    /// <summary>The buy's state.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a status.</exception>
    public required MediaBuyReportStatus Status { get; init => field = JsonWire.Defined(value, nameof(Status)); }

    /// <summary>
    /// The currency of the row's money and of its packages', ISO 4217; default null, left out. If packages have several currencies, leave
    /// it out, and the money of <see cref="Totals"/> too. Since 3.2.
    /// </summary>
    /// <exception cref="ArgumentException">Not three capital letters.</exception>
    public string? Currency { get; init => field = value is null ? null : DeliveryReport.CheckCurrency(value, nameof(Currency)); }

    /// <summary>The buy's sums.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public required DeliveryMetrics Totals { get; init => field = value ?? throw new ArgumentNullException(nameof(Totals)); }

    /// <summary>Its packages; may be empty.</summary>
    /// <exception cref="ArgumentException">Null, or an item is null.</exception>
    public required IReadOnlyList<PackageDelivery> ByPackage
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(ByPackage));
            field = value.Contains(null!) ? throw new ArgumentException("Must not contain null.", nameof(ByPackage)) : [.. value];
        }
    }

    /// <summary>The time when late data is expected; default null, left out.</summary>
    public DateTimeOffset? ExpectedAvailability { get; init; }

    /// <summary>
    /// Gets whether the row replaces one that was reported earlier; default null, left out. An <c>adjusted</c> report
    /// has one or more such rows.
    /// </summary>
    public bool? IsAdjusted { get; init; }

    /// <summary>
    /// The time when its numbers became final. If null, they are not final, and <c>is_final</c> is left out.
    /// </summary>
    public DateTimeOffset? FinalizedAt { get; init; }

    /// <summary>The pricing model, a word of AdCP's <c>pricing-model</c> such as <c>cpm</c>.</summary>
    /// <exception cref="ArgumentException">Not a word.</exception>
    public string? PricingModel { get; init => field = JsonWire.Word(value, nameof(PricingModel)); }

    /// <summary>The ratio of delivered to expected, 1 if on pace. Not negative. Since 3.2.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public decimal? PacingIndex { get; init => field = DeliveryMetrics.NotNegative(value, nameof(PacingIndex)); }

    /// <summary>Refuses money without a currency, or of another one than the row or the report states.</summary>
    /// <param name="stated">The currency of the whole report.</param>
    /// <exception cref="WebhookPayloadException">It breaks a rule.</exception>
    internal void CheckMoney(string? stated)
    {
        string? currency = Currency ?? stated;
        if ((stated is not null && currency != stated)
            || (currency is not null && ByPackage.Any(package => package.Currency is { } own && own != currency)))
        {
            throw new WebhookPayloadException(
                "currencies_differ", $"The report, the row of '{MediaBuyId}' and its packages state different currencies.",
                nameof(Currency));
        }

        if (currency is not null ? Totals.Spend is null : Totals.HasMoney)
        {
            throw new WebhookPayloadException(
                currency is null ? "missing_currency" : "missing_spend",
                currency is null
                    ? $"The totals of '{MediaBuyId}' hold money and no currency is stated. Leave money out of a row of several currencies."
                    : $"The totals of '{MediaBuyId}' have a currency and no spend.",
                nameof(Totals));
        }

        foreach (PackageDelivery package in ByPackage)
        {
            package.CheckMoney(currency);
        }
    }

    internal void Write(Utf8JsonWriter json, AdcpVersion version)
    {
        json.WriteStartObject();
        json.WriteString("media_buy_id"u8, MediaBuyId);
        json.WriteText("currency"u8, version >= AdcpVersion.V32 ? Currency : null);
        json.WriteString("status"u8, Status.Wire());
        json.WriteTime("expected_availability"u8, ExpectedAvailability);
        json.WriteFlag("is_adjusted"u8, IsAdjusted);
        json.WriteFlag("is_final"u8, FinalizedAt is null ? null : true);
        json.WriteTime("finalized_at"u8, FinalizedAt);
        json.WriteText("pricing_model"u8, PricingModel);
        json.WriteNumber("pacing_index"u8, version >= AdcpVersion.V32 ? PacingIndex : null);
        json.WriteStartObject("totals"u8);
        Totals.WriteMembers(json, version);
        json.WriteEndObject();
        json.WriteStartArray("by_package"u8);
        foreach (PackageDelivery package in ByPackage)
        {
            package.Write(json, version);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
