using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Reporting;

/// <summary>Measured viewability. A null member is left out.</summary>
public sealed record Viewability
{
    private static readonly HashSet<string> Taken =
        ["measurable_impressions", "viewable_impressions", "viewable_rate", "viewed_seconds", "standard"];

    /// <summary>Impressions that could be measured. Not negative.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public decimal? MeasurableImpressions { get; init => field = DeliveryMetrics.NotNegative(value, nameof(MeasurableImpressions)); }

    /// <summary>Impressions that were viewable. Not negative.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public decimal? ViewableImpressions { get; init => field = DeliveryMetrics.NotNegative(value, nameof(ViewableImpressions)); }

    /// <summary>The ratio of viewable to measurable impressions, 0 to 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 0 to 1.</exception>
    public decimal? ViewableRate
    {
        get;
        init => field = value is < 0 or > 1 ? throw new ArgumentOutOfRangeException(nameof(ViewableRate), value, "0 to 1.") : value;
    }

    /// <summary>Seconds in view. Not negative.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public decimal? ViewedSeconds { get; init => field = DeliveryMetrics.NotNegative(value, nameof(ViewedSeconds)); }

    /// <summary>The standard, a word of AdCP's <c>viewability-standard</c>, such as <c>mrc</c>.</summary>
    /// <exception cref="ArgumentException">Not a word.</exception>
    public string? Standard { get; init => field = JsonWire.Word(value, nameof(Standard)); }

    /// <summary>
    /// Gets further members, a JSON object as UTF-8 whose members are written among the others, such as AdCP's <c>vendor</c>,
    /// <c>viewed_seconds_percentiles</c> and <c>viewed_seconds_histogram</c>; default empty.
    /// </summary>
    /// <exception cref="ArgumentException">Not a sound JSON object, or it names a member that has a property.</exception>
    public ReadOnlyMemory<byte> Further { get; init => field = DeliveryMetrics.Others(value, Taken, nameof(Further)); }
}
