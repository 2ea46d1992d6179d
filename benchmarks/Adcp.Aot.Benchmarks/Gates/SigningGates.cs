using Adcp.Aot.Benchmarks.Signing;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>
/// RFC 9421 signing and verifying of a 1 KiB webhook beside the bare operation over the same signature base plus the
/// body's SHA-256, in one process, interleaved. Signing is the digest, the nonce, the base, the signature and both
/// headers as text; verifying is the whole checklist, from the header strings that arrived to the spent nonce and the
/// body's duplicate names.
/// </summary>
/// <remarks>
/// Slices are short and follow one another, and a round's ratio is of its own slices, so that a machine that is slow for
/// a while is slow for both. The bare P-256 operations of the platform allocate by themselves; only the bytes that we add
/// count.
/// </remarks>
internal static class SigningGates
{
    private const int Rounds = 1_000;
    private const int Operations = 8;
    private const double MaxSign = 1.12;
    private const double MaxVerify = 1.15;

    internal static IEnumerable<Gate> Run()
    {
        List<Gate> gates = [];
        foreach (SignatureAlgorithm algorithm in Enum.GetValues<SignatureAlgorithm>())
        {
            using SigningCandidate candidate = new(algorithm);
            for (int i = 0; i < 3; i++)
            {
                candidate.Sign(2_000);
                candidate.BareSign(2_000);
                candidate.Verify(1_000);
                candidate.BareVerify(1_000);
                Thread.Sleep(300);
            }

            List<(Measurement Sign, Measurement BareSign, Measurement Verify, Measurement BareVerify)> rounds = [];
            for (int i = 0; i < Rounds; i++)
            {
                // In turns first and second, so that being interrupted at a regular interval hits both alike.
                bool bareFirst = i % 2 == 0;
                (Measurement sign, Measurement bareSign) = Pair(candidate.Sign, candidate.BareSign, bareFirst);
                (Measurement verify, Measurement bareVerify) = Pair(candidate.Verify, candidate.BareVerify, bareFirst);
                rounds.Add((sign, bareSign, verify, bareVerify));
            }

            gates.Add(Beside($"{algorithm} sign 1 KiB, digest and headers / bare sign + SHA-256",
                [.. rounds.Select(static r => (r.Sign, r.BareSign))], MaxSign, bytes: 0));
            gates.Add(Beside($"{algorithm} verify 1 KiB, whole checklist / bare verify + SHA-256",
                [.. rounds.Select(static r => (r.Verify, r.BareVerify))], MaxVerify, bytes: null));
        }

        return gates;
    }

    private static (Measurement Ours, Measurement Bare) Pair(Action<int> ours, Action<int> bare, bool bareFirst)
    {
        Measurement first = Measurement.Of(bareFirst ? bare : ours, Operations);
        Measurement second = Measurement.Of(bareFirst ? ours : bare, Operations);
        return bareFirst ? (second, first) : (first, second);
    }

    /// <summary>Bytes beyond those of the bare operation.</summary>
    private static Gate Beside(string what, (Measurement Ours, Measurement Bare)[] rounds, double bound, double? bytes) => new(
        what,
        "ns",
        Measurement.Median(rounds.Select(static r => r.Ours.Nanoseconds)),
        Measurement.Median(rounds.Select(static r => r.Bare.Nanoseconds)),
        Measurement.Median(rounds.Select(static r => r.Ours.Nanoseconds / r.Bare.Nanoseconds)),
        AtLeast: false,
        bound,
        Math.Max(0, Measurement.Median(rounds.Select(static r => r.Ours.ThreadBytes - r.Bare.ThreadBytes))),
        bytes);
}
