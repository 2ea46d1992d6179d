using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Adcp.Aot.Delivery;
using Polly.Registry;

namespace Adcp.Aot.Benchmarks;

/// <summary>
/// The promised ratios in under two minutes. Exit code 1 where a promise is broken.
/// </summary>
/// <remarks>
/// Every round runs a slice of each candidate, one after the other, so that a machine that is slow for a while is slow for all of them. A slice is shorter than
/// a scheduler's turn, so that another process spoils few slices and not all a little, and shorter than the audit queue, so that no record is dropped and none goes
/// unpaid. Figures are medians over slices, ratios medians of each round's own ratio. Two threads need both cores at once; there the best tenth of the slices is taken.
/// </remarks>
internal static class Comparison
{
    private const int Rounds = 1_500;
    private const int Deliveries = 1_000;
    private const int Throws = 40;
    private const int Permits = 200_000;
    private const int ThreadRounds = 200;

    internal static async Task<int> RunAsync(bool json)
    {
        Ours ours = new();
        Peer peer = new(ours);
        BreakerCost breaker = new();
        Loops loops = new(ours, peer);

        // Tiered compilation needs the calls and then some time in the background.
        for (int i = 0; i < 3; i++)
        {
            loops.Warm(60_000);
            breaker.Loop(1_000_000);
            breaker.VolatileReads(1_000_000);
            await Task.Delay(300);
        }

        long droppedBefore = ours.Supervisor.RecordsDropped;
        List<Round> rounds = [];
        for (int i = 0; i < Rounds; i++)
        {
            rounds.Add(new Round
            {
                ByHandle = Recorded(loops.ByHandle),
                PollyByHandle = Measurement.Of(loops.PollyByHandle, Deliveries),
                Unnumbered = Recorded(loops.Unnumbered),
                ByKey = Recorded(loops.ByKey),
                PollyByKey = Measurement.Of(loops.PollyByKey, Deliveries),
                Reject = Recorded(loops.Reject),
                PollyReject = Measurement.Of(loops.PollyReject, Deliveries),
                PollyThrow = Measurement.Of(loops.PollyThrow, Throws),
                Permit = Measurement.Of(breaker.Loop, Permits),
                VolatileRead = Measurement.Of(times => breaker.VolatileReads(times), Permits),
            });
        }

        List<ThreadRound> threadRounds = [];
        for (int i = 0; i < ThreadRounds; i++)
        {
            threadRounds.Add(new ThreadRound
            {
                PermitOneThread = Measurement.OfThreads(breaker.Loop, 5 * Permits, threads: 1),
                PermitTwoThreads = Measurement.OfThreads(breaker.Loop, 5 * Permits, threads: 2),
                WholeOneThread = Measurement.OfThreads(loops.Unnumbered, Deliveries, threads: 1),
                WholeTwoThreads = Measurement.OfThreads(loops.Unnumbered, Deliveries, threads: 2),
            });
            Flush();
        }

        // Waited for on this thread: another one would begin with empty slots in its part of the queue.
        void Flush() => ours.Supervisor.FlushAuditAsync().Wait();

        Measurement Recorded(Action<int> loop)
        {
            // The queue is emptied before each slice, so that no record of it is dropped and none goes unpaid.
            Flush();
            return Measurement.Of(loop, Deliveries);
        }

        long dropped = ours.Supervisor.RecordsDropped - droppedBefore;
        await ours.DisposeAsync();
        double endpointBytes = await EndpointBytesAsync(100_000);
        double pollyBytes = PollyBytes(10_000);

        List<ComparisonRow> rows =
        [
            Faster("happy path by destination, sequence, record / Polly retry + breaker", rounds, static r => r.ByHandle, static r => r.PollyByHandle, atLeast: 4, noBytes: true),
            Faster("happy path by key of 10,000 / Polly registry + retry + breaker", rounds, static r => r.ByKey, static r => r.PollyByKey, atLeast: 4, noBytes: true),
            Faster("happy path by destination without sequence / Polly retry + breaker", rounds, static r => r.Unnumbered, static r => r.PollyByHandle, atLeast: null, noBytes: true),
            Faster("open circuit, refusal recorded / Polly outcome without throw", rounds, static r => r.Reject, static r => r.PollyReject, atLeast: 5, noBytes: true),
            Faster("open circuit, refusal recorded / Polly throw and catch", rounds, static r => r.Reject, static r => r.PollyThrow, atLeast: null, noBytes: true),
            Faster("breaker permit + success / one volatile read", rounds, static r => r.Permit, static r => r.VolatileRead, atLeast: null, noBytes: true),
            Scaled("permit + success, 2 threads on one endpoint / 1 thread", threadRounds, static r => r.PermitTwoThreads, static r => r.PermitOneThread, atLeast: 1.8),
            Scaled("whole happy path, 2 threads on one endpoint / 1 thread", threadRounds, static r => r.WholeTwoThreads, static r => r.WholeOneThread, atLeast: null),
            new("memory of an endpoint beside its key, 100,000 / Polly registry entry, 10,000", "B", endpointBytes, pollyBytes, pollyBytes / endpointBytes, null, null, "<= 250 B", endpointBytes <= 250),
        ];
        ComparisonReport report = new(RuntimeInformation.FrameworkDescription, RuntimeInformation.OSDescription, Environment.ProcessorCount, Rounds, dropped, rows);
        string serialised = JsonSerializer.Serialize(report, ComparisonJson.Default.ComparisonReport);
        string file = Path.Combine("artifacts", "compare.json");
        Directory.CreateDirectory("artifacts");
        await File.WriteAllTextAsync(file, serialised);
        Console.WriteLine(json ? serialised : Table(report));
        return rows.TrueForAll(static row => row.Ok) ? 0 : 1;
    }

