namespace Adcp.Aot.Platform;

/// <summary>The seller's wiring would break a promise to buyers. Nothing was started.</summary>
public sealed class PlatformBootException : InvalidOperationException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="gaps">Every gap, at least one.</param>
    /// <exception cref="ArgumentException">No gaps.</exception>
    public PlatformBootException(IReadOnlyList<BootGap> gaps)
        : base(Describe(gaps)) => Gaps = gaps;

    /// <summary>Gets every gap.</summary>
    public IReadOnlyList<BootGap> Gaps { get; }

    private static string Describe(IReadOnlyList<BootGap> gaps)
    {
        ArgumentNullException.ThrowIfNull(gaps);
        return gaps.Count == 0
            ? throw new ArgumentException("At least one gap.", nameof(gaps))
            : "The seller cannot boot: " + string.Join(" ", gaps.Select(gap => $"[{gap.Code}] {gap.Message}"));
    }
}
