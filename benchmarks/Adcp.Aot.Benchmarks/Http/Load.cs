using System.Diagnostics;
using Adcp.Aot.Benchmarks.Gates;

namespace Adcp.Aot.Benchmarks.Http;

/// <summary>
/// A candidate under 64 callers that each wait for their answer before they send again. Slices are so short that two
/// candidates in turns meet the same machine: a neighbour's share of it changes by a sixth within 50 ms, and no less over
/// seconds.
/// </summary>
internal sealed class Load(int endpoints, Func<int, Task> send)
{
    internal const int Callers = 64;

    private const int CallsOfSlice = 4;

    private readonly List<Slice> _slices = [];
    private int _turn;

    internal double Nanoseconds => Measurement.Median(_slices.Select(static slice => slice.Nanoseconds));

    internal double CpuNanoseconds => Measurement.Median(_slices.Select(static slice => slice.CpuNanoseconds));

    internal double Bytes => Measurement.Median(_slices.Select(static slice => slice.Bytes));

    /// <summary>Of all slices.</summary>
    internal TimeSpan Time { get; private set; }

    /// <summary>The median over rounds of each round's own ratio of <paramref name="figure"/>.</summary>
    internal static double Ratio(Load above, Load below, Func<Slice, double> figure) =>
        Measurement.Median(above._slices.Zip(below._slices, (a, b) => figure(a) / figure(b)));

    /// <summary>
    /// Measures a slice of both. <paramref name="round"/> decides which one is first, so that each follows the other as
    /// often.
    /// </summary>
    internal static async Task InTurnsAsync(Load one, Load other, int round)
    {
        await (round % 2 == 0 ? one : other).MeasureAsync(keep: round >= 0);
        await (round % 2 == 0 ? other : one).MeasureAsync(keep: round >= 0);
    }

    internal async Task MeasureAsync(bool keep)
    {
        long bytes = GC.GetTotalAllocatedBytes(precise: true);
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(() => CallAsync(caller + _turn))));
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        TimeSpan spent = Environment.CpuUsage.TotalTime - cpu;
        _turn += CallsOfSlice;
        if (keep)
        {
            const double Count = Callers * CallsOfSlice;
            _slices.Add(new Slice(
                time.TotalNanoseconds / Count, spent.TotalNanoseconds / Count, (GC.GetTotalAllocatedBytes(precise: true) - bytes) / Count));
            Time += time;
        }
    }

    private async Task CallAsync(int first)
    {
        for (int i = 0; i < CallsOfSlice; i++)
        {
            await send((first + i) % endpoints);
        }
    }

    /// <summary>The figures of one request: wall time, processor time of the process, and bytes that the process allocated.</summary>
    internal readonly record struct Slice(double Nanoseconds, double CpuNanoseconds, double Bytes);
}
