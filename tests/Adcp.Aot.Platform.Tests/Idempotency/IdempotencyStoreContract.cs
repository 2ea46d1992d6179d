using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Storage;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Platform.Tests.Idempotency;

/// <summary>The contract of every idempotency store.</summary>
public abstract class IdempotencyStoreContract : IAsyncLifetime
{
    protected static readonly string Request = new('a', 64);
    protected static readonly string Asked = new('1', 64);
    protected static readonly string AskedElse = new('2', 64);
    protected static readonly TimeSpan Lease = TimeSpan.FromMinutes(3);

    protected FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 11, 25, 12, 0, 0, TimeSpan.Zero));

    private protected IIdempotencyStore Store { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await PrepareAsync();
        Store = Open();
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await EndAsync();
    }

    protected virtual Task PrepareAsync() => Task.CompletedTask;

    protected virtual Task EndAsync() => Task.CompletedTask;

    /// <summary>Lets time pass for the store.</summary>
    private protected virtual ValueTask AdvanceAsync(TimeSpan time)
    {
        Time.Advance(time);
        return default;
    }

    /// <summary>Opens the store as another process would; a store in memory has only the first.</summary>
    private protected abstract IIdempotencyStore Open();

    private protected ValueTask<IdempotencyClaim> ClaimAsync(string? fingerprint = null, string tenant = "buyer", string? request = null) =>
        Open().ClaimAsync(tenant, request ?? Request, fingerprint ?? Asked, Lease);

    [Fact]
    public async Task Whoever_comes_first_owns_the_request_and_is_answered_for_all()
    {
        IdempotencyClaim claim = await ClaimAsync();
        Assert.Equal(IdempotencyClaimStatus.Owned, claim.Status);
        Assert.Equal(IdempotencyClaimStatus.InFlight, (await ClaimAsync()).Status);
        Assert.Equal(IdempotencyClaimStatus.Conflict, (await ClaimAsync(AskedElse)).Status);
        const string Answer = """{"body":{"k":[1e0,"\u0000 😀 '"]}}""";
        Assert.True(await Store.CompleteAsync(claim, Answer));
        IdempotencyClaim again = await ClaimAsync();
        Assert.Equal((IdempotencyClaimStatus.Answered, Answer), (again.Status, again.Answer));
        IdempotencyClaim other = await ClaimAsync(AskedElse);
        Assert.Equal((IdempotencyClaimStatus.Conflict, null), (other.Status, other.Answer));
        Assert.False(await Store.CompleteAsync(claim, "{}"));
        Assert.False(await Store.ReleaseAsync(claim));
        Assert.Equal(Answer, (await ClaimAsync()).Answer);
    }

    [Fact]
    public async Task Requests_without_an_answer_are_listed_when_no_process_has_them()
    {
        IUnresolvedRequestStore store = (IUnresolvedRequestStore)Store;
        IdempotencyClaim first = await ClaimAsync();
        await Store.NoteTaskAsync(first, "task_1");
        IdempotencyClaim second = await ClaimAsync(tenant: "another");
        await Store.CompleteAsync(await ClaimAsync(request: new string('b', 64)), "{}");
        Assert.Equal(0, (await store.CountUnresolvedAsync()).Count);
        Assert.Null((await store.CountUnresolvedAsync()).Oldest);
        Assert.Empty(await store.ListUnresolvedAsync(10));

        await Store.SuspendAsync(first);
        await Store.SuspendAsync(second);

        IReadOnlyList<RequestInDoubt> listed = await store.ListUnresolvedAsync(10);
        Assert.Equal(["another", "buyer"], listed.Select(each => each.Tenant).Order(StringComparer.Ordinal));
        RequestInDoubt one = listed.Single(each => each.Tenant == "buyer");
        Assert.Equal((Request[..16], "task_1"), (one.Request, one.TaskId));
        Assert.Single(await store.ListUnresolvedAsync(1));
        RequestsInDoubt counted = await store.CountUnresolvedAsync();
        Assert.Equal((2, listed[0].BegunAt), (counted.Count, counted.Oldest));
    }

    [Fact]
    public async Task A_request_is_resolved_by_hand_once()
    {
        IUnresolvedRequestStore store = (IUnresolvedRequestStore)Store;
        IdempotencyClaim committed = await ClaimAsync();
        Assert.False(await store.ResolveAsync("buyer", Request, "{}"));
        await Store.SuspendAsync(committed);
        string id = Assert.Single(await store.ListUnresolvedAsync(10)).Id;

        Assert.False(await store.ResolveAsync("another", id, "{}"));
        Assert.False(await store.ResolveAsync("buyer", new string('f', 64), "{}"));
        Assert.True(await store.ResolveAsync("buyer", id, """{"by":"hand"}"""));

        Assert.False(await store.ResolveAsync("buyer", id, null));
        Assert.False(await Store.CompleteAsync(committed, """{"by":"a slow process"}"""));
        IdempotencyClaim answered = await ClaimAsync();
        Assert.Equal((IdempotencyClaimStatus.Answered, """{"by":"hand"}"""), (answered.Status, answered.Answer));
        Assert.Empty(await store.ListUnresolvedAsync(10));
    }

    [Fact]
    public async Task A_request_that_is_resolved_as_not_committed_is_new()
    {
        IUnresolvedRequestStore store = (IUnresolvedRequestStore)Store;
        IdempotencyClaim claim = await ClaimAsync();
        await Store.SuspendAsync(claim);

        Assert.True(await store.ResolveAsync("buyer", Assert.Single(await store.ListUnresolvedAsync(10)).Id, null));

        Assert.False(await Store.CompleteAsync(claim, "{}"));
        Assert.Equal(IdempotencyClaimStatus.Owned, (await ClaimAsync(AskedElse)).Status);
    }

    [Fact]
    public async Task Tenants_and_requests_are_apart()
    {
        Assert.True(await Store.CompleteAsync(await ClaimAsync(), "{}"));
        Assert.Equal(IdempotencyClaimStatus.Owned, (await ClaimAsync(tenant: "another")).Status);
        Assert.Equal(IdempotencyClaimStatus.Owned, (await ClaimAsync(request: new string('b', 64))).Status);
    }

    [Fact]
    public async Task A_request_that_failed_is_as_if_it_was_never_made()
    {
        IdempotencyClaim claim = await ClaimAsync();
        Assert.True(await Store.ReleaseAsync(claim));
        Assert.False(await Store.CompleteAsync(claim, "{}"));
        IdempotencyClaim next = await ClaimAsync(AskedElse);
        Assert.Equal(IdempotencyClaimStatus.Owned, next.Status);
        Assert.False(await Store.ReleaseAsync(claim));
        Assert.True(await Store.CompleteAsync(next, "{}"));
    }

    [Fact]
    public async Task A_claim_that_lapsed_is_unresolved_and_its_owner_can_do_nothing_more()
    {
        IdempotencyClaim dead = await ClaimAsync();
        await AdvanceAsync(Lease - TimeSpan.FromSeconds(30));
        IdempotencyClaim waiting = await ClaimAsync();
        await AdvanceAsync(TimeSpan.FromSeconds(30));

        IdempotencyClaim next = await ClaimAsync();

        Assert.Equal(IdempotencyClaimStatus.InFlight, waiting.Status);
        Assert.InRange(waiting.Wait, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));
        Assert.Equal((IdempotencyClaimStatus.Unresolved, dead.Fence), (next.Status, next.EarlierFence));
        Assert.Equal(IdempotencyClaimStatus.InFlight, (await ClaimAsync()).Status);
        Assert.False(await Store.CompleteAsync(dead, "\"dead\""));
        Assert.False(await Store.ReleaseAsync(dead));
        Assert.True(await Store.CompleteAsync(next, "\"next\""));
        Assert.Equal("\"next\"", (await ClaimAsync()).Answer);
    }

    [Fact]
    public async Task An_unresolved_request_is_never_forgotten_and_other_content_is_a_conflict()
    {
        await ClaimAsync();
        await AdvanceAsync(TimeSpan.FromDays(400));
        if (Store is IExpiringStore expiring)
        {
            Assert.Equal(0, await expiring.PurgeAsync());
        }

        Assert.Equal(IdempotencyClaimStatus.Conflict, (await ClaimAsync(AskedElse)).Status);
        Assert.Equal(IdempotencyClaimStatus.Unresolved, (await ClaimAsync()).Status);
    }

    [Fact]
    public async Task A_suspended_claim_is_unresolved_at_once_with_the_task_that_it_noted()
    {
        IdempotencyClaim claim = await ClaimAsync();
        Assert.True(await Store.NoteTaskAsync(claim, "task_1"));

        Assert.True(await Store.SuspendAsync(claim));

        IdempotencyClaim next = await ClaimAsync();
        Assert.Equal((IdempotencyClaimStatus.Unresolved, "task_1"), (next.Status, next.TaskId));
        Assert.True(await Store.ReleaseAsync(next));
        Assert.Equal(IdempotencyClaimStatus.Owned, (await ClaimAsync(AskedElse)).Status);
    }

    [Fact]
    public async Task A_request_that_was_taken_over_in_vain_returns_to_its_first_owner()
    {
        IdempotencyClaim slow = await ClaimAsync();
        await AdvanceAsync(Lease);
        IdempotencyClaim asking = await ClaimAsync();

        Assert.True(await Store.SuspendAsync(asking));

        Assert.True(await Store.CompleteAsync(slow, "{}"));
        Assert.Equal(IdempotencyClaimStatus.Answered, (await ClaimAsync()).Status);
    }

    [Fact]
    public async Task A_request_is_known_from_its_claim_to_its_release()
    {
        Assert.False(await Store.IsKnownAsync("buyer", Request));
        IdempotencyClaim claim = await ClaimAsync();
        Assert.True(await Store.IsKnownAsync("buyer", Request));
        Assert.False(await Store.IsKnownAsync("another", Request));
        Assert.True(await Store.ReleaseAsync(claim));
        Assert.False(await Store.IsKnownAsync("buyer", Request));
    }

    [Fact]
    public async Task A_claim_that_lapsed_and_nobody_took_is_still_its_owners_to_complete()
    {
        IdempotencyClaim slow = await ClaimAsync();
        await AdvanceAsync(2 * Lease);
        Assert.True(await Store.CompleteAsync(slow, "{}"));
        Assert.Equal(IdempotencyClaimStatus.Answered, (await ClaimAsync()).Status);
    }

    [Fact]
    public async Task A_renewed_claim_holds_for_another_lease_and_a_lost_one_cannot_be_renewed()
    {
        IdempotencyClaim claim = await ClaimAsync();
        await AdvanceAsync(Lease - TimeSpan.FromSeconds(30));

        bool renewed = await Store.RenewAsync(claim, Lease);
        await AdvanceAsync(Lease - TimeSpan.FromSeconds(30));

        Assert.True(renewed);
        Assert.Equal(IdempotencyClaimStatus.InFlight, (await ClaimAsync()).Status);
        await AdvanceAsync(TimeSpan.FromSeconds(30));
        IdempotencyClaim next = await ClaimAsync();
        Assert.Equal(IdempotencyClaimStatus.Unresolved, next.Status);
        Assert.False(await Store.RenewAsync(claim, Lease));
        Assert.True(await Store.CompleteAsync(next, "{}"));
        Assert.False(await Store.RenewAsync(next, Lease));
    }

    [Fact]
    public async Task An_answer_that_was_kept_can_be_kept_again_because_the_first_word_of_it_may_be_lost()
    {
        IdempotencyClaim claim = await ClaimAsync();
        Assert.True(await Store.CompleteAsync(claim, "{}"));

        Assert.True(await Store.CompleteAsync(claim, "{}"));
        Assert.False(await Store.CompleteAsync(claim, "{\"other\":1}"));
        Assert.Equal("{}", (await ClaimAsync()).Answer);
    }

    [Fact]
    public async Task An_answer_is_given_for_its_time_and_a_minute_and_then_refused_for_whatever_is_asked()
    {
        Assert.Equal(TimeSpan.FromHours(24), Store.ReplayTimeToLive);
        Assert.True(await Store.CompleteAsync(await ClaimAsync(), "{}"));
        await AdvanceAsync(TimeSpan.FromHours(24) + TimeSpan.FromSeconds(30));
        Assert.Equal(IdempotencyClaimStatus.Answered, (await ClaimAsync()).Status);
        await AdvanceAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(IdempotencyClaimStatus.Expired, (await ClaimAsync()).Status);
        Assert.Equal(IdempotencyClaimStatus.Expired, (await ClaimAsync(AskedElse)).Status);
    }

    [Fact]
    public async Task Of_claims_that_race_one_owns_the_request()
    {
        for (int round = 0; round < 8; round++)
        {
            string request = round.ToString("x64", null);
            IdempotencyClaim[] claims = await Task.WhenAll(Enumerable.Range(0, 8)
                .Select(i => Task.Run(() => ClaimAsync(i % 2 == 0 ? Asked : AskedElse, request: request).AsTask())));
            IdempotencyClaim owner = Assert.Single(claims, claim => claim.Status == IdempotencyClaimStatus.Owned);
            Assert.Equal(3, claims.Count(claim => claim.Status == IdempotencyClaimStatus.InFlight));
            Assert.Equal(4, claims.Count(claim => claim.Status == IdempotencyClaimStatus.Conflict));
            Assert.True(await Store.CompleteAsync(owner, "{}"));
        }
    }

    [Fact]
    public void Bad_options_are_refused_by_name()
    {
        Assert.Equal("ReplayTimeToLive",
            Assert.Throws<ArgumentOutOfRangeException>(() =>
                new IdempotencyStoreOptions { ReplayTimeToLive = TimeSpan.FromMinutes(59) }).ParamName);
        Assert.Equal("ReplayTimeToLive",
            Assert.Throws<ArgumentOutOfRangeException>(() =>
                new IdempotencyStoreOptions { ReplayTimeToLive = TimeSpan.FromDays(8) }).ParamName);
        Assert.Equal("ReplayTimeToLive",
            Assert.Throws<ArgumentOutOfRangeException>(() =>
                new IdempotencyStoreOptions { ReplayTimeToLive = TimeSpan.FromHours(1.0001) }).ParamName);
        Assert.Equal("ExpiredTimeToLive",
            Assert.Throws<ArgumentOutOfRangeException>(() => new IdempotencyStoreOptions { ExpiredTimeToLive = TimeSpan.Zero }).ParamName);
        Assert.Throws<ArgumentNullException>(() => new IdempotencyStoreOptions { TimeProvider = null! });
        Assert.Equal("Secrets",
            Assert.Throws<ArgumentException>(() => new IdempotencyStoreOptions { Secrets = SecretsAtRest.KeptOut }).ParamName);
    }
}
