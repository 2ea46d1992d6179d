using System.Diagnostics;

namespace Adcp.Aot.Benchmarks.Hostile;

/// <summary>The state of this process at one second of a run.</summary>
/// <param name="Seconds">Since the run began.</param>
/// <param name="Ended">Deliveries that have ended.</param>
/// <param name="RssBytes">Resident memory.</param>
/// <param name="HeapBytes">The managed heap, garbage included.</param>
/// <param name="CommittedBytes">Memory that the collector has committed.</param>
/// <param name="Descriptors">Open file descriptors; 0 if the system does not say.</param>
/// <param name="Threads">Threads of the process.</param>
/// <param name="Gen0">Collections of generation 0.</param>
/// <param name="Gen1">Collections of generation 1.</param>
/// <param name="Gen2">Collections of generation 2.</param>
/// <param name="InFlight">Deliveries accepted and not ended.</param>
/// <param name="Endpoints">Endpoints that the supervisor knows.</param>
internal sealed record HostileSample(
    double Seconds,
    long Ended,
    long RssBytes,
    long HeapBytes,
    long CommittedBytes,
    int Descriptors,
    int Threads,
    int Gen0,
    int Gen1,
    int Gen2,
    int InFlight,
    int Endpoints)
{
    private const string DescriptorFolder = "/proc/self/fd";

    internal static HostileSample Take(TimeSpan elapsed, long ended, int inFlight, int endpoints)
    {
        using Process process = Process.GetCurrentProcess();
        return new HostileSample(
            elapsed.TotalSeconds,
            ended,
            process.WorkingSet64,
            GC.GetTotalMemory(forceFullCollection: false),
            GC.GetGCMemoryInfo().TotalCommittedBytes,
            Directory.Exists(DescriptorFolder) ? Directory.EnumerateFileSystemEntries(DescriptorFolder).Count() : 0,
            process.Threads.Count,
            GC.CollectionCount(0),
            GC.CollectionCount(1),
            GC.CollectionCount(2),
            inFlight,
            endpoints);
    }
}
