using Adcp.Aot.Signing;
using BenchmarkDotNet.Attributes;

namespace Adcp.Aot.Benchmarks.Suites;

/// <summary>The whole checklist over a webhook of 1 KiB, beside the bare verification and SHA-256.</summary>
[MemoryDiagnoser]
public class VerificationBenchmarks
{
    private SigningCandidate _candidate = null!;

    /// <summary>The algorithm.</summary>
    [Params(SignatureAlgorithm.Ed25519, SignatureAlgorithm.EcdsaP256Sha256)]
    public SignatureAlgorithm Algorithm { get; set; }

    [GlobalSetup]
    public void Setup() => _candidate = new SigningCandidate(Algorithm);

    [GlobalCleanup]
    public void Cleanup() => _candidate.Dispose();

    [Benchmark]
    public void Whole_checklist() => _candidate.Verify(1);

    [Benchmark(Baseline = true)]
    public void Bare_verification_and_digest() => _candidate.BareVerify(1);
}
