using BenchmarkDotNet.Attributes;

namespace Adcp.Aot.Benchmarks.Suites;

/// <summary>What a closed breaker costs.</summary>
public class BreakerBenchmarks
{
    private const int Operations = 1_000;
    private readonly BreakerCost _cost = new();

    [Benchmark(OperationsPerInvoke = Operations)]
    public void Permit_and_success() => _cost.Loop(Operations);

    [Benchmark(Baseline = true, OperationsPerInvoke = Operations)]
    public long One_volatile_read() => _cost.VolatileReads(Operations);
}
