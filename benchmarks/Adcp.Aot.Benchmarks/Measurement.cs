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

    /// <summary>Nanoseconds of wall time for one operation of any of the threads, started together.</summary>
    internal static double OfThreads(Action<int> loop, int times, int threads)
    {
        using Barrier barrier = new(threads + 1);
        Thread[] workers = new Thread[threads];
        for (int i = 0; i < threads; i++)
        {
            workers[i] = new Thread(() =>
            {
                barrier.SignalAndWait();
                loop(times);
                barrier.SignalAndWait();
            });
            workers[i].Start();
        }

        barrier.SignalAndWait();
        long start = Stopwatch.GetTimestamp();
        barrier.SignalAndWait();
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        foreach (Thread worker in workers)
        {
            worker.Join();
        }

        return elapsed.TotalNanoseconds / ((double)times * threads);
    }

    internal static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
