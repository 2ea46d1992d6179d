using Adcp.Aot.Network;
using BenchmarkDotNet.Attributes;

namespace Adcp.Aot.Benchmarks.Suites;

/// <summary>RFC 9421 over a webhook of 1 KiB, beside the bare signature and SHA-256; and a url's canonical form.</summary>
public class SigningBenchmarks : SignedMessageBenchmarks
{
    [Benchmark]
    public void Digest_base_signature_headers() => Candidate.Sign(1);

    [Benchmark(Baseline = true)]
    public void Bare_signature_and_digest() => Candidate.BareSign(1);

    [Benchmark]
    public bool Canonical_url() => TargetUri.TryParse("HTTPS://Buyer.example:443/adcp/./webhooks/%7ebuyer?account=42", out _, out _);
}
