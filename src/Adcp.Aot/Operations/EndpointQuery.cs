using Adcp.Aot.Resilience;

namespace Adcp.Aot.Operations;

/// <summary>A query for endpoints. Immutable.</summary>
public sealed record EndpointQuery
{
    /// <summary>Gets the state; <see langword="null"/> for all.</summary>
    public CircuitState? State { get; init; }

    /// <summary>Gets a text that the name contains, in any case; <see langword="null"/> for all.</summary>
    public string? Text { get; init; }

    /// <summary>Gets <see cref="OperationsPage{T}.Next"/> of the page before; <see langword="null"/> for the first page.</summary>
    public string? After { get; init; }

    /// <summary>Gets the most rows of the page. 1 to 1,000, default 100.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 1,000.</exception>
    public int Limit
    {
        get;
        init => field = PageLimit.Check(value, nameof(Limit));
    } = PageLimit.Default;
}
