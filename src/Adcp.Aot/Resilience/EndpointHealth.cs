namespace Adcp.Aot.Resilience;

/// <summary>The health of an endpoint as an attempt's result shows it, for its breaker.</summary>
public enum EndpointHealth
{
    /// <summary>Unknown: the attempt failed by a fault of ours, of this machine or of its network.</summary>
    Unknown = 0,

    /// <summary>The endpoint answers and is not overloaded.</summary>
    Healthy = 1,

    /// <summary>The endpoint is down, failing or overloaded.</summary>
    Failing = 2,
}
