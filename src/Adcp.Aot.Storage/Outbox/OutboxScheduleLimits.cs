namespace Adcp.Aot.Storage;

/// <summary>The bounds of an <see cref="OutboxSchedule"/>.</summary>
internal sealed record OutboxScheduleLimits
{
    private static readonly CircuitBreakerPolicy DefaultCircuit = new();

    /// <summary>Gets the most rows in memory.</summary>
    internal int MaxRows { get; init; } = 8192;

    /// <summary>Gets the bytes of rows in memory from which no more are read.</summary>
    internal long MaxBytes { get; init; } = 64 << 20;

    /// <summary>Gets the rows that a slow tenant may have in memory, and those that may wait there for their trial.</summary>
    internal int SlowRows => MaxRows / 8;

    /// <summary>Gets the bytes of rows that a slow tenant may have in memory.</summary>
    internal long SlowBytes => MaxBytes / 8;

    /// <summary>Gets the rows in memory up to which an endpoint may have all of them.</summary>
    internal int BurstRows => MaxRows / 8;

    /// <summary>Gets the most rows of one endpoint while more are in memory; further fresh ones are parked.</summary>
    internal int MaxRowsPerEndpoint { get; init; } = 256;

    /// <summary>Gets the most bytes of one endpoint in memory; further fresh rows are parked.</summary>
    internal long MaxBytesPerEndpoint { get; init; } = 4 << 20;

    /// <summary>
    /// Gets a function that returns the present policy of circuits, which may change while the worker runs. Its success threshold is the
    /// number of attempts that must succeed before an endpoint that failed works again. Its failure threshold is the number of attempts of
    /// a parked row from which its endpoint counts as failed.
    /// </summary>
    internal Func<CircuitBreakerPolicy> Circuit { get; init; } = static () => DefaultCircuit;

    /// <summary>Gets how often owners may die while a row is under way before it ends as poison.</summary>
    internal int QuarantineAfter { get; init; } = 3;

    /// <summary>Gets the most attempts under way.</summary>
    internal int MaxConcurrency { get; init; } = 8192;

    /// <summary>Gets the most attempts under way for one tenant.</summary>
    internal int MaxConcurrencyPerTenant { get; init; } = 1024;

    /// <summary>Gets the most attempts under way at one endpoint.</summary>
    internal int MaxConcurrencyPerEndpoint { get; init; } = 64;
}
