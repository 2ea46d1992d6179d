using System.Diagnostics;
using System.Globalization;
using Adcp.Aot;

namespace MinimalSender;

/// <summary>Sends further webhooks, several at a time, and prints the rate. The benchmarks measure this program.</summary>
internal static class Load
{
    public static bool TryRead(string[] args, out string url, out int deliveries, out int concurrency)
    {
        url = args.ElementAtOrDefault(0) ?? "";
        concurrency = 64;
        deliveries = 1;
        bool isValid = args.Length is >= 1 and <= 3
            && (args.Length < 2 || int.TryParse(args[1], CultureInfo.InvariantCulture, out deliveries))
            && (args.Length < 3 || int.TryParse(args[2], CultureInfo.InvariantCulture, out concurrency))
            && deliveries >= 1
            && concurrency >= 1;
        if (!isValid)
        {
            Console.Error.WriteLine("MinimalSender URL [DELIVERIES [CONCURRENCY]]: sends signed webhooks to a receiver on this machine.");
        }

        return isValid;
    }

    /// <summary>Sends the webhooks after the first one, and prints all figures as one JSON object.</summary>
    /// <returns>The exit code of the process: 0 if all were delivered.</returns>
    public static async Task<int> RunAsync(
        Func<int, ValueTask<DeliveryOutcome>> sendAsync, bool firstDelivered, int deliveries, int concurrency)
    {
        int delivered = firstDelivered ? 1 : 0;
        int next = 1;
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Math.Min(concurrency, deliveries)).Select(_ => Task.Run(async () =>
        {
            while (Interlocked.Increment(ref next) is int number && number <= deliveries)
            {
                DeliveryOutcome outcome = await sendAsync(number);
                Interlocked.Add(ref delivered, outcome.IsDelivered ? 1 : 0);
            }
        })));

        double perSecond = deliveries < 2 ? 0 : (deliveries - 1) / Stopwatch.GetElapsedTime(start).TotalSeconds;
        double megabytes = Environment.WorkingSet / 1048576.0;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{{\"delivered\":{delivered},\"failed\":{deliveries - delivered},\"per_second\":{perSecond:0},\"rss_mb\":{megabytes:0.0}}}"));
        return delivered == deliveries ? 0 : 1;
    }
}
