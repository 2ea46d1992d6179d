namespace Adcp.Aot.Resilience;

/// <summary>A change of a circuit's state. The default value means that nothing changed.</summary>
internal readonly struct CircuitChange(CircuitState from, CircuitState to, bool isLateSuccess = false)
{
    private readonly byte _from = (byte)from;
    private readonly byte _to = (byte)to;

    internal CircuitState From => (CircuitState)_from;

    internal CircuitState To => (CircuitState)_to;

    /// <summary>Gets whether a success that began before the circuit opened moved it to half-open.</summary>
    internal bool IsLateSuccess { get; } = isLateSuccess;

    internal bool IsNone => _from == _to;
}
