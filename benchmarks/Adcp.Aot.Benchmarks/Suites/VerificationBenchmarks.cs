using BenchmarkDotNet.Attributes;

namespace Adcp.Aot.Benchmarks.Suites;

/// <summary>The whole checklist over a webhook of 1 KiB, beside the bare verification and SHA-256.</summary>
public class VerificationBenchmarks : SignedMessageBenchmarks
{
    [Benchmark]
    public void Whole_checklist() => Candidate.Verify(1);

    [Benchmark(Baseline = true)]
    public void Bare_verification_and_digest() => Candidate.BareVerify(1);
}
