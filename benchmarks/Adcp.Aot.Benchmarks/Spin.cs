using System.Diagnostics;
using Adcp.Aot.Benchmarks.Loopback;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Benchmarks;

/// <summary>One road for some seconds and nothing else, for a profiler to look at.</summary>
internal static class Spin
{
    internal static int Run(string road, TimeSpan time)
    {
        if (road.StartsWith("http", StringComparison.Ordinal) || road.StartsWith("h2c", StringComparison.Ordinal))
        {
            return LoopbackAsync(road, time).GetAwaiter().GetResult();
        }

        Ours ours = new();
        Func<bool>? deliver = road switch
        {
            "happy" => ours.ByHandle,
            "url" => ours.ByUrl,
            "failure" => ours.OneFailure,
            "reject" => ours.Reject,
            "refuse" => ours.RejectSparing,
            "suspended" => () => Hundred(ours.Suspended),
            "suspended-bare" => () => Hundred(ours.SuspendedBare),
            _ => null,
        };
        if (deliver is null)
        {
            Console.Error.WriteLine("spin happy|url|failure|reject|refuse|suspended|suspended-bare|http|http-by-hand|http-bare|h2c|h2c-by-hand|h2c-bare SECONDS");
            return 2;
        }

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
        return 0;
    }

    private static bool Hundred(Action<int> deliver)
    {
        deliver(100);
        return true;
    }

    private static async Task<int> LoopbackAsync(string road, TimeSpan time)
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
        return 0;
    }
}
