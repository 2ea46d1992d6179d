namespace Adcp.Aot.Telemetry;

/// <summary>The names of the meter and of the activity source. Stable.</summary>
public static class AdcpTelemetry
{
    /// <summary>The name of the meter. The packages of Adcp.Aot share it.</summary>
    public const string MeterName = "Adcp.Aot";

    /// <summary>The name of the activity source. The packages of Adcp.Aot share it.</summary>
    public const string ActivitySourceName = "Adcp.Aot";
}
