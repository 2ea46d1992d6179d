using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Adcp.Aot.Auditing;
using Adcp.Aot.Benchmarks.Gates;
using Adcp.Aot.Benchmarks.Http;
using static System.FormattableString;

namespace Adcp.Aot.Benchmarks.Hostile;

/// <summary>
/// <c>hostile --minutes 10</c>: delivers to endpoints that break every rule, in another process on loopback, and accounts
/// for every delivery at the end. Exit code 1 if one check fails.
/// </summary>
/// <remarks>An unhandled exception ends the process with another code than 0, as it does in every program of .NET.</remarks>
internal static class HostileCommand
{
    /// <summary>
    /// Memory is flat if the median of the last third of a run is at most this many times that of the middle third. The
    /// first third warms up.
    /// </summary>
    private const double FlatRatio = 1.25;

    /// <summary>Descriptors and threads are few, so that some more of them are no growth.</summary>
    private const int FlatSlack = 32;

    /// <summary>
    /// The share of deliveries to healthy endpoints that may fail. Endpoints behind the same authority close kept
    /// connections under them, and a busy machine lets some run out of time.
    /// </summary>
    private const double FailedAtHealthyShare = 0.001;

    private static readonly TimeSpan SampleEvery = TimeSpan.FromSeconds(1);

    /// <summary>Longer than three attempts of two seconds and their delays.</summary>
    private static readonly TimeSpan LastDeliveries = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan DrainGrace = TimeSpan.FromSeconds(10);

    internal static Command Create()
    {
        Option<double> minutes = Options.Number("--minutes", "For how long.", byDefault: 10.0, low: 0.1, high: 24 * 60);
        Option<bool> json = new("--json") { Description = "Print the report as JSON, in the last line." };
        Command command = new("hostile",
            "Delivers to hostile endpoints and accounts for every delivery; exit code 1 if one is not accounted for.") { minutes, json };
        command.SetAction(arguments => RunAsync(TimeSpan.FromMinutes(arguments.GetValue(minutes)), arguments.GetValue(json)));
        return command;
    }

    /// <summary>The receiving side, for <see cref="ReceiverProcess"/>.</summary>
    internal static Command CreateReceiver()
    {
        Command command = new("hostile-receiver");
        command.Hidden = true;
        command.SetAction(_ => HostileReceiver.RunAsync());
        return command;
    }

    private static async Task<int> RunAsync(TimeSpan time, bool asJson)
    {
        HostileSink sink = new();
        HostileTally tally = new();
        TaskScheduler.UnobservedTaskException += (_, e) =>
        {
            tally.Unobserve(e.Exception);
            e.SetObserved();
        };
        using ReceiverProcess receiver = new("hostile-receiver", Enum.GetValues<HostileSite>().Length);
        await using HostileLoad load = new(receiver.Addresses, sink, tally);
        Console.WriteLine(
            $"{HostileLoad.Producers} producers, {HostileKinds.All.Length} kinds of endpoint, {time.TotalMinutes:0.##} minutes");
        Task producers = load.RunAsync();
        List<HostileSample> samples = await SampleAsync(time, load.Supervisor, tally);
        load.Stop();
        bool ended = await Task.WhenAny(producers, Task.Delay(LastDeliveries)) == producers;
        if (ended)
        {
            await producers;
        }

        bool receiverLives = !receiver.HasExited;
        using CancellationTokenSource grace = new(DrainGrace);
        DrainReport drain = await load.Supervisor.DrainAsync(grace.Token);
        long heapAtRest = HeapAtRest();
        List<HostileCheck> checks =
        [
            HostileCheck.Equal("producers ended within a minute", 1, ended ? 1 : 0),
            HostileCheck.Equal("the receiver is still alive", 1, receiverLives ? 1 : 0),
            .. Account(tally, sink, load.Supervisor, drain),
            Flat("resident memory, last third / middle third", samples, static sample => sample.RssBytes, slack: 0),
            Flat("descriptors, last third / middle third", samples, static sample => sample.Descriptors, FlatSlack),
            Flat("threads, last third / middle third", samples, static sample => sample.Threads, FlatSlack),
        ];
        HostileReport report = new(
            checks.TrueForAll(static check => check.Holds),
            time.TotalMinutes,
            HostileLoad.Producers,
            HostileKinds.All.Length,
            tally.Ended,
            sink.Attempts,
            sink.Others,
            tally.FailedAtHealthy,
            heapAtRest,
            checks,
            [.. HostileKinds.All.Select(kind => Describe(tally, kind))],
            tally.Examples,
            samples);
        Print(report);
        if (asJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(report, HostileJson.Default.HostileReport));
        }

