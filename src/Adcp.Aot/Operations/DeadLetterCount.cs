namespace Adcp.Aot.Operations;

/// <summary>A number of dead letters.</summary>
/// <param name="Reason">The reason that was counted; <see langword="null"/> if the count is of a query.</param>
/// <param name="Count">The number.</param>
/// <param name="IsEstimate">Whether there are more than 10,000, and the number is estimated from the ids of the newest 10,000.</param>
public sealed record DeadLetterCount(string? Reason, long Count, bool IsEstimate);
