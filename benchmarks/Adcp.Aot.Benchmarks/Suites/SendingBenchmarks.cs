using Adcp.Aot.Benchmarks.Http;
using BenchmarkDotNet.Attributes;

namespace Adcp.Aot.Benchmarks.Suites;

/// <summary>
/// One signed webhook after the other to a receiver in another process, beside the same request by hand and a bare
/// request.
/// </summary>
/// <remarks>In the process that was started, since the receiver is that program too.</remarks>
[InProcess]
[MemoryDiagnoser]
public class SendingBenchmarks
{
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-2026");
    private ReceiverProcess _receiver = null!;
    private AdcpClient _client = null!;
    private HandWrittenClient _byHand = null!;

    /// <summary>HTTP/2 with prior knowledge, or HTTP/1.1.</summary>
    [Params(false, true)]
    public bool Http2 { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _receiver = new ReceiverProcess();
        string[] urls = [(Http2 ? _receiver.Http2 : _receiver.Http1) + "/adcp/webhooks"];
        _client = new AdcpClient(_key, urls, Http2);
        _byHand = new HandWrittenClient(_key, urls, Http2);
    }

    [GlobalCleanup]
    public async Task Cleanup()
    {
        await _client.DisposeAsync();
        _byHand.Dispose();
        _receiver.Dispose();
    }

    [Benchmark]
    public Task Supervised_and_signed() => _client.RequireAsync(0);

    [Benchmark(Baseline = true)]
    public Task Signed_by_hand() => _byHand.SignedAsync(0);

    [Benchmark]
    public Task Bare() => _byHand.BareAsync(0);
}
