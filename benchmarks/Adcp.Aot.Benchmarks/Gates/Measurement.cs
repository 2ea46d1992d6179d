using System.Diagnostics;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>The cost of one run of a loop.</summary>
/// <param name="Nanoseconds">For one operation.</param>
/// <param name="ThreadBytes">Allocated by the measuring thread, for one operation.</param>
/// <param name="ProcessBytes">Allocated by the whole process meanwhile, readers included, for one operation.</param>
internal readonly record struct Measurement(double Nanoseconds, double ThreadBytes, double ProcessBytes)
{
    internal static Measurement Of(Action<int> loop, int times)
    {
        long processBefore = GC.GetTotalAllocatedBytes(precise: true);
        long threadBefore = GC.GetAllocatedBytesForCurrentThread();
        long start = Stopwatch.GetTimestamp();
        loop(times);
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        long threadAfter = GC.GetAllocatedBytesForCurrentThread();
        long processAfter = GC.GetTotalAllocatedBytes(precise: true);
        return new(
            elapsed.TotalNanoseconds / times, (threadAfter - threadBefore) / (double)times, (processAfter - processBefore) / (double)times);
    }

    internal static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    internal static double Quantile(IEnumerable<double> values, double at)
    {
        double[] sorted = [.. values.Order()];
        return sorted[(int)((sorted.Length - 1) * at)];
    }
}
