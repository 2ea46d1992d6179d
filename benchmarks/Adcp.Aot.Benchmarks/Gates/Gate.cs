namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>One bound, measured.</summary>
/// <param name="What">The two sides of the comparison.</param>
/// <param name="Unit">The unit of both figures.</param>
/// <param name="Ours">Our figure.</param>
/// <param name="Other">The peer's or the floor's, from the same run.</param>
/// <param name="Ratio">How the two relate, in the sense of <paramref name="Bound"/>.</param>
/// <param name="AtLeast">True if a larger ratio is better.</param>
/// <param name="Bound">The promised ratio; <c>null</c> if the line only informs.</param>
/// <param name="Bytes">Bytes that our side allocated for one operation; <c>null</c> if not measured.</param>
/// <param name="BytesBound">The most bytes that are promised; <c>null</c> if the line only informs.</param>
internal sealed record Gate(
    string What, string Unit, double Ours, double Other, double Ratio, bool AtLeast, double? Bound, double? Bytes = null,
    double? BytesBound = null)
{
    /// <summary>Returns whether the bound is kept, with the ratio loosened by a share and bytes as they are.</summary>
    internal bool IsKept(double slack) =>
        (Bound is not { } bound || (AtLeast ? Ratio >= bound * (1 - slack) : Ratio <= bound * (1 + slack)))
        && (BytesBound is not { } bytes || Bytes <= bytes);
}
