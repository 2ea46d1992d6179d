using Adcp.Aot.Benchmarks.Http;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>
/// End to end over loopback: signed POSTs with a result of one KiB, 64 at a time, to a receiver in a process of its own,
/// beside the same requests written by hand over <see cref="HttpMessageInvoker"/> with the same signing.
/// </summary>
internal static class LoopbackGates
{
    private const int Rounds = 260;
    private const int BareRounds = 80;
    private const int WarmRounds = 100;
    private const int Endpoints = 16;

    /// <summary>The best bound that holds. The same requests by hand come to 1.2x; docs/performance.md says why.</summary>
    private const double MaxOverBare = 1.3;

    internal static IEnumerable<Gate> Run() => RunAsync().GetAwaiter().GetResult();

    private static async Task<List<Gate>> RunAsync()
    {
        using ReceiverProcess receiver = new();
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-2026");
        List<Gate> gates = [];
        foreach ((string name, string address, bool http2) in new[] { ("HTTP/1.1", receiver.Http1, false), ("h2c", receiver.Http2, true) })
        {
            string[] urls = [.. Enumerable.Range(0, Endpoints).Select(i => $"{address}/adcp/webhooks/create_media_buy/agent_{i}/op_456")];
            await using AdcpClient client = new(key, urls, http2);
            using HandWrittenClient byHand = new(key, urls, http2);
            Load ours = new(Endpoints, client.RequireAsync);
            Load hand = new(Endpoints, byHand.SignedAsync);
            Load oursBesideBare = new(Endpoints, client.RequireAsync);
            Load bare = new(Endpoints, byHand.BareAsync);
            for (int i = -WarmRounds; i < Rounds; i++)
            {
                await Load.InTurnsAsync(ours, hand, i);
            }

            for (int i = -BareRounds; i < BareRounds; i++)
            {
                await Load.InTurnsAsync(oursBesideBare, bare, i);
            }

            if (client.RecordsDropped != 0)
            {
                throw new InvalidOperationException($"{client.RecordsDropped} records were dropped: the figures would flatter us.");
            }

            gates.Add(new(
                $"{name}, 64 at a time: requests a second / the same by hand", "us", ours.Nanoseconds / 1000, hand.Nanoseconds / 1000,
                Load.Ratio(hand, ours, static slice => slice.Nanoseconds), AtLeast: true, 0.95, Math.Max(0, ours.Bytes - hand.Bytes), 400));
            gates.Add(new(
                $"{name}: client's processor time a request / the same by hand", "us", ours.CpuNanoseconds / 1000,
                hand.CpuNanoseconds / 1000,
                Load.Ratio(ours, hand, static slice => slice.CpuNanoseconds), AtLeast: false, 1.05));
            gates.Add(new(
                $"{name}: client's processor time a request / unsigned bare request, bare sign, bare digest", "us",
                oursBesideBare.CpuNanoseconds / 1000, bare.CpuNanoseconds / 1000,
                Load.Ratio(oursBesideBare, bare, static slice => slice.CpuNanoseconds), AtLeast: false, MaxOverBare));
        }

        return gates;
    }
}
