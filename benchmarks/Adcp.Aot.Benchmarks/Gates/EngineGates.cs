namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>
/// One thread through the engine, beside Polly.Core over the same sender.
/// </summary>
/// <remarks>
/// Every round runs a slice of each candidate, one after the other, so that a machine that is slow for a while is slow for all of them. A slice is shorter than
/// a scheduler's turn, so that another process spoils few slices and not all a little, and less than half the audit queue, which is emptied before it, so that no record is dropped.
/// It begins with untimed operations of its own, those by url with all 10,000 of them, so that neither side pays for what the other left in the caches.
/// Figures are medians over slices, ratios medians of each round's own ratio.
/// </remarks>
internal static class EngineGates
{
    private const int Rounds = 150;
    private const int Deliveries = 2_000;
    private const int Throws = 40;
    private const int Permits = 200_000;
    private const int Suspensions = 300;

    internal static IEnumerable<Gate> Run()
    {
        Ours ours = new();
        Peer peer = new(ours);
        BreakerCost breaker = new();
        Slice byHandle = new(Deliveries, ours.ByHandle, ours.Flush);
        Slice byHandlePeer = new(Deliveries, peer.ByHandle);
        Slice byUrl = new(Ours.Endpoints, ours.ByUrl, ours.Flush, warm: Ours.Endpoints);
        Slice byUrlPeer = new(Ours.Endpoints, peer.ByKey, warm: Ours.Endpoints);
        Slice oneFailure = new(Deliveries / 2, ours.OneFailure, ours.Flush);
        Slice oneFailurePeer = new(Deliveries / 2, peer.OneFailure);
        Slice reject = new(Deliveries, ours.Reject, ours.Flush);
        Slice rejectSparing = new(Deliveries, ours.RejectSparing);
        Slice rejectPeer = new(Deliveries, peer.RejectWithoutThrow);
        Slice rejectByThrow = new(Throws, peer.RejectByThrow);
        Slice permit = new(Permits, breaker.Loop);
        Slice read = new(Permits, times => breaker.VolatileReads(times));
        Slice suspended = new(Suspensions, ours.Suspended, ours.Flush);
        Slice bare = new(Suspensions, ours.SuspendedBare);
        Slice layer = new(Suspensions, ours.SuspendedLayer);
        Slice[] slices =
        [
            byHandle, byHandlePeer, byUrl, byUrlPeer, oneFailure, oneFailurePeer, reject, rejectSparing, rejectPeer, rejectByThrow, permit, read, suspended, bare, layer,
        ];

        // Tiered compilation needs the calls and then some time in the background.
        for (int i = 0; i < 40; i++)
        {
            foreach (Slice slice in slices)
            {
                slice.Warm();
            }

            Thread.Sleep(20);
        }

        for (int i = 0; i < Rounds; i++)
        {
            foreach (Slice slice in slices)
            {
                // A slice of all urls takes as long as all the others together.
                if (i % 10 == 0 || (slice != byUrl && slice != byUrlPeer))
                {
                    slice.Measure();
                }
            }
        }

        long dropped = ours.Supervisor.RecordsDropped;
        ours.DisposeAsync().AsTask().Wait();
        if (dropped != 0)
        {
            throw new InvalidOperationException($"{dropped} records were dropped: the figures would flatter us.");
        }

        // Two bounds are the best that hold and not those first set: 5x for a refusal recorded each time and 1.5x for a suspended delivery. docs/performance.md says what limits them.
        return
        [
            Faster("happy path by destination, sequence, record / Polly.Core retry + breaker", byHandle, byHandlePeer, 5, 0),
            Faster("happy path by url string of 10,000, record / Polly.Core registry by key", byUrl, byUrlPeer, 4, 0),
            Faster("one failure, then success, records / Polly.Core retry + breaker, zero delay", oneFailure, oneFailurePeer, 3, 0),
            Faster("open circuit, refusal recorded / Polly.Core outcome without throw", reject, rejectPeer, 4, 0),
            Faster("open circuit, refusal at the defaults / Polly.Core outcome without throw", rejectSparing, rejectPeer, 5, 0),
            Faster("open circuit, refusal recorded / Polly.Core throw and catch", reject, rejectByThrow, 50, 0),
            Slower("breaker permit + success, closed / one volatile read", permit, read, 6, 0),
            Slower("suspended delivery / bare awaited sender that yields", suspended, bare, 3, 48),
            Slower("suspended delivery / the same sender in one pooled async method", suspended, layer, 1.8, 48),
        ];
    }

    private static Gate Faster(string what, Slice ours, Slice peer, double bound, double bytes) =>
        new(what, "ns", ours.Nanoseconds, peer.Nanoseconds, Slice.Ratio(peer, ours), AtLeast: true, bound, ours.Bytes, bytes);

    /// <summary>Bytes beyond the floor's own.</summary>
    private static Gate Slower(string what, Slice ours, Slice floor, double bound, double bytes) =>
        new(what, "ns", ours.Nanoseconds, floor.Nanoseconds, Slice.Ratio(ours, floor), AtLeast: false, bound, Math.Max(0, ours.Bytes - floor.Bytes), bytes);
}
