namespace Adcp.Aot.Resilience;

/// <summary>Leave to make one attempt, stamped with the breaker's generation. Report it back exactly once.</summary>
public readonly struct CircuitPermit : IEquatable<CircuitPermit>
{
    private readonly int _stamp;

    internal CircuitPermit(int generation) => _stamp = generation + 1;

    /// <summary>False for a refusal.</summary>
    public bool IsGranted => _stamp != 0;

    internal int Generation => _stamp - 1;

    /// <inheritdoc/>
    public bool Equals(CircuitPermit other) => _stamp == other._stamp;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is CircuitPermit other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _stamp;

    /// <summary>Same generation, or both refused.</summary>
    public static bool operator ==(CircuitPermit left, CircuitPermit right) => left.Equals(right);

    /// <summary>Different generations, or one of the two refused.</summary>
    public static bool operator !=(CircuitPermit left, CircuitPermit right) => !left.Equals(right);
}
