using Adcp.Aot.Benchmarks.Http;
using Adcp.Aot.Json;
using BenchmarkDotNet.Attributes;

namespace Adcp.Aot.Benchmarks.Suites;

/// <summary>A webhook with a result of 1 KiB: frozen by the sender, written by hand without any check, and fingerprinted.</summary>
[MemoryDiagnoser]
public class PayloadBenchmarks
{
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-2026");
    private readonly byte[] _fingerprint = new byte[CanonicalJson.FingerprintLength];
    private AdcpClient _client = null!;

    [GlobalSetup]
    public void Setup() => _client = new AdcpClient(_key, ["http://127.0.0.1:1/"], http2: false);

    [GlobalCleanup]
    public async Task Cleanup()
    {
        await _client.DisposeAsync();
        _key.Dispose();
    }

    [Benchmark]
    public int Prepared_and_checked() => _client.Prepare().Body.Length;

    [Benchmark(Baseline = true)]
    public int Written_by_hand() => HandWrittenClient.Body("whk_" + Guid.NewGuid().ToString("N")).Length;

    [Benchmark]
    public bool Canonical_fingerprint() => CanonicalJson.TryFingerprint(Webhooks.Result, _fingerprint, out _);
}
