using System.CommandLine;
using System.Diagnostics;
using Adcp.Aot.Benchmarks.Http;

namespace Adcp.Aot.Benchmarks.Engine;

/// <summary>Keeps one path busy for some seconds and does nothing else, for a profiler to look at.</summary>
internal static class Spin
{
    private const int Batch = 2_000;

    private static readonly Dictionary<string, Func<AdcpSide, Action<int>>> Paths = new()
    {
        ["happy"] = static adcp => adcp.Deliver,
        ["happy-without-token"] = static adcp => adcp.DeliverWithoutToken,
        ["happy-polly"] = static adcp => new PollySide(adcp).Deliver,
        ["endpoints"] = static adcp => adcp.DeliverToEach,
        ["failure"] = static adcp => adcp.FailOnce,
        ["completed"] = static adcp => Each(adcp.DeliverCompleted),
        ["reject"] = static adcp => Each(adcp.Reject),
        ["refuse"] = static adcp => Each(adcp.RejectAtDefaults),
        ["layer"] = static adcp => adcp.OneLayer,
    };

    internal static Command Create()
    {
        Argument<string> path = new("path") { Description = "The path that is kept busy." };
        path.AcceptOnlyFromAmong([.. Paths.Keys, "http", "http-by-hand", "http-bare", "h2c", "h2c-by-hand", "h2c-bare"]);
        Option<double> seconds = Options.Number("--seconds", "For how long.", byDefault: 10.0, low: 0.1, high: 86_400);
        Command command = new("spin", "One path and nothing else, for a profiler to look at.") { path, seconds };
        command.SetAction(arguments => RunAsync(arguments.GetValue(path)!, TimeSpan.FromSeconds(arguments.GetValue(seconds))));
        return command;
    }

    private static async Task RunAsync(string path, TimeSpan time)
    {
        if (!Paths.TryGetValue(path, out Func<AdcpSide, Action<int>>? of))
        {
            await LoopbackAsync(path, time);
            return;
        }

        Action<int> deliver = of(new AdcpSide());
        long deliveries = 0;
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            deliver(Batch);
            deliveries += Batch;
        }

        Console.WriteLine($"{Stopwatch.GetElapsedTime(start).TotalNanoseconds / deliveries:0.0} ns");
    }

    private static Action<int> Each(Func<bool> operation) => times =>
    {
        for (int i = 0; i < times; i++)
        {
            operation();
        }
    };

    private static async Task LoopbackAsync(string path, TimeSpan time)
    {
        using ReceiverProcess receiver = new();
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-2026");
        bool http2 = path.StartsWith("h2c", StringComparison.Ordinal);
        string[] urls = [(http2 ? receiver.Http2 : receiver.Http1) + "/adcp/webhooks/create_media_buy/agent_1/op_456"];
        await using AdcpClient client = new(key, urls, http2);
        using HandWrittenClient byHand = new(key, urls, http2);
        Func<int, Task> send = path switch
        {
            _ when path.EndsWith("bare", StringComparison.Ordinal) => byHand.BareAsync,
            _ when path.EndsWith("hand", StringComparison.Ordinal) => byHand.SignedAsync,
            _ => client.RequireAsync,
        };
        Load load = new(1, send);
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            await load.MeasureAsync(keep: true);
        }

        Console.WriteLine($"{load.Nanoseconds / 1000:0.00} us, {load.CpuNanoseconds / 1000:0.00} us of processor, {load.Bytes:0} B");
    }
}
