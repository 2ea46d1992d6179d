namespace Adcp.Aot.Benchmarks;

/// <summary>One line of the table.</summary>
/// <param name="What">What is compared.</param>
/// <param name="Unit">The unit of both figures.</param>
/// <param name="Ours">Our median.</param>
/// <param name="Peer">The peer's median; null where there is none.</param>
/// <param name="Ratio">The median over rounds of how many times better we are.</param>
/// <param name="BytesPerOperation">What our calling thread allocated for one operation; null where not measured.</param>
/// <param name="ProcessBytesPerOperation">The same for the whole process, the audit reader included.</param>
/// <param name="Bound">What is promised; null where the line only informs.</param>
/// <param name="Ok">Whether the promise is kept.</param>
internal sealed record ComparisonRow(
    string What,
    string Unit,
    double Ours,
    double? Peer,
    double? Ratio,
    double? BytesPerOperation,
    double? ProcessBytesPerOperation,
    string? Bound,
    bool Ok);
