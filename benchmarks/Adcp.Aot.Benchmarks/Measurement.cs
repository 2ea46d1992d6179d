using System.Diagnostics;

namespace Adcp.Aot.Benchmarks;

/// <summary>What one run of a loop took.</summary>
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
        return new(elapsed.TotalNanoseconds / times, (threadAfter - threadBefore) / (double)times, (processAfter - processBefore) / (double)times);
    }

    /// <summary>Nanoseconds of wall time for one operation of any of the threads, from the first one's start to the last one's end.</summary>
    internal static double OfThreads(Action<int> loop, int times, int threads)
    {
        using Barrier together = new(threads);
        long[] starts = new long[threads];
        long[] ends = new long[threads];
        Thread[] workers = new Thread[threads];
        for (int i = 0; i < threads; i++)
        {
            int worker = i;
            workers[i] = new Thread(() =>
            {
                loop(times / 100);
                together.SignalAndWait();
                starts[worker] = Stopwatch.GetTimestamp();
                loop(times);
                ends[worker] = Stopwatch.GetTimestamp();
            });
            workers[i].Start();
        }

        foreach (Thread worker in workers)
        {
            worker.Join();
        }

        return Stopwatch.GetElapsedTime(starts.Min(), ends.Max()).TotalNanoseconds / ((double)times * threads);
    }

    internal static double Median(IEnumerable<double> values) => Quantile(values, 0.5);

    internal static double Quantile(IEnumerable<double> values, double at)
    {
        double[] sorted = [.. values.Order()];
        return sorted[(int)((sorted.Length - 1) * at)];
    }
}
