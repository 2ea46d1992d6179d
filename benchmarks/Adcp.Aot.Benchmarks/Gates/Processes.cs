using System.Diagnostics;
using System.Text.Json;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>
/// Measures a group in processes that do nothing else, one after the other. The place of a process's memory and the code
/// that its compiler made of the first calls move figures of some nanoseconds by a fifth, however often one process takes
/// them. Groups with such figures get several.
/// </summary>
internal static class Processes
{
    /// <summary>Returns for each gate the process with the median ratio, with the most bytes that any of them allocated.</summary>
    internal static Gate[] Medians(string group, int processes, bool countsAtOnce)
    {
        Gate[][] runs = [.. Enumerable.Range(0, processes).Select(_ => Measure(group, countsAtOnce))];
        return
        [
            .. Enumerable.Range(0, runs[0].Length).Select(gate =>
            {
                Gate[] same = [.. runs.Select(run => run[gate]).OrderBy(static one => one.Ratio)];
                return same[processes / 2] with { Bytes = same.Max(static one => one.Bytes) };
            }),
        ];
    }

    private static Gate[] Measure(string group, bool countsAtOnce)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!, ["measure", group]) { RedirectStandardOutput = true };
        if (countsAtOnce)
        {
            // Methods count their calls from the first one, not when no new method has appeared for 100 ms: two busy
            // processors reach that only after many seconds.
            start.Environment["DOTNET_TC_CallCountingDelayMs"] = "0";
        }

        using Process process = Process.Start(start)
            ?? throw new InvalidOperationException("The measuring process does not start.");
        string json = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? JsonSerializer.Deserialize(json, GatesJson.Default.GateArray)!
            : throw new InvalidOperationException($"The measuring process of '{group}' ended with {process.ExitCode}.");
    }
}
