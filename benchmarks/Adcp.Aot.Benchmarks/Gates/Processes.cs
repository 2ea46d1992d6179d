using System.Diagnostics;
using System.Text.Json;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>
/// The same gates in several processes, one after the other. Where a process's memory lies and what its compiler made of the first calls moves figures of some nanoseconds by a fifth, however
/// often they are taken in that one process.
/// </summary>
internal static class Processes
{
    private const int Count = 3;

    /// <summary>Of each gate the process with the median ratio, with the most bytes that any of them allocated.</summary>
    internal static IEnumerable<Gate> Medians(string group)
    {
        Gate[][] runs = [.. Enumerable.Range(0, Count).Select(_ => Measure(group))];
        return Enumerable.Range(0, runs[0].Length).Select(gate =>
        {
            Gate[] same = [.. runs.Select(run => run[gate]).OrderBy(static one => one.Ratio)];
            return same[Count / 2] with { Bytes = same.Max(static one => one.Bytes) };
        });
    }

    private static Gate[] Measure(string group)
    {
        using Process process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["measure", group]) { RedirectStandardOutput = true })
            ?? throw new InvalidOperationException("The measuring process does not start.");
        string json = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? JsonSerializer.Deserialize(json, GatesJson.Default.GateArray)!
            : throw new InvalidOperationException($"The measuring process of '{group}' ended with {process.ExitCode}.");
    }
}