    private static ComparisonRow Faster(
        string what, List<Round> rounds, Func<Round, Measurement> ours, Func<Round, Measurement> peer, double? atLeast, bool noBytes)
    {
        double ratio = Measurement.Median(rounds.Select(round => peer(round).Nanoseconds / ours(round).Nanoseconds));
        double bytes = rounds.Max(round => ours(round).ThreadBytes);
        double processBytes = Measurement.Median(rounds.Select(round => ours(round).ProcessBytes));

        // The thread's own count is exact and must be 0. The process's includes the audit reader's and the runtime's own background work.
        bool ok = (atLeast is null || ratio >= atLeast) && (!noBytes || (bytes == 0 && processBytes < 0.5));
        string bound = string.Join(", ", new[] { atLeast is { } least ? FormattableString.Invariant($">= {least}x") : null, noBytes ? "0 B" : null }.OfType<string>());
        return new(
            what,
            "ns",
            Measurement.Median(rounds.Select(round => ours(round).Nanoseconds)),
            Measurement.Median(rounds.Select(round => peer(round).Nanoseconds)),
            ratio,
            bytes,
            processBytes,
            bound.Length == 0 ? null : bound,
            ok);
    }

    private static ComparisonRow Scaled(string what, List<ThreadRound> rounds, Func<ThreadRound, double> two, Func<ThreadRound, double> one, double? atLeast)
    {
        double together = Measurement.Quantile(rounds.Select(two), 0.1);
        double alone = Measurement.Quantile(rounds.Select(one), 0.1);
        double ratio = alone / together;
        return new(
            what,
            "ns",
            together,
            alone,
            ratio,
            null,
            null,
            atLeast is { } least ? FormattableString.Invariant($">= {least}x") : null,
            atLeast is null || ratio >= atLeast);
    }

    private static async Task<double> EndpointBytesAsync(int count)
    {
        string[] keys = [.. Enumerable.Range(0, count).Select(Ours.Url)];
        Ours ours = new();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        foreach (string key in keys)
        {
            ours.Supervisor.Endpoints.Reset(key);
        }

        long after = GC.GetTotalMemory(forceFullCollection: true);
        GC.KeepAlive(keys);
        int known = ours.Supervisor.Endpoints.Count;
        await ours.DisposeAsync();

        // The supervisor came with the benchmark's own 10,000 and one, whose keys repeat the first of these.
        return (after - before) / (double)(known - Ours.Endpoints - 1);
    }

