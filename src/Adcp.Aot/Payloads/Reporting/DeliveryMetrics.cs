using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Reporting;

/// <summary>
/// The metrics of a delivery: the spend, and any of AdCP's numbers by name.
/// <code>new DeliveryMetrics { Spend = 120.50m, [DeliveryMetric.Impressions] = 40_000 }</code>
/// </summary>
public class DeliveryMetrics
{
    // The members that the schema defines itself; Further cannot overwrite them.
    private static readonly HashSet<string> Taken =
    [
        "spend", "reach", "reach_unit", "reach_window", "by_event_type", "by_action_source", "quartile_data", "dooh_metrics",
        "ooh_metrics",
        "viewability", "vendor_metric_values", "measurement_source", "time_based_views",
        "package_id", "pacing_index", "pricing_model", "rate", "currency", "delivery_status", "paused", "is_final",
        "finalized_at", "measurement_window", "supersedes_window", "metric_values",
        .. Enum.GetValues<DeliveryMetric>().Select(metric => metric.Wire()),
    ];

    private static readonly DeliveryMetric[] Monetary =
    [
        DeliveryMetric.ConversionValue, DeliveryMetric.CommissionableValue, DeliveryMetric.Roas, DeliveryMetric.CostPerAcquisition,
        DeliveryMetric.CostPerClick, DeliveryMetric.CostPerCompletedView, DeliveryMetric.Cpm, DeliveryMetric.EffectiveRate,
    ];

    private readonly SortedDictionary<DeliveryMetric, decimal> _numbers = [];

    /// <summary>
    /// Money spent, in the currency of package, row or report. Not negative. Null only in the totals of a row without a currency.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public required decimal? Spend { get; init => field = NotNegative(value, nameof(Spend)); }

    /// <summary>The number of distinct people, devices or other units; default null, left out.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative, or not a unit.</exception>
    public AudienceReach? Reach
    {
        get;
        init
        {
            if (value is { } reach)
            {
                ArgumentOutOfRangeException.ThrowIfNegative(reach.Count, nameof(Reach));
                JsonWire.Defined(reach.Unit, nameof(Reach));
            }

            field = value;
        }
    }

    /// <summary>
    /// Gets the time over which reach and frequency were counted; default null, left out. Set it with <see cref="Reach"/>.
    /// </summary>
    public ReachWindow? ReachWindow { get; init; }

    /// <summary>
    /// Gets the provider whose measurement gave the numbers of the audience, 1 to 64 characters of a-z, 0-9 and _; default null, left out.
    /// Since 3.2.
    /// </summary>
    /// <exception cref="ArgumentException">Not such a name.</exception>
    public string? MeasurementSource
    {
        get;
        init => field = value is null || (value.Length is >= 1 and <= 64 && value.All(static c => char.IsAsciiLetterLower(c)
            || char.IsAsciiDigit(c) || c == '_'))
            ? value
            : throw new ArgumentException("1 to 64 characters of a-z, 0-9 and _.", nameof(MeasurementSource));
    }

    /// <summary>Gets the views by their length; default null, left out. Since 3.2.</summary>
    /// <exception cref="ArgumentException">An item is null.</exception>
    public IReadOnlyList<TimeBasedView>? TimeBasedViews { get; init => field = NoNull(value, nameof(TimeBasedViews)); }

    /// <summary>
    /// Gets the metrics of screens in public, a JSON object as UTF-8 of AdCP's <c>dooh_metrics</c>; default empty, left out.
    /// </summary>
    /// <exception cref="ArgumentException">Not a sound JSON object.</exception>
    public ReadOnlyMemory<byte> DoohMetrics
    {
        get;
        init => field = JsonWire.Json(value, JsonTokenType.StartObject, nameof(DoohMetrics));
    }

    /// <summary>
    /// Gets the metrics of posters, a JSON object as UTF-8 of AdCP's <c>ooh_metrics</c>, which AdCP calls experimental; default empty, left
    /// out. Since 3.2.
    /// </summary>
    /// <exception cref="ArgumentException">Not a sound JSON object.</exception>
    public ReadOnlyMemory<byte> OohMetrics
    {
        get;
        init => field = JsonWire.Json(value, JsonTokenType.StartObject, nameof(OohMetrics));
    }

    /// <summary>Viewability; default null, left out.</summary>
    public Viewability? Viewability { get; init; }

    /// <summary>Views that reached each quarter of the video, four numbers; default null, left out.</summary>
    /// <exception cref="ArgumentException">Not four numbers, or a negative one.</exception>
    public IReadOnlyList<decimal>? Quartiles
    {
        get;
        init => field = value is null || (value.Count == 4 && value.All(views => views >= 0))
            ? value is null ? null : [.. value]
            : throw new ArgumentException("Must be four numbers that are not negative.", nameof(Quartiles));
    }

    /// <summary>Counts by event type; default null, left out.</summary>
    public IReadOnlyList<EventCount>? ByEventType { get; init => field = NoNull(value, nameof(ByEventType)); }

    /// <summary>Counts by action source; default null, left out.</summary>
    public IReadOnlyList<EventCount>? ByActionSource { get; init => field = NoNull(value, nameof(ByActionSource)); }

    /// <summary>A vendor's own metrics, a JSON array as UTF-8; default empty, left out.</summary>
    /// <exception cref="ArgumentException">Not a sound JSON array.</exception>
    public ReadOnlyMemory<byte> VendorMetricValues
    {
        get;
        init => field = JsonWire.Json(value, JsonTokenType.StartArray, nameof(VendorMetricValues));
    }

