using Adcp.Aot.Benchmarks.Engine;
using Polly.Registry;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>The memory of an endpoint beside its key, at a million endpoints.</summary>
internal static class MemoryGates
{
    internal static IEnumerable<Gate> Run()
    {
        double ours = OursAt(1_000_000);
        double atHundredThousand = OursAt(100_000);
        double peer = PeerAt(10_000);
        return
        [
            new("memory of an endpoint, 1,000,000 of them / Polly.Core registry entry at 10,000", "B", ours, peer, peer / ours,
                AtLeast: true, 12, ours, 160),
            new(
                "memory of an endpoint, 100,000 of them / Polly.Core registry entry at 10,000", "B", atHundredThousand, peer,
                peer / atHundredThousand,
                AtLeast: true, null, atHundredThousand, 250),
        ];
    }

    /// <summary>
    /// Gives each endpoint a delivery through a sender that waits, so that it holds all memory that a delivery leaves.
    /// </summary>
    private static double OursAt(int count)
    {
        string[] keys = [.. Enumerable.Range(0, count).Select(AdcpSide.Url)];
        PreparedWebhook webhook = new(new WebhookDestination("https://buyer.example/"), "{}"u8.ToArray(), "benchmark-key-00000001");
        InMemoryWebhookDeliverySupervisor supervisor = new(new WaitingSender(new WebhookSendResult(webhook, 200)));
        WaitingSender.AnswerAll(DeliverAsync(["https://buyer.example/first"]));
        long before = GC.GetTotalMemory(forceFullCollection: true);
        WaitingSender.AnswerAll(DeliverAsync(keys));
        long after = GC.GetTotalMemory(forceFullCollection: true);
        GC.KeepAlive(keys);
        int known = supervisor.Endpoints.Count - 1;
        supervisor.DisposeAsync().AsTask().Wait();
        return (after - before) / (double)known;

        async ValueTask DeliverAsync(IEnumerable<string> breakerKeys)
        {
            foreach (string key in breakerKeys)
            {
                await supervisor.DeliverAsync(webhook, new DeliveryOptions { BreakerKey = key });
            }
        }
    }

    private static double PeerAt(int count)
    {
        string[] keys = [.. Enumerable.Range(0, count).Select(AdcpSide.Url)];
        ResiliencePipelineRegistry<string> registry = new();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        foreach (string key in keys)
        {
            PollySide.Add(registry, key);
        }

        long after = GC.GetTotalMemory(forceFullCollection: true);
        GC.KeepAlive(keys);
        registry.Dispose();
        return (after - before) / (double)count;
    }
}
