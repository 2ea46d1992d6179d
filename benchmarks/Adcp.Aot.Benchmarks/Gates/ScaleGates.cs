using Adcp.Aot.Benchmarks.Engine;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>
/// Compares the time to find one of a million with the time to find one of a thousand, beside the growth of a bare
/// dictionary.
/// </summary>
internal static class ScaleGates
{
    private const double Bound = 3;

    internal static IEnumerable<Gate> Run()
    {
        Scale.Row few = Scale.Measure(1_000);
        Scale.Row many = Scale.Measure(1_000_000);
        double misses = many.Bare / few.Bare;
        return
        [
            Growth("growth of finding an endpoint, of 1,000 to of 1,000,000 / a bare dictionary's growth", many.Endpoint / few.Endpoint,
                misses),
            Growth("growth of finding a stream, of 1,000 to of 1,000,000 / a bare dictionary's growth", many.Stream / few.Stream, misses),
        ];
    }

    private static Gate Growth(string what, double ours, double bare) => new(what, "x", ours, bare, ours / bare, AtLeast: false, Bound);
}
