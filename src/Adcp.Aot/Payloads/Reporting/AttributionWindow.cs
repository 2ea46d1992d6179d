using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Reporting;

/// <summary>AdCP's <c>attribution-window</c>: the method by which conversions were counted. A null member is left out.</summary>
public sealed record AttributionWindow
{
    /// <summary>Gets the time after a click in which a conversion counts.</summary>
    public MetricDuration? PostClick { get; init; }

    /// <summary>Gets the time after a view without a click in which a conversion counts.</summary>
    public MetricDuration? PostView { get; init; }

    /// <summary>Gets the model that divides a conversion among touchpoints; <c>null</c> for the seller's default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a model.</exception>
    public AttributionModel? Model { get; init => field = value is { } model ? JsonWire.Defined(model, nameof(Model)) : null; }

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("attribution_window"u8);
        PostClick?.Write(json, "post_click"u8);
        PostView?.Write(json, "post_view"u8);
        json.WriteText("model"u8, Model?.Wire());
        json.WriteEndObject();
    }
}
