namespace Adcp.Aot.Operations;

/// <summary>A number of dead letters.</summary>
/// <param name="Reason">The reason that was counted; <see langword="null"/> if the count is of a query.</param>
/// <param name="Count">The number.</param>
/// <param name="IsEstimate">
/// Whether the number is an estimate: of PostgreSQL by its statistics, of SQLite by a sample. Never for numbers up to 10,000.
/// </param>
public sealed record DeadLetterCount(string? Reason, long Count, bool IsEstimate);
