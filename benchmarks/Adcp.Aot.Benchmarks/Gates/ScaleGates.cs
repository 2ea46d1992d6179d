namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>How much longer finding one of a million takes than finding one of a thousand, beside what a bare dictionary's cache misses make of it.</summary>
internal static class ScaleGates
{
    private const double Bound = 3;

    internal static IEnumerable<Gate> Run()
    {
        Scale.Row[] rows = Scale.Measure();
        double misses = rows[^1].Bare / rows[0].Bare;
        return
        [
            Growth("growth of finding an endpoint, of 1,000 to of 1,000,000 / a bare dictionary's growth", rows[^1].Endpoint / rows[0].Endpoint, misses),
            Growth("growth of finding a stream, of 1,000 to of 1,000,000 / a bare dictionary's growth", rows[^1].Stream / rows[0].Stream, misses),
        ];
    }

    private static Gate Growth(string what, double ours, double bare) => new(what, "x", ours, bare, ours / bare, AtLeast: false, Bound);
}
