using System.Diagnostics;

namespace Adcp.Aot.Benchmarks;

/// <summary>One road for some seconds and nothing else, for a profiler to look at.</summary>
internal static class Spin
{
    internal static int Run(string road, TimeSpan time)
    {
        Ours ours = new();
        Func<bool>? deliver = road switch
        {
            "happy" => ours.ByHandle,
            "url" => ours.ByUrl,
            "reject" => ours.Reject,
            _ => null,
        };
        if (deliver is null)
        {
            Console.Error.WriteLine("spin happy|url|reject SECONDS");
            return 2;
        }

        long deliveries = 0;
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            for (int i = 0; i < 10_000; i++)
            {
                deliver();
            }

            deliveries += 10_000;
        }

        Console.WriteLine($"{Stopwatch.GetElapsedTime(start).TotalNanoseconds / deliveries:0.0} ns");
        return 0;
    }
}
