namespace Adcp.Aot.Resilience;

/// <summary>
/// The state of a circuit. Wire names: <c>closed</c>, <c>open</c>, <c>half_open</c>; <c>isolated</c> is our own.
/// </summary>
public enum CircuitState
{
    /// <summary>Attempts pass; consecutive failures are counted.</summary>
    Closed = 0,

    /// <summary>Attempts are refused until the open timeout has passed.</summary>
    Open = 1,

    /// <summary>A bounded number of probes pass; their results decide.</summary>
    HalfOpen = 2,

    /// <summary>Held open by an operator until <see cref="CircuitBreaker.Reset"/>.</summary>
    Isolated = 3,
}
