using Adcp.Aot.Benchmarks.Engine;
using BenchmarkDotNet.Attributes;

namespace Adcp.Aot.Benchmarks.Suites;

/// <summary>The cost of a closed breaker.</summary>
public class BreakerBenchmarks
{
    private const int Operations = 1_000;
    private readonly BreakerCost _cost = new();

    [Benchmark(OperationsPerInvoke = Operations)]
    public void Permit_and_success() => _cost.Loop(Operations);

    [Benchmark(Baseline = true, OperationsPerInvoke = Operations)]
    public long One_volatile_read() => _cost.VolatileReads(Operations);
}
