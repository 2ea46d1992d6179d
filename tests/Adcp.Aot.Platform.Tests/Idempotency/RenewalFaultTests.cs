using Adcp.Aot.Platform.Idempotency;

namespace Adcp.Aot.Platform.Tests.Idempotency;

/// <summary>A store that cannot renew the lease of a call for a while.</summary>
public sealed class RenewalFaultTests
{
    private const string Key = """
        ,"idempotency_key":"req_0123456789abcdef"
        """;

    [Fact]
    public async Task A_renewal_that_fails_for_less_than_a_lease_is_tried_again_and_the_call_goes_on()
    {
        using RenewalStore store = new(failures: 5);
        await using Bench bench = new(AdcpVersion.V32, options => options with { Idempotency = store });
        Task<ToolReply> running = bench.BuyAsync("wait", more: Key).AsTask();
        await bench.Platform.Waiting.WaitAsync();

        for (int calls = 0; calls < 6; calls++)
        {
            await store.AskedAsync(bench.Time);
        }

        bench.Platform.Go.SetResult();
        Assert.Null((await running).Error);
        Assert.Equal((5, 1), (store.Failed, store.Renewed));
        Assert.Equal(1, bench.Platform.Performed);
    }

    [Fact]
    public async Task Renewals_that_fail_until_the_lease_ends_leave_the_request_unresolved_then_and_not_before()
    {
        using RenewalStore store = new(failures: int.MaxValue);
        await using Bench bench = new(AdcpVersion.V32, options => options with { Idempotency = store });
        Task<ToolReply> running = bench.BuyAsync("wait", more: Key).AsTask();
        await bench.Platform.Waiting.WaitAsync();

        while (!running.IsCompleted)
        {
            bench.Time.Advance(TimeSpan.FromMilliseconds(500));
            await Task.WhenAny(running, Task.Delay(5));
        }

        Assert.Equal("IDEMPOTENCY_IN_FLIGHT", (await running).Error?.Code);
        Assert.InRange(store.Failed, 2, 40);
    }

    private sealed class RenewalStore(int failures) : IIdempotencyStore, IDisposable
    {
        private readonly SemaphoreSlim _asked = new(0);
        private int _failed;
        private int _renewed;

        public int Failed => Volatile.Read(ref _failed);

        public int Renewed => Volatile.Read(ref _renewed);

        public bool IsDurable => true;

        public TimeSpan ReplayTimeToLive => TimeSpan.FromHours(24);

        public void Dispose() => _asked.Dispose();

        /// <summary>Turns the clock until the store is asked once more.</summary>
        public async Task AskedAsync(TurnedTime time)
        {
            while (!await _asked.WaitAsync(TimeSpan.FromMilliseconds(50)))
            {
                time.Advance(TimeSpan.FromMilliseconds(500));
            }
        }

        public ValueTask<IdempotencyClaim> ClaimAsync(
            string tenant, string request, string fingerprint, TimeSpan lease, CancellationToken cancellationToken = default) =>
            new(new IdempotencyClaim(tenant, request, fingerprint, IdempotencyClaimStatus.Owned, 1));

        public ValueTask<bool> RenewAsync(IdempotencyClaim claim, TimeSpan lease, CancellationToken cancellationToken = default)
        {
            _asked.Release();
            if (Failed < failures)
            {
                Interlocked.Increment(ref _failed);
                throw new IOException("away");
            }

            Interlocked.Increment(ref _renewed);
            return new(true);
        }

        public ValueTask<bool> CompleteAsync(IdempotencyClaim claim, string answer, CancellationToken cancellationToken = default) =>
            new(true);

        public ValueTask<bool> ReleaseAsync(IdempotencyClaim claim, CancellationToken cancellationToken = default) => new(true);

        public ValueTask<bool> SuspendAsync(IdempotencyClaim claim, CancellationToken cancellationToken = default) => new(true);

        public ValueTask<bool> NoteTaskAsync(IdempotencyClaim claim, string taskId, CancellationToken cancellationToken = default) =>
            new(true);

        public ValueTask<bool> IsKnownAsync(string tenant, string request, CancellationToken cancellationToken = default) => new(false);
    }
}
