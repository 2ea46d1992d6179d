using Adcp.Aot.Telemetry;

namespace OpenTelemetry.Trace;

/// <summary>Adds the traces of Adcp.Aot.</summary>
public static class AdcpTracerProviderBuilderExtensions
{
    /// <summary>Adds the traces of Adcp.Aot, whose spans <see cref="AdcpSpans"/> names.</summary>
    /// <param name="builder">The application's traces.</param>
    /// <exception cref="ArgumentNullException"><paramref name="builder"/> is null.</exception>
    public static TracerProviderBuilder AddAdcpInstrumentation(this TracerProviderBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddSource(AdcpTelemetry.ActivitySourceName);
    }
}
