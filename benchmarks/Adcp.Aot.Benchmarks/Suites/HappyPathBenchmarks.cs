using Adcp.Aot.Benchmarks.Engine;
using BenchmarkDotNet.Attributes;

namespace Adcp.Aot.Benchmarks.Suites;

/// <summary>One delivery that succeeds, with a record and a sequence number, through a sender that waits for its answer.</summary>
[MemoryDiagnoser]
public class HappyPathBenchmarks
{
    /// <summary>One caller makes as many deliveries, one after the other; fewer than the audit queue holds.</summary>
    private const int Deliveries = 1_000;

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

    [Benchmark(OperationsPerInvoke = Deliveries)]
    public void With_callers_token() => _adcp.Deliver(Deliveries);

    [Benchmark(Baseline = true, OperationsPerInvoke = Deliveries)]
    public void Polly_with_callers_token() => _polly.Deliver(Deliveries);

    [Benchmark(OperationsPerInvoke = Deliveries)]
    public void Without_token() => _adcp.DeliverWithoutToken(Deliveries);

    [Benchmark(OperationsPerInvoke = Deliveries)]
    public void Polly_without_token() => _polly.DeliverWithoutToken(Deliveries);

    [Benchmark(OperationsPerInvoke = Deliveries)]
    public void To_10000_endpoints() => _adcp.DeliverToEach(Deliveries);

    [Benchmark(OperationsPerInvoke = Deliveries)]
    public void Polly_to_10000_endpoints() => _polly.DeliverToEach(Deliveries);

    [Benchmark(OperationsPerInvoke = Deliveries)]
    public void One_failure_then_success() => _adcp.FailOnce(Deliveries);

    [Benchmark(OperationsPerInvoke = Deliveries)]
    public void Polly_one_failure_then_success() => _polly.FailOnce(Deliveries);

    [Benchmark]
    public bool Sender_completes_at_once() => _adcp.DeliverCompleted();

    [Benchmark]
    public bool Polly_sender_completes_at_once() => _polly.DeliverCompleted();
}
