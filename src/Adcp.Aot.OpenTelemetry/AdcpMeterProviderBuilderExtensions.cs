using Adcp.Aot.Telemetry;

namespace OpenTelemetry.Metrics;

/// <summary>Adds the meter of Adcp.Aot.</summary>
public static class AdcpMeterProviderBuilderExtensions
{
    /// <summary>Adds the meter of Adcp.Aot, whose instruments <see cref="AdcpInstruments"/> names.</summary>
    /// <param name="builder">The application's meters.</param>
    /// <exception cref="ArgumentNullException"><paramref name="builder"/> is null.</exception>
    public static MeterProviderBuilder AddAdcpInstrumentation(this MeterProviderBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddMeter(AdcpTelemetry.MeterName);
    }
}
