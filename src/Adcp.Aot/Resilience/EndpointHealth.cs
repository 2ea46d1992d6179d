namespace Adcp.Aot.Resilience;

/// <summary>What an attempt's result says about the endpoint, for its breaker.</summary>
public enum EndpointHealth
{
    /// <summary>Nothing: the attempt failed by our own fault.</summary>
    Unknown = 0,

    /// <summary>It answers and is not overloaded.</summary>
    Healthy = 1,

    /// <summary>It is down, failing or overloaded.</summary>
    Failing = 2,
}
