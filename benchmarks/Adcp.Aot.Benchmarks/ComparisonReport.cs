namespace Adcp.Aot.Benchmarks;

/// <summary>All lines and where they were measured.</summary>
internal sealed record ComparisonReport(string Runtime, string Machine, int Processors, int Rounds, long RecordsDropped, IReadOnlyList<ComparisonRow> Rows);
