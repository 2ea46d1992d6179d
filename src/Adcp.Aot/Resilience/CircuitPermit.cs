namespace Adcp.Aot.Resilience;

/// <summary>
/// The right to make one attempt, stamped with the breaker's generation. Report it back exactly once.
/// </summary>
public readonly struct CircuitPermit : IEquatable<CircuitPermit>
{
    private readonly int _stamp;

    internal CircuitPermit(int generation) => _stamp = generation + 1;

    /// <summary>Gets whether the permit was granted.</summary>
    public bool IsGranted => _stamp != 0;

    internal int Generation => _stamp - 1;

    /// <inheritdoc/>
    public bool Equals(CircuitPermit other) => _stamp == other._stamp;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is CircuitPermit other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _stamp;

    /// <summary>Returns whether both are of the same generation, or both refused.</summary>
    public static bool operator ==(CircuitPermit left, CircuitPermit right) => left.Equals(right);

    /// <summary>Returns whether they are of different generations, or one of them is refused.</summary>
    public static bool operator !=(CircuitPermit left, CircuitPermit right) => !left.Equals(right);
}
