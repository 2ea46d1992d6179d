namespace Adcp.Aot.Operations;

/// <summary>A page of a list.</summary>
/// <typeparam name="T">The type of a row.</typeparam>
/// <param name="Items">The rows.</param>
/// <param name="Next">The query's <c>After</c> for the next page; <see langword="null"/> if this page is the last one.</param>
/// <param name="Count">The number of rows in all pages.</param>
/// <param name="IsEstimate">Whether <paramref name="Count"/> is an estimate.</param>
public sealed record OperationsPage<T>(IReadOnlyList<T> Items, string? Next, long Count, bool IsEstimate);
