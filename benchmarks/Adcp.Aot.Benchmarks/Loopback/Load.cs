using System.Diagnostics;

namespace Adcp.Aot.Benchmarks.Loopback;

/// <summary>A candidate under 64 callers that each wait for their answer before they send again, measured in slices.</summary>
internal sealed class Load(int endpoints, Func<int, Task> send)
{
    internal const int Callers = 64;

    private readonly List<Slice> _slices = [];

    internal double Nanoseconds => Measurement.Median(_slices.Select(static slice => slice.Nanoseconds));

    internal double CpuNanoseconds => Measurement.Median(_slices.Select(static slice => slice.CpuNanoseconds));

    internal double Bytes => Measurement.Median(_slices.Select(static slice => slice.Bytes));

    /// <summary>The median over rounds of each round's own ratio of <paramref name="figure"/>.</summary>
    internal static double Ratio(Load above, Load below, Func<Slice, double> figure) =>
        Measurement.Median(above._slices.Zip(below._slices, (a, b) => figure(a) / figure(b)));

    internal async Task MeasureAsync(int requests, bool keep)
    {
        long bytes = GC.GetTotalAllocatedBytes(precise: true);
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(() => CallAsync(caller, requests / Callers))));
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        TimeSpan spent = Environment.CpuUsage.TotalTime - cpu;
        double count = requests / Callers * Callers;
        if (keep)
        {
            _slices.Add(new Slice(time.TotalNanoseconds / count, spent.TotalNanoseconds / count, (GC.GetTotalAllocatedBytes(precise: true) - bytes) / count));
        }
    }

    private async Task CallAsync(int caller, int times)
    {
        for (int i = 0; i < times; i++)
        {
            await send((caller + i) % endpoints);
        }
    }

    /// <summary>For one request: wall time, the process's processor time, and what the process allocated.</summary>
    internal readonly record struct Slice(double Nanoseconds, double CpuNanoseconds, double Bytes);
}
