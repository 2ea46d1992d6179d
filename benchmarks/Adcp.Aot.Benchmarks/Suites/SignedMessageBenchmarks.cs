using Adcp.Aot.Benchmarks.Signing;
using BenchmarkDotNet.Attributes;

namespace Adcp.Aot.Benchmarks.Suites;

/// <summary>Over a webhook of 1 KiB, with either algorithm.</summary>
[MemoryDiagnoser]
public abstract class SignedMessageBenchmarks
{
    /// <summary>The algorithm.</summary>
    [Params(SignatureAlgorithm.Ed25519, SignatureAlgorithm.EcdsaP256Sha256)]
    public SignatureAlgorithm Algorithm { get; set; }

    private protected SigningCandidate Candidate { get; private set; } = null!;

    [GlobalSetup]
    public void Setup() => Candidate = new SigningCandidate(Algorithm);

    [GlobalCleanup]
    public void Cleanup() => Candidate.Dispose();
}
