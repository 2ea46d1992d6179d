using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Adcp.Aot.Benchmarks.Http;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>
/// <c>samples/MinimalSender</c> as a native binary: its size with the library beside it, its start, its memory, and its
/// throughput beside the same program on the JIT. Needs <c>ADCP_NATIVE_SENDER</c> and <c>ADCP_JIT_SENDER</c>, the paths
/// of both executables.
/// </summary>
internal static class NativeGates
{
    private const int Starts = 11;
    private const int Deliveries = 100_000;
    private const double MiB = 1 << 20;

    internal static IEnumerable<Gate> Run()
    {
        if (Environment.GetEnvironmentVariable("ADCP_NATIVE_SENDER") is not { } native
            || Environment.GetEnvironmentVariable("ADCP_JIT_SENDER") is not { } jit)
        {
            Console.Error.WriteLine(
                "  not measured: ADCP_NATIVE_SENDER and ADCP_JIT_SENDER name the executables of samples/MinimalSender.");
            return [];
        }

        using ReceiverProcess receiver = new();
        string url = receiver.Http1 + "/adcp/webhooks";
        string folder = Path.GetDirectoryName(Path.GetFullPath(native))!;
        double size = new FileInfo(native).Length + Directory.EnumerateFiles(folder, "*.so").Sum(static file => new FileInfo(file).Length);
        double start = Median(Starts, () => FirstDelivery(native, url));
        double startOnJit = Median(Starts, () => FirstDelivery(jit, url));

        // The one on the JIT runs between two native ones: a machine that gets slower or faster meanwhile does so for both.
        Report before = Deliver(native, url);
        Report onJit = Deliver(jit, url);
        Report after = Deliver(native, url);
        double rss = Math.Max(before.RssMb, after.RssMb);
        double perSecond = (before.PerSecond + after.PerSecond) / 2;
        return
        [
            AtMost("MinimalSender, native: size with libsodium, MiB", "MiB", size / MiB, 8),
            AtMost("MinimalSender, native: process start to first delivery / 60 ms (JIT: see next line)", "ms", start, 60),
            new("MinimalSender on the JIT: process start to first delivery / native", "ms", startOnJit, start, startOnJit / start,
                AtLeast: true, null),
            AtMost("MinimalSender, native: resident after 100,000 deliveries", "MiB", rss, 40),
            new("MinimalSender on the JIT: resident after 100,000 deliveries / native", "MiB", onJit.RssMb, rss, onJit.RssMb / rss,
                AtLeast: true, null),
            new("MinimalSender, native: deliveries a second / on the JIT", "/s", perSecond, onJit.PerSecond, perSecond / onJit.PerSecond,
                AtLeast: true, 0.9),
        ];
    }

    /// <summary>A bound that is a figure, not a ratio.</summary>
    private static Gate AtMost(string what, string unit, double figure, double bound) =>
        new(what, unit, figure, bound, figure / bound, AtLeast: false, 1);

    private static double Median(int times, Func<double> measure)
    {
        measure();
        return Measurement.Median([.. Enumerable.Range(0, times).Select(_ => measure())]);
    }

    private static double FirstDelivery(string executable, string url)
    {
        long start = Stopwatch.GetTimestamp();
        using Process process = Start(executable, url, 1);
        string? line = process.StandardOutput.ReadLine();
        double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        process.WaitForExit();
        return line == "first delivered" ? milliseconds : throw new InvalidOperationException($"{executable}: {line}");
    }

    private static Report Deliver(string executable, string url)
    {
        using Process process = Start(executable, url, Deliveries);
        process.StandardOutput.ReadLine();
        Report report = JsonSerializer.Deserialize(process.StandardOutput.ReadLine() ?? "", GatesJson.Default.Report)!;
        process.WaitForExit();
        return report.Delivered == Deliveries ? report : throw new InvalidOperationException($"{executable}: {report}");
    }

    private static Process Start(string executable, string url, int deliveries) => Process.Start(
        new ProcessStartInfo(executable, [url, deliveries.ToString(CultureInfo.InvariantCulture)]) { RedirectStandardOutput = true })!;

    /// <summary>The last line of a MinimalSender.</summary>
    internal sealed record Report(int Delivered, int Failed, double PerSecond, double RssMb);
}
