namespace Adcp.Aot.Resilience;

/// <summary>One change of a circuit's state.</summary>
/// <param name="Key">The breaker's key. If it is a url, its query may hold secrets.</param>
/// <param name="From">The state before.</param>
/// <param name="To">The state after.</param>
/// <param name="LateSuccess"><c>true</c> if a success that began before the circuit opened moved it to
/// half-open.</param>
public readonly record struct CircuitTransition(string Key, CircuitState From, CircuitState To, bool LateSuccess)
{
    /// <summary>Returns the states only: a key may be a url with secrets.</summary>
    public override string ToString() => $"{From} -> {To}";
}
