namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>One promise, measured.</summary>
/// <param name="What">What is compared with what.</param>
/// <param name="Unit">The unit of both figures.</param>
/// <param name="Ours">Our figure.</param>
/// <param name="Other">The peer's or the floor's, from the same run.</param>
/// <param name="Ratio">How the two relate, in the sense of <paramref name="Bound"/>.</param>
/// <param name="AtLeast">True where a larger ratio is better.</param>
/// <param name="Bound">The promised ratio; null where the line only informs.</param>
/// <param name="Bytes">What we allocated for one operation; null where not measured.</param>
/// <param name="BytesBound">The most of it that is promised; null where the line only informs.</param>
internal sealed record Gate(
    string What, string Unit, double Ours, double Other, double Ratio, bool AtLeast, double? Bound, double? Bytes = null, double? BytesBound = null)
{
    /// <summary>Kept, with the ratio's bound loosened by a share and the bytes' bound as it is.</summary>
    internal bool IsKept(double slack) =>
        (Bound is not { } bound || (AtLeast ? Ratio >= bound * (1 - slack) : Ratio <= bound * (1 + slack)))
        && (BytesBound is not { } bytes || Bytes <= bytes);
}