    /// <summary>
    /// Metrics that AdCP does not define, a JSON object as UTF-8 whose members are written among the others; default
    /// empty.
    /// </summary>
    /// <exception cref="ArgumentException">Not a sound JSON object, or it names a metric that AdCP defines.</exception>
    public ReadOnlyMemory<byte> Further { get; init => field = Others(value, Taken, nameof(Further)); }

    /// <summary>Gets one of AdCP's numbers. Not negative; a rate is at most 1. Null is left out.</summary>
    /// <param name="metric">The metric.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not a metric, negative, or a rate above 1.</exception>
    public decimal? this[DeliveryMetric metric]
    {
        get => _numbers.TryGetValue(metric, out decimal number) ? number : null;
        init
        {
            JsonWire.Defined(metric, nameof(metric));
            bool isRate = metric is DeliveryMetric.Ctr or DeliveryMetric.CompletionRate or DeliveryMetric.NewToBrandRate
                or DeliveryMetric.EngagementRate;
            if (value is < 0 || (isRate && value > 1))
            {
                throw new ArgumentOutOfRangeException(nameof(metric), value,
                    $"{metric} is not negative{(isRate ? " and at most 1" : "")}.");
            }

            if (value is { } number)
            {
                _numbers[metric] = number;
            }
        }
    }

    /// <summary>Gets whether a number is money or derived from money.</summary>
    internal bool HasMoney => Spend is not null || Monetary.Any(_numbers.ContainsKey);

    /// <summary>Returns whether a number of this wire name is set.</summary>
    internal bool IsSet(string metric) => _numbers.Keys.Any(each => each.Wire() == metric);

    internal static decimal? NotNegative(decimal? value, string name) =>
        value is < 0 ? throw new ArgumentOutOfRangeException(name, value, "Not negative.") : value;

    internal void WriteMembers(Utf8JsonWriter json, AdcpVersion version)
    {
        json.WriteNumber("spend"u8, Spend);
        foreach ((DeliveryMetric metric, decimal number) in _numbers)
        {
            if (version >= AdcpVersion.V32 || metric != DeliveryMetric.CommissionableValue)
            {
                json.WriteNumber(metric.Wire(), number);
            }
        }

        if (Reach is { } reach)
        {
            json.WriteNumber("reach"u8, reach.Count);
            json.WriteString("reach_unit"u8, reach.Unit.Wire());
        }

        ReachWindow?.Write(json);
        json.WriteJson("dooh_metrics"u8, DoohMetrics);
        if (version >= AdcpVersion.V32)
        {
            json.WriteText("measurement_source"u8, MeasurementSource);
            json.WriteJson("ooh_metrics"u8, OohMetrics);
            if (TimeBasedViews is { } views)
            {
                json.WriteStartArray("time_based_views"u8);
                foreach (TimeBasedView view in views)
                {
                    view.Write(json);
                }

                json.WriteEndArray();
            }
        }

        if (Viewability is { } seen)
        {
            json.WriteStartObject("viewability"u8);
            json.WriteNumber("measurable_impressions"u8, seen.MeasurableImpressions);
            json.WriteNumber("viewable_impressions"u8, seen.ViewableImpressions);
            json.WriteNumber("viewable_rate"u8, seen.ViewableRate);
            json.WriteNumber("viewed_seconds"u8, seen.ViewedSeconds);
            json.WriteText("standard"u8, seen.Standard);
            JsonWire.WriteMembers(json, seen.Further);
            json.WriteEndObject();
        }

        if (Quartiles is { } quartiles)
        {
            json.WriteStartObject("quartile_data"u8);
            for (int i = 0; i < 4; i++)
            {
                json.WriteNumber($"q{i + 1}_views", quartiles[i]);
            }

            json.WriteEndObject();
        }

        Counts("by_event_type", "event_type", ByEventType);
        Counts("by_action_source", "action_source", ByActionSource);
        json.WriteJson("vendor_metric_values"u8, VendorMetricValues);
        JsonWire.WriteMembers(json, Further);

        void Counts(string name, string kind, IReadOnlyList<EventCount>? counts)
        {
            if (counts is null)
            {
                return;
            }

            json.WriteStartArray(name);
            foreach (EventCount count in counts)
            {
                json.WriteStartObject();
                json.WriteString(kind, count.Name);
                json.WriteText("event_source_id"u8, count.EventSourceId);
                json.WriteNumber("count"u8, count.Count);
                json.WriteNumber("value"u8, count.Value);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }
    }

    /// <summary>Returns a copy of an object whose members are written among those that have a property.</summary>
    /// <exception cref="ArgumentException">Not a JSON object, or it names a member that has a property.</exception>
    internal static ReadOnlyMemory<byte> Others(ReadOnlyMemory<byte> value, IReadOnlySet<string> taken, string name)
    {
        ReadOnlyMemory<byte> members = JsonWire.Json(value, JsonTokenType.StartObject, name);
        if (!members.IsEmpty)
        {
            using JsonDocument document = JsonDocument.Parse(members);
            foreach (JsonProperty member in document.RootElement.EnumerateObject())
            {
                if (taken.Contains(member.Name))
                {
                    throw new ArgumentException($"'{member.Name}' is AdCP's own; set it by its property or metric.", name);
                }
            }
        }

        return members;
    }

    private static IReadOnlyList<T>? NoNull<T>(IReadOnlyList<T>? counts, string name)
        where T : class =>
        counts is null ? null : counts.Contains(null!) ? throw new ArgumentException("No count is null.", name) : [.. counts];
}
