using Adcp.Aot.Delivery;
using Polly.Registry;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>What an endpoint costs beside its key, at a million of them.</summary>
internal static class MemoryGates
{
    internal static IEnumerable<Gate> Run()
    {
        double ours = OursAt(1_000_000);
        double atHundredThousand = OursAt(100_000);
        double peer = PeerAt(10_000);
        return
        [
            new("memory of an endpoint, 1,000,000 of them / Polly.Core registry entry at 10,000", "B", ours, peer, peer / ours, AtLeast: true, 12, ours, 160),
            new("memory of an endpoint, 100,000 of them / Polly.Core registry entry at 10,000", "B", atHundredThousand, peer, peer / atHundredThousand, AtLeast: true, null, atHundredThousand, 250),
        ];
    }

    private static double OursAt(int count)
    {
        string[] keys = [.. Enumerable.Range(0, count).Select(Ours.Url)];
        InMemoryWebhookDeliverySupervisor supervisor = new(CompletedSender.Delivered());
        long before = GC.GetTotalMemory(forceFullCollection: true);
        foreach (string key in keys)
        {
            supervisor.Endpoints.Get(key);
        }

        long after = GC.GetTotalMemory(forceFullCollection: true);
        GC.KeepAlive(keys);
        int known = supervisor.Endpoints.Count;
        supervisor.DisposeAsync().AsTask().Wait();
        return (after - before) / (double)known;
    }

    private static double PeerAt(int count)
    {
        string[] keys = [.. Enumerable.Range(0, count).Select(Ours.Url)];
        ResiliencePipelineRegistry<string> registry = new();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        foreach (string key in keys)
        {
            Peer.Add(registry, key);
        }

        long after = GC.GetTotalMemory(forceFullCollection: true);
        GC.KeepAlive(keys);
        registry.Dispose();
        return (after - before) / (double)count;
    }
}
