using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Reporting;

/// <summary>AdCP's <c>duration</c>: a number of units. Immutable.</summary>
public sealed record MetricDuration
{
    /// <summary>Creates a duration.</summary>
    /// <param name="interval">The number of units. At least 1; 1 if the unit is the campaign.</param>
    /// <param name="unit">The unit.</param>
    /// <exception cref="ArgumentOutOfRangeException">A bad number, or not a unit.</exception>
    public MetricDuration(int interval, DurationUnit unit)
    {
        Unit = JsonWire.Defined(unit, nameof(unit));
        Interval = interval == 1 || (interval > 1 && unit != DurationUnit.Campaign)
            ? interval
            : throw new ArgumentOutOfRangeException(nameof(interval), interval, "At least 1, and 1 if the unit is the campaign.");
    }

    /// <summary>Gets the number of units.</summary>
    public int Interval { get; }

    /// <summary>Gets the unit.</summary>
    public DurationUnit Unit { get; }

    internal void Write(Utf8JsonWriter json, ReadOnlySpan<byte> name)
    {
        json.WriteStartObject(name);
        json.WriteNumber("interval"u8, Interval);
        json.WriteString("unit"u8, Unit.Wire());
        json.WriteEndObject();
    }
}
