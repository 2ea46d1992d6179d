using BenchmarkDotNet.Attributes;

namespace Adcp.Aot.Benchmarks.Suites;

/// <summary>One delivery that an open circuit refuses, recorded each time.</summary>
[MemoryDiagnoser]
public class RejectBenchmarks
{
    private Ours _ours = null!;
    private Peer _peer = null!;

    [GlobalSetup]
    public void Setup()
    {
        _ours = new Ours();
        _peer = new Peer(_ours);
    }

    [GlobalCleanup]
    public async Task Cleanup() => await _ours.DisposeAsync();

    [Benchmark]
    public bool Open_circuit() => _ours.Reject();

    [Benchmark(Baseline = true)]
    public bool Polly_outcome() => _peer.RejectWithoutThrow();

    [Benchmark]
    public bool Polly_throw() => _peer.RejectByThrow();
}
