using Adcp.Aot.Benchmarks.Engine;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>The cost of telemetry for a delivery on the path of production: with a listener of meters, of traces, and with none.</summary>
/// <remarks>
/// Slices of all kinds take turns, as those of <see cref="EngineGates"/> do. Without a listener, a delivery makes a few checks. The bare
/// path has no checks and cannot be built, so the checks are measured alone and taken off.
/// </remarks>
internal static class TelemetryGates
{
    private const int Rounds = 150;
    private const int Deliveries = 2_000;
    private const int Checks = 200_000;
    private const int Warmings = 40;

    /// <summary>The most nanoseconds that a listener which sums may add to a delivery.</summary>
    private const double MostNanoseconds = 300;

    internal static IEnumerable<Gate> Run()
    {
        AdcpSide adcp = new();
        using Listeners listeners = new();
        Slice silent = new(Deliveries, adcp.Deliver, Before(adcp, listeners.None));
        Slice metered = new(Deliveries, adcp.Deliver, Before(adcp, listeners.Meters));
        Slice traced = new(Deliveries, adcp.Deliver, Before(adcp, listeners.Traces));
        Slice checks = new(Checks, Listeners.Check, listeners.None);
        Slice[] slices = [silent, metered, traced, checks];
        for (int i = 0; i < Warmings; i++)
        {
            foreach (Slice slice in slices)
            {
                slice.Warm();
            }

            Thread.Sleep(20);
        }

        for (int i = 0; i < Rounds; i++)
        {
            // The order changes, so that no slice always follows the one that leaves garbage.
            foreach (Slice slice in i % 2 == 0 ? slices : Enumerable.Reverse(slices))
            {
                slice.Measure();
            }
        }

        long dropped = adcp.RecordsDropped;
        adcp.DisposeAsync().AsTask().Wait();

        // A measured slice is warmed by five times its deliveries. Each delivery adds to two counters, and has two spans.
        long heard = 2L * Deliveries * (Warmings + 6 * Rounds);
        if (dropped != 0 || listeners.Sum != heard || listeners.Spans != heard)
        {
            throw new InvalidOperationException(
                $"Dropped {dropped} records, counted {listeners.Sum} and {listeners.Spans} of {heard}: the figures would flatter us.");
        }

        double added = Slice.Difference(metered, silent);
        return
        [
            new Gate(
                "meters with a listener that sums: ns added to a delivery / 300 ns", "ns", added, MostNanoseconds, added / MostNanoseconds,
                AtLeast: false, 1, Math.Max(0, metered.Bytes - silent.Bytes), 0),
            new Gate(
                "no listener: a delivery / its checks for listeners alone (ratio: the rest of the delivery)", "ns", silent.Nanoseconds,
                checks.Nanoseconds, 1 - Slice.Ratio(checks, silent), AtLeast: true, 0.97, silent.Bytes, 0),
            new Gate(
                "traces with a listener of all data: two spans a delivery / a delivery without", "ns", traced.Nanoseconds,
                silent.Nanoseconds, Slice.Ratio(traced, silent), AtLeast: false, null, traced.Bytes - silent.Bytes),
        ];
    }

    private static Action Before(AdcpSide adcp, Action listen) => () =>
    {
        adcp.Flush();
        listen();
    };
}
