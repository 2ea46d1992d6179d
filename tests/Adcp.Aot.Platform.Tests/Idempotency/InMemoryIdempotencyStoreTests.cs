using Adcp.Aot.Platform.Idempotency;

namespace Adcp.Aot.Platform.Tests.Idempotency;

public sealed class InMemoryIdempotencyStoreTests : IdempotencyStoreContract
{
    private InMemoryIdempotencyStore? _store;

    [Fact]
    public void It_does_not_outlive_the_process() => Assert.False(Store.IsDurable);

    [Fact]
    public async Task A_full_store_refuses_what_is_new_and_forgets_nothing_that_may_be_made_again()
    {
        InMemoryIdempotencyStore store = new(2, new IdempotencyStoreOptions { TimeProvider = Time });
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
    public void A_capacity_has_its_range(int capacity) =>
        Assert.Equal("capacity", Assert.Throws<ArgumentOutOfRangeException>(() => new InMemoryIdempotencyStore(capacity)).ParamName);

    private protected override IIdempotencyStore Open() => _store ??= new InMemoryIdempotencyStore(options: new IdempotencyStoreOptions { TimeProvider = Time });
}
