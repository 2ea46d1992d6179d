using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Reporting;

/// <summary>One package's part of a delivery report.</summary>
public sealed class PackageDelivery : DeliveryMetrics
{
    private IReadOnlyList<string> _qualified = [];

    /// <summary>The package; default null, left out.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public string? PackageId { get; init => field = value is null ? null : JsonWire.Name(value, nameof(PackageId)); }

    /// <summary>The ratio of delivered to expected, 1 if on pace. Not negative.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public decimal? PacingIndex { get; init => field = NotNegative(value, nameof(PacingIndex)); }

    /// <summary>The pricing model, a word of AdCP's <c>pricing-model</c> such as <c>cpm</c>.</summary>
    /// <exception cref="ArgumentException">Not a word.</exception>
    public string? PricingModel { get; init => field = JsonWire.Word(value, nameof(PricingModel)); }

    /// <summary>The rate paid. Not negative.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public decimal? Rate { get; init => field = NotNegative(value, nameof(Rate)); }

    /// <summary>The package's currency, ISO 4217.</summary>
    /// <exception cref="ArgumentException">Not three capital letters.</exception>
    public string? Currency { get; init => field = value is null ? null : DeliveryReport.CheckCurrency(value, nameof(Currency)); }

    /// <summary>The delivery status.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a status.</exception>
    public PackageDeliveryStatus? DeliveryStatus
    {
        get;
        init => field = value is { } status ? JsonWire.Defined(status, nameof(DeliveryStatus)) : null;
    }

    /// <summary>Gets whether the buyer paused it.</summary>
    public bool? IsPaused { get; init; }

    /// <summary>
    /// The time when its numbers became final. If null, they are not final, and <c>is_final</c> is left out.
    /// </summary>
    public DateTimeOffset? FinalizedAt { get; init; }

    /// <summary>
    /// Metrics with qualifiers, a JSON array as UTF-8 of AdCP's <c>package-delivery-metric-value</c>: objects with <c>metric_id</c> and a
    /// <c>qualifier</c> of one member or more. A metric of the array is not set by its number too. Default empty, left out. Since 3.2.
    /// </summary>
    /// <exception cref="ArgumentException">Not such an array, or an item is about the spend.</exception>
    public ReadOnlyMemory<byte> MetricValues
    {
        get;
        init
        {
            field = JsonWire.Json(value, JsonTokenType.StartArray, nameof(MetricValues));
            _qualified = field.IsEmpty ? [] : Qualified(field);
        }
    }

    /// <summary>The measurement window of these numbers, at most 50 characters.</summary>
    /// <exception cref="ArgumentException">Too long.</exception>
    public string? MeasurementWindow { get; init => field = JsonWire.Text(value, 50, nameof(MeasurementWindow)); }

    /// <summary>The window that these numbers replace, at most 50 characters.</summary>
    /// <exception cref="ArgumentException">Too long.</exception>
    public string? SupersedesWindow { get; init => field = JsonWire.Text(value, 50, nameof(SupersedesWindow)); }

    /// <summary>Refuses a package without a spend, money without a currency, and a metric that is stated twice.</summary>
    /// <param name="stated">The currency of the row or the report.</param>
    /// <exception cref="WebhookPayloadException">It breaks a rule.</exception>
    internal void CheckMoney(string? stated)
    {
        if (Spend is null || (Currency ?? stated) is null)
        {
            throw new WebhookPayloadException(
                Spend is null ? "missing_spend" : "missing_currency",
                $"Package '{PackageId}' needs {(Spend is null ? "a spend" : "a currency, its own or the row's")}.",
                Spend is null ? nameof(Spend) : nameof(Currency));
        }

        if (_qualified.FirstOrDefault(IsSet) is { } twice)
        {
            throw new WebhookPayloadException(
                "metric_twice", $"'{twice}' is in MetricValues and set as a number too; leave the number out.", nameof(MetricValues));
        }
    }

    internal void Write(Utf8JsonWriter json, AdcpVersion version)
    {
        bool isLater = version >= AdcpVersion.V32;
        json.WriteStartObject();
        json.WriteText("package_id"u8, PackageId);
        WriteMembers(json, version);
        json.WriteJson("metric_values"u8, isLater ? MetricValues : default);
        json.WriteNumber("pacing_index"u8, PacingIndex);
        json.WriteText("pricing_model"u8, PricingModel);
        json.WriteNumber("rate"u8, Rate);
        json.WriteText("currency"u8, Currency);
        json.WriteText(
            "delivery_status"u8, isLater || DeliveryStatus != PackageDeliveryStatus.NotDelivering ? DeliveryStatus?.Wire() : null);
        json.WriteFlag("paused"u8, IsPaused);
        json.WriteFlag("is_final"u8, FinalizedAt is null ? null : true);
        json.WriteTime("finalized_at"u8, FinalizedAt);
        json.WriteText("measurement_window"u8, MeasurementWindow);
        json.WriteText("supersedes_window"u8, SupersedesWindow);
        json.WriteEndObject();
    }

    private static List<string> Qualified(ReadOnlyMemory<byte> values)
    {
        using JsonDocument document = JsonDocument.Parse(values);
        List<string> metrics = [];
        foreach (JsonElement item in document.RootElement.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object
                || !item.TryGetProperty("metric_id", out JsonElement metric) || metric.ValueKind != JsonValueKind.String
                || metric.ValueEquals("spend")
                || !item.TryGetProperty("qualifier", out JsonElement qualifier) || qualifier.ValueKind != JsonValueKind.Object
                || !qualifier.EnumerateObject().Any())
            {
                throw new ArgumentException(
                    "Objects with a metric_id other than spend and a qualifier that is not empty.", nameof(MetricValues));
            }

            metrics.Add(metric.GetString()!);
        }

        return metrics;
    }
}
