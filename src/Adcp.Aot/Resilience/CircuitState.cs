namespace Adcp.Aot.Resilience;

/// <summary>Where a circuit stands. Wire names: <c>closed</c>, <c>open</c>, <c>half_open</c>; <c>isolated</c> is ours.</summary>
public enum CircuitState
{
    /// <summary>Attempts pass; consecutive failures are counted.</summary>
    Closed = 0,

    /// <summary>Attempts are refused until the open timeout has passed.</summary>
    Open = 1,

    /// <summary>A bounded number of probes pass; their results decide.</summary>
    HalfOpen = 2,

    /// <summary>Held open by hand until <see cref="CircuitBreaker.Reset"/>.</summary>
    Isolated = 3,
}
