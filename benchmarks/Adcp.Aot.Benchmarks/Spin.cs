using System.CommandLine;
using System.Diagnostics;
using Adcp.Aot.Benchmarks.Loopback;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Benchmarks;

/// <summary>One road for some seconds and nothing else, for a profiler to look at.</summary>
internal static class Spin
{
    private static readonly Dictionary<string, Func<Ours, Func<bool>>> Roads = new()
    {
        ["happy"] = static ours => ours.ByHandle,
        ["url"] = static ours => ours.ByUrl,
        ["failure"] = static ours => ours.OneFailure,
        ["reject"] = static ours => ours.Reject,
        ["refuse"] = static ours => ours.RejectSparing,
        ["suspended"] = static ours => () => Hundred(ours.Suspended),
        ["suspended-bare"] = static ours => () => Hundred(ours.SuspendedBare),
    };

    internal static Command Create()
    {
        Argument<string> road = new("road") { Description = "What to do all the while." };
        road.AcceptOnlyFromAmong([.. Roads.Keys, "http", "http-by-hand", "http-bare", "h2c", "h2c-by-hand", "h2c-bare"]);
        Option<double> seconds = Options.Number("--seconds", "For how long.", byDefault: 10.0, low: 0.1, high: 86_400);
        Command command = new("spin", "One road and nothing else, for a profiler to look at.") { road, seconds };
        command.SetAction(arguments => RunAsync(arguments.GetValue(road)!, TimeSpan.FromSeconds(arguments.GetValue(seconds))));
        return command;
    }

    private static async Task RunAsync(string road, TimeSpan time)
    {
        if (!Roads.TryGetValue(road, out Func<Ours, Func<bool>>? of))
        {
            await LoopbackAsync(road, time);
            return;
        }

        Func<bool> deliver = of(new Ours());
        int each = road.StartsWith("suspended", StringComparison.Ordinal) ? 100 : 1;
        long deliveries = 0;
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            for (int i = 0; i < 10_000 / each; i++)
            {
                deliver();
            }

            deliveries += 10_000;
        }

        Console.WriteLine($"{Stopwatch.GetElapsedTime(start).TotalNanoseconds / deliveries:0.0} ns");
    }

    private static bool Hundred(Action<int> deliver)
    {
        deliver(100);
        return true;
    }

    private static async Task LoopbackAsync(string road, TimeSpan time)
    {
        using ReceiverProcess receiver = new();
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-2026");
        bool http2 = road.StartsWith("h2c", StringComparison.Ordinal);
        string[] urls = [(http2 ? receiver.Http2 : receiver.Http1) + "/adcp/webhooks/create_media_buy/agent_1/op_456"];
        await using Loopback.Engine engine = new(key, urls, http2);
        using ByHand byHand = new(key, urls, http2);
        Load load = new(1, road.EndsWith("bare", StringComparison.Ordinal) ? byHand.BareAsync : road.EndsWith("hand", StringComparison.Ordinal) ? byHand.SignedAsync : engine.RequireAsync);
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            await load.MeasureAsync(keep: true);
        }

        Console.WriteLine($"{load.Nanoseconds / 1000:0.00} us, {load.CpuNanoseconds / 1000:0.00} us of processor, {load.Bytes:0} B");
    }
}
