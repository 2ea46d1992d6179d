using Adcp.Aot.Benchmarks.Engine;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>One thread through the engine, beside Polly.Core over the same sender.</summary>
/// <remarks>
/// <para>
/// The first lines measure the path that production takes: a sender that waits for its answer, a caller with a
/// cancellation token, a sequence number, and an audit record. The same sender, token and caller run Polly's retry and
/// circuit breaker, which make neither record nor number. A sender that is complete when it returns is one line without a
/// bound, since no sender on a network is.
/// </para>
/// <para>
/// Every round runs a slice of each candidate, one after the other, so that a machine that is slow for a while is slow
/// for all of them. A slice is shorter than a scheduler's turn, so that another process spoils few slices and not all a
/// little. A slice and its warm-up are less than half the audit queue, which is emptied before, so that no record is
/// dropped. The slices over 10,000 endpoints begin with an untimed visit of all of them, so that neither side pays for
/// the other's content of the caches. Figures are medians over slices, ratios medians of each round's own ratio.
/// </para>
/// </remarks>
internal static class EngineGates
{
    private const int Rounds = 150;
    private const int Deliveries = 2_000;
    private const int Throws = 40;
    private const int Permits = 200_000;

    internal static IEnumerable<Gate> Run()
    {
        AdcpSide adcp = new();
        PollySide polly = new(adcp);
        BreakerCost breaker = new();
        Slice deliver = new(Deliveries, adcp.Deliver, adcp.Flush);
        Slice deliverPolly = new(Deliveries, polly.Deliver);
        Slice withoutToken = new(Deliveries, adcp.DeliverWithoutToken, adcp.Flush);
        Slice withoutTokenPolly = new(Deliveries, polly.DeliverWithoutToken);
        Slice each = new(AdcpSide.Endpoints, adcp.DeliverToEach, adcp.Flush, warm: AdcpSide.Endpoints);
        Slice eachPolly = new(AdcpSide.Endpoints, polly.DeliverToEach, warm: AdcpSide.Endpoints);
        Slice failOnce = new(Deliveries / 2, adcp.FailOnce, adcp.Flush);
        Slice failOncePolly = new(Deliveries / 2, polly.FailOnce);
        Slice layer = new(Deliveries, adcp.OneLayer);
        Slice completed = new(Deliveries, adcp.DeliverCompleted, adcp.Flush);
        Slice completedPolly = new(Deliveries, polly.DeliverCompleted);
        Slice reject = new(Deliveries, adcp.Reject, adcp.Flush);
        Slice rejectAtDefaults = new(Deliveries, adcp.RejectAtDefaults);
        Slice rejectPolly = new(Deliveries, polly.RejectWithoutThrow);
        Slice rejectPollyByThrow = new(Throws, polly.RejectByThrow);
        Slice permit = new(Permits, breaker.Loop);
        Slice read = new(Permits, times => breaker.VolatileReads(times));
        Slice[] slices =
        [
            deliver, deliverPolly, withoutToken, withoutTokenPolly, each, eachPolly, failOnce, failOncePolly, layer, completed,
            completedPolly,
            reject, rejectAtDefaults, rejectPolly, rejectPollyByThrow, permit, read,
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
                // A slice of all endpoints takes as long as all other slices together.
                if (i % 10 == 0 || (slice != each && slice != eachPolly))
                {
                    slice.Measure();
                }
            }
        }

        long dropped = adcp.RecordsDropped;
        adcp.DisposeAsync().AsTask().Wait();
        if (dropped != 0)
        {
            throw new InvalidOperationException($"{dropped} records were dropped: the figures would flatter us.");
        }

        return
        [
            Faster("sender waits, token, record, number / Polly.Core retry + breaker, same token", deliver, deliverPolly, 2.8, 0),
            Faster("sender waits, no token, record, number / Polly.Core, same sender", withoutToken, withoutTokenPolly, 3, 0),
            Faster("sender waits, one failure, then success, token, records / Polly.Core, zero delay", failOnce, failOncePolly, 2.5, null),
            Faster("sender waits, 10,000 endpoints in turn, destinations kept / Polly.Core, pipelines kept", each, eachPolly, 2.8, 0),
            Faster("open circuit, refusal recorded / Polly.Core outcome without throw", reject, rejectPolly, 4, 0),
            Faster("open circuit, refusal at the defaults / Polly.Core outcome without throw", rejectAtDefaults, rejectPolly, 5, 0),
            Faster("open circuit, refusal recorded / Polly.Core throw and catch", reject, rejectPollyByThrow, 50, 0),
            Slower("breaker permit + success, closed / one volatile read", permit, read, 6, 0),
            Slower("sender waits, token, record, number / the same sender in one pooled async method", deliver, layer, null, null),
            Faster("sender completes at once (no network sender does) / Polly.Core, same sender", completed, completedPolly, null, null),
        ];
    }

    private static Gate Faster(string what, Slice ours, Slice peer, double? bound, double? bytes) =>
        new(what, "ns", ours.Nanoseconds, peer.Nanoseconds, Slice.Ratio(peer, ours), AtLeast: true, bound, ours.Bytes, bytes);

    /// <summary>Bytes beyond the floor's own.</summary>
    private static Gate Slower(string what, Slice ours, Slice floor, double? bound, double? bytes) =>
        new(what, "ns", ours.Nanoseconds, floor.Nanoseconds, Slice.Ratio(ours, floor), AtLeast: false, bound,
            Math.Max(0, ours.Bytes - floor.Bytes), bytes);
}
