using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Reporting;

/// <summary>The number of views that lasted a number of seconds.</summary>
public sealed record TimeBasedView
{
    /// <summary>Creates a count.</summary>
    /// <param name="thresholdSeconds">The seconds. Above 0.</param>
    /// <param name="basis">The kind of seconds.</param>
    /// <param name="views">The number of views. Not negative.</param>
    /// <param name="standard">A word of AdCP's <c>viewability-standard</c>; null for none.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number out of its range, or not a basis.</exception>
    /// <exception cref="ArgumentException">Not a word.</exception>
    public TimeBasedView(decimal thresholdSeconds, ViewBasis basis, decimal views, string? standard = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(thresholdSeconds);
        ArgumentOutOfRangeException.ThrowIfNegative(views);
        ThresholdSeconds = thresholdSeconds;
        Basis = JsonWire.Defined(basis, nameof(basis));
        Views = views;
        Standard = JsonWire.Word(standard, nameof(standard));
    }

    /// <summary>Gets the seconds.</summary>
    public decimal ThresholdSeconds { get; }

    /// <summary>Gets the kind of seconds.</summary>
    public ViewBasis Basis { get; }

    /// <summary>Gets the number of views.</summary>
    public decimal Views { get; }

    /// <summary>Gets the viewability standard; <c>null</c> for none.</summary>
    public string? Standard { get; }

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteNumber("threshold_seconds"u8, ThresholdSeconds);
        json.WriteString("basis"u8, Basis.Wire());
        json.WriteNumber("views"u8, Views);
        json.WriteText("standard"u8, Standard);
        json.WriteEndObject();
    }
}
