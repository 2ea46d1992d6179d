using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Reporting;

/// <summary>One package's part of a delivery report.</summary>
public sealed class PackageDelivery : DeliveryMetrics
{
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

    /// <summary>The measurement window of these numbers, at most 50 characters.</summary>
    /// <exception cref="ArgumentException">Too long.</exception>
    public string? MeasurementWindow { get; init => field = JsonWire.Text(value, 50, nameof(MeasurementWindow)); }

    /// <summary>The window that these numbers replace, at most 50 characters.</summary>
    /// <exception cref="ArgumentException">Too long.</exception>
    public string? SupersedesWindow { get; init => field = JsonWire.Text(value, 50, nameof(SupersedesWindow)); }

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteText("package_id"u8, PackageId);
        WriteMembers(json);
        json.WriteNumber("pacing_index"u8, PacingIndex);
        json.WriteText("pricing_model"u8, PricingModel);
        json.WriteNumber("rate"u8, Rate);
        json.WriteText("currency"u8, Currency);
        json.WriteText("delivery_status"u8, DeliveryStatus?.Wire());
        json.WriteFlag("paused"u8, IsPaused);
        json.WriteFlag("is_final"u8, FinalizedAt is null ? null : true);
        json.WriteTime("finalized_at"u8, FinalizedAt);
        json.WriteText("measurement_window"u8, MeasurementWindow);
        json.WriteText("supersedes_window"u8, SupersedesWindow);
        json.WriteEndObject();
    }
}
