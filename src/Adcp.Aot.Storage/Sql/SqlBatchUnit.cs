namespace Adcp.Aot.Storage;

/// <summary>Rows of a batch that are committed together.</summary>
/// <param name="Start">The first row.</param>
/// <param name="Count">The number of rows.</param>
/// <param name="Failures">
/// The number of times in succession that these rows lost their connection or were stopped; 1 for the halves of a unit
/// that did so twice.
/// </param>
internal readonly record struct SqlBatchUnit(int Start, int Count, int Failures = 0);
