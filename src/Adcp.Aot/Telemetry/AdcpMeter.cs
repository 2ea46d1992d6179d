using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Adcp.Aot.Telemetry;

/// <summary>The meter and the activity source of this assembly, and additions to counters that never throw.</summary>
internal static class AdcpMeter
{
    internal static readonly Meter Meter = new(AdcpTelemetry.MeterName);

    internal static readonly ActivitySource Source = new(AdcpTelemetry.ActivitySourceName);

    internal static void Add(Counter<long> counter, KeyValuePair<string, object?> tag)
    {
        try
        {
            counter.Add(1, tag);
        }
        catch (Exception)
        {
            // A listener's fault must not affect what is counted.
        }
    }
}
