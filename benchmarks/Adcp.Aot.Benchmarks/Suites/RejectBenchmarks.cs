using Adcp.Aot.Benchmarks.Engine;
using BenchmarkDotNet.Attributes;

namespace Adcp.Aot.Benchmarks.Suites;

/// <summary>One delivery that an open circuit refuses, recorded each time or at the defaults.</summary>
[MemoryDiagnoser]
public class RejectBenchmarks
{
    private AdcpSide _adcp = null!;
    private PollySide _polly = null!;

    [GlobalSetup]
    public void Setup()
    {
        _adcp = new AdcpSide();
        _polly = new PollySide(_adcp);
    }

    [GlobalCleanup]
    public async Task Cleanup() => await _adcp.DisposeAsync();

    [Benchmark]
    public bool Open_circuit() => _adcp.Reject();

    [Benchmark]
    public bool Open_circuit_at_defaults() => _adcp.RejectAtDefaults();

    [Benchmark(Baseline = true)]
    public bool Polly_outcome() => _polly.RejectWithoutThrow();

    [Benchmark]
    public bool Polly_throw() => _polly.RejectByThrow();
}
