using System.Buffers.Text;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Tests.Verification;

/// <summary>Measures the memory of the whole process, so no other test may run at the same time.</summary>
[Collection(nameof(ReplayCacheMemoryTests))]
[CollectionDefinition(nameof(ReplayCacheMemoryTests), DisableParallelization = true)]
public sealed class ReplayCacheMemoryTests
{
    private const int Entries = 100_000;
    private const int Rounds = 5;

    [Fact]
    public async Task A_live_entry_takes_at_most_100_bytes()
    {
        // What earlier tests left behind may become free at any time, so that one round may measure too little.
        List<long> rounds = [];
        for (int round = 0; round < Rounds; round++)
        {
            rounds.Add(await MeasureAsync());
        }

        Assert.InRange(rounds.Order().ElementAt(Rounds / 2), 1, 100L * Entries);
    }

    private static async Task<long> MeasureAsync()
    {
        InMemoryReplayCache cache = new();
        DateTimeOffset expires = DateTimeOffset.UtcNow.AddMinutes(5);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (int i = 0; i < Entries; i++)
        {
            Assert.Equal(ReplayAdmission.Added,
                await cache.TryAddAsync("seller", "k", Nonce(i).AsMemory(), expires, CancellationToken.None));
        }

        long after = GC.GetTotalMemory(forceFullCollection: true);
        GC.KeepAlive(cache);
        return after - before;
    }

    private static string Nonce(int i)
    {
        byte[] bytes = new byte[16];
        BitConverter.TryWriteBytes(bytes, i);
        return Base64Url.EncodeToString(bytes);
    }
}
