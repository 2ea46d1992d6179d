using Adcp.Aot.Storage;

namespace Adcp.Aot.Benchmarks.Storage;

/// <summary>Rows a second of the contestants on one dialect, and how they relate.</summary>
internal sealed record SinkFigures(
    SqlDialect Dialect, int Batch, double Generated, double HandWritten, double? Dapper, double ByHand, double? ByDapper);
