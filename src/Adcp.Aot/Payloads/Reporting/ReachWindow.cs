using System.Text.Json;

namespace Adcp.Aot.Payloads.Reporting;

/// <summary>
/// AdCP's <c>reach_window</c>: the time over which reach and frequency were counted. Without it, a buyer that adds rows counts people
/// twice. Immutable.
/// </summary>
public sealed record ReachWindow
{
    private readonly string _kind;

    private ReachWindow(string kind, MetricDuration? duration) => (_kind, Duration) = (kind, duration);

    /// <summary>Gets the window from the beginning of the campaign: a later row replaces an earlier one.</summary>
    public static ReachWindow Cumulative { get; } = new("cumulative", null);

    /// <summary>Gets the length of the window; <c>null</c> if it is cumulative.</summary>
    public MetricDuration? Duration { get; }

    /// <summary>Creates the window of one reporting period. Periods do not overlap.</summary>
    /// <param name="duration">Its length.</param>
    /// <exception cref="ArgumentNullException"><paramref name="duration"/> is null.</exception>
    public static ReachWindow Period(MetricDuration duration) =>
        new("period", duration ?? throw new ArgumentNullException(nameof(duration)));

    /// <summary>Creates the window that ends with the row, so that windows of rows overlap.</summary>
    /// <param name="duration">Its length.</param>
    /// <exception cref="ArgumentNullException"><paramref name="duration"/> is null.</exception>
    public static ReachWindow Rolling(MetricDuration duration) =>
        new("rolling", duration ?? throw new ArgumentNullException(nameof(duration)));

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("reach_window"u8);
        json.WriteString("kind"u8, _kind);
        Duration?.Write(json, "period"u8);
        json.WriteEndObject();
    }
}
