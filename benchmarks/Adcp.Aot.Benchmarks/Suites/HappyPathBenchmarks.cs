using BenchmarkDotNet.Attributes;

namespace Adcp.Aot.Benchmarks.Suites;

/// <summary>One delivery that succeeds at once.</summary>
[MemoryDiagnoser]
public class HappyPathBenchmarks
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
    public bool By_destination_with_sequence() => _ours.ByHandle();

    [Benchmark]
    public bool By_destination() => _ours.Unnumbered();

    [Benchmark(Baseline = true)]
    public bool Polly_retry_breaker() => _peer.ByHandle();

    [Benchmark]
    public bool By_url_of_10000() => _ours.ByUrl();

    [Benchmark]
    public bool Polly_registry_of_10000_retry_breaker() => _peer.ByKey();
}
