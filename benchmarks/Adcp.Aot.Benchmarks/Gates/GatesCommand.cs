using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>
/// <c>gates</c>: measures every bound beside its peer or floor in the same run. Exit code 1 if one is missed. A group
/// with a missed bound is measured again, as often as asked for, since a neighbour of a shared machine can spoil a run;
/// the last run is reported.
/// </summary>
internal static class GatesCommand
{
    /// <summary>
    /// The measurement of each group, the number of its processes, and whether methods count their calls at once there;
    /// see <see cref="Processes"/>.
    /// </summary>
    private static readonly (string Name, Func<IEnumerable<Gate>> Run, int Processes, bool CountsAtOnce)[] Groups =
    [
        ("memory", MemoryGates.Run, 1, false),
        ("engine", EngineGates.Run, 3, false),
        ("telemetry", TelemetryGates.Run, 1, false),
        ("threads", ThreadGates.Run, 3, false),
        ("scale", ScaleGates.Run, 1, false),
        ("signing", SigningGates.Run, 1, false),
        ("loopback", LoopbackGates.Run, 1, true),
        ("hanging", HangingGates.Run, 1, true),
        ("sinks", SinkGates.Run, 1, false),
        ("native", NativeGates.Run, 1, false),
    ];

    private static readonly TimeSpan BetweenTries = TimeSpan.FromSeconds(15);

    internal static Command Create()
    {
        Option<bool> json = new("--json") { Description = "Print JSON instead of a table; artifacts/gates.json has it in any case." };
        Option<string> only = new("--only") { Description = "One group alone." };
        only.AcceptOnlyFromAmong([.. Groups.Select(static group => group.Name)]);
        Option<double> slack = Options.Number(
            "--slack", "By what share bounds are loosened, those of bytes excepted: 0.2 for a fifth.", byDefault: 0.0, low: 0, high: 1);
        Option<int> tries =
            Options.Number("--tries", "How often a group is measured in which a bound is missed.", byDefault: 1, low: 1, high: 100);
        Command command =
            new("gates", "Every bound beside its peer or floor; exit code 1 if one is missed.") { json, only, slack, tries };
        command.SetAction(
            arguments => Run(arguments.GetValue(only), arguments.GetValue(slack), arguments.GetValue(tries), arguments.GetValue(json)));
        return command;
    }

    /// <summary>One group in this process, for <see cref="Processes"/>.</summary>
    internal static Command CreateMeasure()
    {
        Argument<string> group = new("group");
        Command command = new("measure") { group };
        command.Hidden = true;
        command.SetAction(arguments =>
        {
            Gate[] gates = [.. Groups.Single(one => one.Name == arguments.GetValue(group)).Run()];
            Console.WriteLine(JsonSerializer.Serialize(gates, GatesJson.Default.GateArray));
        });
        return command;
    }

    private static int Run(string? only, double slack, int tries, bool asJson)
    {
        long start = Stopwatch.GetTimestamp();
        List<Gate> gates = [];
        foreach ((string name, _, int processes, bool countsAtOnce) in Groups)
        {
            if (only is null || only == name)
            {
                gates.AddRange(Measure(name, processes, countsAtOnce, slack, tries));
            }
        }

        GatesReport report = new(
            RuntimeInformation.FrameworkDescription, RuntimeInformation.OSDescription, Environment.ProcessorCount, slack,
            Stopwatch.GetElapsedTime(start).TotalSeconds, gates);
        string json = JsonSerializer.Serialize(report, GatesJson.Default.GatesReport);
        Directory.CreateDirectory("artifacts");
        File.WriteAllText(Path.Combine("artifacts", "gates.json"), json);
        Console.WriteLine(asJson ? json : Table(report));
        return gates.TrueForAll(gate => gate.IsKept(slack)) ? 0 : 1;
    }

    private static Gate[] Measure(string name, int processes, bool countsAtOnce, double slack, int tries)
    {
        while (true)
        {
            long start = Stopwatch.GetTimestamp();
            Console.Error.WriteLine($"measuring {name} ...");
            Gate[] gates = Processes.Medians(name, processes, countsAtOnce);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s"));
            if (gates.All(gate => gate.IsKept(slack)) || --tries < 1)
            {
                return gates;
            }

            // A neighbour that spoils a run may be gone in a while.
            Thread.Sleep(BetweenTries);
            foreach (Gate missed in gates.Where(gate => !gate.IsKept(slack)))
            {
                Console.Error.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"  missed, once more: {missed.What}: {missed.Ratio:0.00}x, {missed.Bytes:0.##} B"));
            }
        }
    }

    private static string Table(GatesReport report)
    {
        StringWriter text = new(CultureInfo.InvariantCulture);
        text.WriteLine($"{report.Runtime}, {report.Machine}, {report.Processors} processors, {report.Seconds:0} s");
        text.WriteLine();
        text.WriteLine("| what | ours | peer or floor | ratio | bound | B/op | bound | |");
        text.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach (Gate gate in report.Gates)
        {
            string kept = gate.Bound is null && gate.BytesBound is null ? "-" : gate.IsKept(report.Slack) ? "ok" : "MISSED";
            string sense = gate.Bound is null ? "-" : gate.AtLeast ? ">= " : "<= ";
            text.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {gate.What} | {gate.Ours:0.##} {gate.Unit} | {gate.Other:0.##} {gate.Unit} | {gate.Ratio:0.00}x "
                + $"| {sense}{gate.Bound:0.##} | {gate.Bytes:0.##} | {gate.BytesBound:0.##} | {kept} |"));
        }

        return text.ToString();
    }
}
