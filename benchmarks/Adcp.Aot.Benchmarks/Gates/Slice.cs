namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>A short loop that is measured again and again.</summary>
internal sealed class Slice(int operations, Action<int> loop, Action? before = null, int? warm = null)
{
    private readonly List<Measurement> _measured = [];

    internal Slice(int operations, Func<bool> operation, Action? before = null, int? warm = null)
        : this(operations, Looped(operation), before, warm)
    {
    }

    internal double Nanoseconds => Measurement.Median(_measured.Select(static one => one.Nanoseconds));

    /// <summary>
    /// The median over slices of the bytes that the process allocated for one operation. It holds the audit reader's
    /// share and not a stray allocation of the runtime.
    /// </summary>
    internal double Bytes => Measurement.Median(_measured.Select(static one => one.ProcessBytes));

    internal static double Ratio(Slice above, Slice below) =>
        Measurement.Median(above._measured.Zip(below._measured, static (a, b) => a.Nanoseconds / b.Nanoseconds));

    /// <summary>Returns the median of each round's own difference in nanoseconds for one operation.</summary>
    internal static double Difference(Slice above, Slice below) =>
        Measurement.Median(above._measured.Zip(below._measured, static (a, b) => a.Nanoseconds - b.Nanoseconds));

    internal void Warm()
    {
        before?.Invoke();
        loop(operations);
    }

    internal void Measure()
    {
        before?.Invoke();

        // The first operations after another candidate's slice pay for its having used the caches, and ours for waking
        // the audit reader, which takes a while to come.
        loop(warm ?? 5 * operations);
        _measured.Add(Measurement.Of(loop, operations));
    }

    private static Action<int> Looped(Func<bool> operation) => times =>
    {
        for (int i = 0; i < times; i++)
        {
            if (!operation())
            {
                throw new InvalidOperationException("The candidate did something else than its name says.");
            }
        }
    };
}