        return report.Passed ? 0 : 1;
    }

    /// <summary>Compares the outcomes, the records, and the counts of the supervisor.</summary>
    private static HostileCheck[] Account(
        HostileTally tally, HostileSink sink, InMemoryWebhookDeliverySupervisor supervisor, DrainReport drain)
    {
        long refused = tally.Of(DeliveryStatus.CircuitOpen);
        int kinds = HostileKinds.All.Count(kind => CountOf(tally, kind) > 0);
        return
        [
            HostileCheck.Equal("kinds of endpoint that deliveries ended at", HostileKinds.All.Length, kinds),
            HostileCheck.Equal("deliveries started = ended", tally.Started, tally.Ended),
            HostileCheck.Equal("deliveries that threw", 0, tally.Threw),
            HostileCheck.Equal("attempts in outcomes = records of attempts", tally.Attempts, sink.Attempts),
            HostileCheck.Equal("deliveries = records after which no attempt follows", tally.Ended, sink.Last),
            HostileCheck.Equal("deliveries refused by a circuit = records of refusals", refused, sink.Of(AttemptOutcome.CircuitOpen)),
            HostileCheck.Equal("records dropped", 0, supervisor.RecordsDropped),
            HostileCheck.Equal("sink failures", 0, supervisor.SinkFailures),
            HostileCheck.Equal("in flight at the end", 0, supervisor.InFlight + drain.CutShort + drain.Abandoned),
            HostileCheck.Equal("deliveries to an endpoint that the full table could not hold", 0, supervisor.Endpoints.Overflows),
            HostileCheck.AtMost("share of deliveries to healthy endpoints that failed", FailedAtHealthyShare, FailedAtHealthy(tally)),
            HostileCheck.Equal("unobserved exceptions", 0, tally.Unobserved),
        ];
    }

    private static async Task<List<HostileSample>> SampleAsync(
        TimeSpan time, InMemoryWebhookDeliverySupervisor supervisor, HostileTally tally)
    {
        Console.WriteLine("| s | ended | a second | rss MB | heap MB | committed MB | fds | threads | gen 0/1/2 | in flight | endpoints |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|");
        List<HostileSample> samples = new((int)(time / SampleEvery) + 1);
        long start = Stopwatch.GetTimestamp();
        HostileSample? printed = null;
        using PeriodicTimer timer = new(SampleEvery);
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            await timer.WaitForNextTickAsync();
            HostileSample sample =
                HostileSample.Take(Stopwatch.GetElapsedTime(start), tally.Ended, supervisor.InFlight, supervisor.Endpoints.Count);
            samples.Add(sample);
            if (sample.Seconds - (printed?.Seconds ?? 0) >= 9.5)
            {
                double perSecond = (sample.Ended - (printed?.Ended ?? 0)) / (sample.Seconds - (printed?.Seconds ?? 0));
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {sample.Seconds:0} | {sample.Ended:N0} | {perSecond:N0} "
                    + $"| {Megabytes(sample.RssBytes):0} | {Megabytes(sample.HeapBytes):0} | {Megabytes(sample.CommittedBytes):0} "
                    + $"| {sample.Descriptors} | {sample.Threads} | {sample.Gen0}/{sample.Gen1}/{sample.Gen2} "
                    + $"| {sample.InFlight} | {sample.Endpoints:N0} |"));
                printed = sample;
            }
        }

        return samples;
    }

    /// <summary>Collects twice, so that finalizers report the exceptions of tasks that were never awaited.</summary>
    private static long HeapAtRest()
    {
        for (int i = 0; i < 2; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        return GC.GetTotalMemory(forceFullCollection: true);
    }

    private static HostileCheck Flat(string what, List<HostileSample> samples, Func<HostileSample, double> figure, int slack)
    {
        int third = samples.Count / 3;
        double middle = Measurement.Median(samples.Skip(third).Take(third).Select(figure).DefaultIfEmpty());
        double last = Measurement.Median(samples.Skip(2 * third).Select(figure).DefaultIfEmpty());
        return HostileCheck.AtMost(
            what, Math.Round(FlatRatio + (slack / Math.Max(1, middle)), 2), Math.Round(last / Math.Max(1, middle), 3));
    }

    private static HostileKindReport Describe(HostileTally tally, HostileKind kind) => new(
        kind.Name,
        Enum.GetValues<DeliveryStatus>().Where(status => tally.Of(kind, status) > 0).ToDictionary(
            static status => status.ToString(), status => tally.Of(kind, status)));

    private static double FailedAtHealthy(HostileTally tally) =>
        Math.Round(
            tally.FailedAtHealthy / (double)HostileKinds.All.Where(static kind => kind.IsHealthy).Sum(kind => CountOf(tally, kind)), 6);

    private static long CountOf(HostileTally tally, HostileKind kind) =>
        Enum.GetValues<DeliveryStatus>().Sum(status => tally.Of(kind, status));

    private static double Megabytes(long bytes) => bytes / (double)(1 << 20);

    private static void Print(HostileReport report)
    {
        Console.WriteLine();
        Console.WriteLine("| check | expected | found | |");
        Console.WriteLine("|---|---|---|---|");
        foreach (HostileCheck check in report.Checks)
        {
            string verdict = check.Holds ? "ok" : "FAILED";
            Console.WriteLine(Invariant($"| {check.What} | {check.Expected} | {check.Found} | {verdict} |"));
        }

        Console.WriteLine();
        foreach (HostileKindReport kind in report.ByKind)
        {
            IEnumerable<string> ended = kind.Ended.Select(static one => Invariant($"{one.Key} {one.Value:N0}"));
            Console.WriteLine($"{kind.Kind,-22} {string.Join(", ", ended)}");
        }

        Console.WriteLine();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{report.Deliveries:N0} deliveries, {report.Attempts:N0} attempts, {report.OtherRecords:N0} other records; "
            + $"{report.FailedAtHealthyEndpoints:N0} failed at healthy endpoints; heap at rest {Megabytes(report.HeapAtRestBytes):0} MB"));
        foreach (string example in report.Examples)
        {
            Console.WriteLine("  " + example);
        }
    }
}
