namespace Adcp.Aot.Resilience;

/// <summary>One change of a circuit's state.</summary>
/// <param name="Key">The breaker's key; a url among keys may hold secrets in its query.</param>
/// <param name="From">The state left.</param>
/// <param name="To">The state entered.</param>
/// <param name="LateSuccess"><c>true</c> if a success begun before the circuit opened moved it to half-open.</param>
public readonly record struct CircuitTransition(string Key, CircuitState From, CircuitState To, bool LateSuccess)
{
    /// <summary>Returns the states only: a key may be a url with secrets.</summary>
    public override string ToString() => $"{From} -> {To}";
}
