using Adcp.Aot.Platform.Idempotency;

namespace Adcp.Aot.Platform.Tests.Idempotency;

public sealed class InMemoryIdempotencyStoreTests : IdempotencyStoreTests
{
    private InMemoryIdempotencyStore? _store;

    [Fact]
    public void It_does_not_outlive_the_process() => Assert.False(Store.IsDurable);

    [Fact]
    public async Task A_full_store_refuses_what_is_new_and_forgets_nothing_that_may_be_made_again()
    {
        InMemoryIdempotencyStore store = new(new IdempotencyStoreOptions { TimeProvider = Time }, new InMemoryLimits { Capacity = 2 });
        Assert.True(await store.CompleteAsync(await Claim("a"), "{}"));
        Time.Advance(TimeSpan.FromHours(1));
        Assert.True(await store.CompleteAsync(await Claim("b"), "{}"));
        Assert.Equal(IdempotencyClaimStatus.Full, (await Claim("c")).Status);
        Assert.Equal(IdempotencyClaimStatus.Answered, (await Claim("a")).Status);

        // The first has expired: in a full store it makes room.
        Time.Advance(TimeSpan.FromHours(23) + TimeSpan.FromMinutes(1));
        Assert.Equal(IdempotencyClaimStatus.Owned, (await Claim("c")).Status);
        Assert.Equal(IdempotencyClaimStatus.Answered, (await Claim("b")).Status);

        ValueTask<IdempotencyClaim> Claim(string request) => store.ClaimAsync("buyer", request, Asked, Lease);
    }

    [Fact]
    public async Task What_has_expired_for_long_is_forgotten()
    {
        Assert.True(await Store.CompleteAsync(await ClaimAsync(), "{}"));
        Time.Advance(TimeSpan.FromDays(8));
        Assert.Equal(IdempotencyClaimStatus.Expired, (await ClaimAsync()).Status);
        Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(IdempotencyClaimStatus.Owned, (await ClaimAsync()).Status);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10_000_001)]
    public void A_capacity_has_its_range(int capacity)
    {
        Assert.Equal("Capacity", Assert.Throws<ArgumentOutOfRangeException>(() => new InMemoryLimits { Capacity = capacity }).ParamName);
        Assert.Equal(
            "CapacityPerTenant", Assert.Throws<ArgumentOutOfRangeException>(
                () => new InMemoryLimits { CapacityPerTenant = capacity }).ParamName);
    }

    [Fact]
    public async Task One_tenant_fills_its_own_share_in_count_and_bytes_and_no_other()
    {
        InMemoryIdempotencyStore store = new(
            new IdempotencyStoreOptions { TimeProvider = Time },
                new InMemoryLimits { CapacityPerTenant = 2, MaxBytesPerTenant = 64 << 10 });
        IdempotencyClaim mine = await store.ClaimAsync("victim", "a", Asked, Lease);
        await store.ClaimAsync("greedy", "a", Asked, Lease);
        IdempotencyClaim second = await store.ClaimAsync("greedy", "b", Asked, Lease);

        IdempotencyClaimStatus third = (await store.ClaimAsync("greedy", "c", Asked, Lease)).Status;
        await store.ReleaseAsync(second);
        await store.CompleteAsync(await store.ClaimAsync("large", "a", Asked, Lease), new string('x', 64 << 10));
        IdempotencyClaimStatus large = (await store.ClaimAsync("large", "b", Asked, Lease)).Status;

        Assert.Equal((IdempotencyClaimStatus.Full, IdempotencyClaimStatus.Full), (third, large));
        Assert.Equal(IdempotencyClaimStatus.Owned, (await store.ClaimAsync("greedy", "c", Asked, Lease)).Status);
        Assert.Equal(IdempotencyClaimStatus.Owned, (await store.ClaimAsync("victim", "b", Asked, Lease)).Status);
        Assert.True(await store.CompleteAsync(mine, "{}"));
    }

    [Fact]
    public async Task A_full_tenant_makes_no_room_of_anothers_expired_answers()
    {
        InMemoryIdempotencyStore store = new(new IdempotencyStoreOptions { TimeProvider = Time }, new InMemoryLimits { Capacity = 1 });
        await store.CompleteAsync(await store.ClaimAsync("victim", "a", Asked, Lease), "{}");
        Time.Advance(TimeSpan.FromHours(25));

        IdempotencyClaimStatus other = (await store.ClaimAsync("another", "a", Asked, Lease)).Status;

        Assert.Equal(IdempotencyClaimStatus.Full, other);
        Assert.Equal(IdempotencyClaimStatus.Expired, (await store.ClaimAsync("victim", "a", Asked, Lease)).Status);
    }

    private protected override IIdempotencyStore Open() =>
        _store ??= new InMemoryIdempotencyStore(options: new IdempotencyStoreOptions { TimeProvider = Time });
}