    private static double PollyBytes(int count)
    {
        string[] keys = [.. Enumerable.Range(0, count).Select(Ours.Url)];
        ResiliencePipelineRegistry<string> registry = new();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        foreach (string key in keys)
        {
            Peer.Add(registry, key);
        }

        long after = GC.GetTotalMemory(forceFullCollection: true);
        GC.KeepAlive(keys);
        registry.Dispose();
        return (after - before) / (double)count;
    }

    private static string Table(ComparisonReport report)
    {
        StringWriter text = new(CultureInfo.InvariantCulture);
        text.WriteLine($"{report.Runtime}, {report.Machine}, {report.Processors} processors, {report.Rounds} rounds, {report.RecordsDropped} audit records dropped");
        text.WriteLine();
        text.WriteLine("| what | ours | peer | ratio | B/op thread, process | bound | ok |");
        text.WriteLine("|---|---|---|---|---|---|---|");
        foreach (ComparisonRow row in report.Rows)
        {
            string bytes = row.BytesPerOperation is { } own ? FormattableString.Invariant($"{own:0.##}, {row.ProcessBytesPerOperation:0.##}") : "-";
            string ok = row.Bound is null ? "-" : row.Ok ? "ok" : "MISSED";
            text.WriteLine(FormattableString.Invariant(
                $"| {row.What} | {row.Ours:0.##} {row.Unit} | {row.Peer:0.##} {row.Unit} | {row.Ratio:0.00}x | {bytes} | {row.Bound ?? "-"} | {ok} |"));
        }

        return text.ToString();
    }

    private readonly record struct Round
    {
        internal Measurement ByHandle { get; init; }

        internal Measurement PollyByHandle { get; init; }

        internal Measurement Unnumbered { get; init; }

        internal Measurement ByKey { get; init; }

        internal Measurement PollyByKey { get; init; }

        internal Measurement Reject { get; init; }

        internal Measurement PollyReject { get; init; }

        internal Measurement PollyThrow { get; init; }

        internal Measurement Permit { get; init; }

        internal Measurement VolatileRead { get; init; }
    }

    private readonly record struct ThreadRound
    {
        internal double PermitOneThread { get; init; }

        internal double PermitTwoThreads { get; init; }

        internal double WholeOneThread { get; init; }

        internal double WholeTwoThreads { get; init; }
    }

    /// <summary>One loop a candidate, each checked to have done what its name says.</summary>
    private sealed class Loops(Ours ours, Peer peer)
    {
        internal void Warm(int times)
        {
            ByHandle(times);
            PollyByHandle(times);
            Unnumbered(times);
            ByKey(times);
            PollyByKey(times);
            Reject(times);
            PollyReject(times);
            PollyThrow(times / 100);
        }

        internal void ByHandle(int times)
        {
            for (int i = 0; i < times; i++)
            {
                Require(ours.ByHandle().Status == DeliveryStatus.Delivered);
            }
        }

        internal void Unnumbered(int times)
        {
            for (int i = 0; i < times; i++)
            {
                Require(ours.Unnumbered().Status == DeliveryStatus.Delivered);
            }
        }

        internal void ByKey(int times)
        {
            for (int i = 0; i < times; i++)
            {
                Require(ours.ByKey().Status == DeliveryStatus.Delivered);
            }
        }

        internal void Reject(int times)
        {
            for (int i = 0; i < times; i++)
            {
                Require(ours.Reject().Status == DeliveryStatus.CircuitOpen);
            }
        }

        internal void PollyByHandle(int times)
        {
            for (int i = 0; i < times; i++)
            {
                Require(peer.ByHandle().Ok);
            }
        }

        internal void PollyByKey(int times)
        {
            for (int i = 0; i < times; i++)
            {
                Require(peer.ByKey().Ok);
            }
        }

        internal void PollyReject(int times)
        {
            for (int i = 0; i < times; i++)
            {
                Require(peer.RejectWithoutThrow() is not null);
            }
        }

        internal void PollyThrow(int times)
        {
            for (int i = 0; i < times; i++)
            {
                Require(peer.RejectByThrow() is not null);
            }
        }

        private static void Require(bool held)
        {
            if (!held)
            {
                throw new InvalidOperationException("The candidate did something else than its name says.");
            }
        }
    }
}
