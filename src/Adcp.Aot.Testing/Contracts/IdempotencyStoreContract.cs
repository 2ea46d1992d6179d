using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Testing;

/// <summary>
/// The contract of <see cref="IIdempotencyStore"/>, and of <see cref="IUnresolvedRequestStore"/> if the store implements it. Derive a test
/// class from it, and call <see cref="CheckAsync"/> in a test for each name in <see cref="Rules"/> and <see cref="UnresolvedRules"/>. Use
/// one instance and one empty store for each rule.
/// </summary>
public abstract class IdempotencyStoreContract
{
    private const string Tenant = "buyer";

    private static readonly string Request = new('a', 64);
    private static readonly string Asked = new('1', 64);
    private static readonly string AskedElse = new('2', 64);
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(3);

    private static readonly RuleTable<IdempotencyStoreContract> Table = new(
        nameof(IIdempotencyStore),
        new("The first claim owns the request and every later one gets its answer", static (c, token) => c.OwnedOnceAsync(token)),
        new("Tenants and requests are apart", static (c, token) => c.ApartAsync(token)),
        new("A released request is new", static (c, token) => c.ReleasedAsync(token)),
        new("A lapsed claim is unresolved and gives no right once it is taken over", static (c, token) => c.LapsedAsync(token)),
        new("An unresolved request is never forgotten and other content is a conflict", static (c, token) => c.KeptAsync(token)),
        new("A suspended claim is unresolved at once and keeps its noted task", static (c, token) => c.SuspendedAsync(token)),
        new("A request that was taken over in vain returns to its first owner", static (c, token) => c.ReturnedAsync(token)),
        new("A request is known from its claim to its release", static (c, token) => c.KnownAsync(token)),
        new("A lapsed claim that was not taken over can be completed", static (c, token) => c.StillOwnedAsync(token)),
        new("A renewed claim holds for another lease and a lost one cannot be renewed", static (c, token) => c.RenewedAsync(token)),
        new("The same answer can be kept again and another one cannot", static (c, token) => c.RepeatedAsync(token)),
        new("An answer is repeated for its time and a minute and the request is then expired", static (c, token) => c.ExpiredAsync(token)),
        new("Of many claims at a time one owns the request", static (c, token) => c.RaceAsync(token)));

    private static readonly RuleTable<IdempotencyStoreContract> UnresolvedTable = new(
        nameof(IUnresolvedRequestStore),
        new("Unresolved requests are listed when no process holds them", static (c, token) => c.ListedAsync(token)),
        new("An unresolved request is resolved once", static (c, token) => c.ResolvedOnceAsync(token)),
        new("A request that is resolved without an answer is new", static (c, token) => c.ForgottenAsync(token)));

    /// <summary>Gets the names of the rules of <see cref="IIdempotencyStore"/>, each a sentence.</summary>
    public static IReadOnlyList<string> Rules => Table.Names;

    /// <summary>Gets the names of the rules of <see cref="IUnresolvedRequestStore"/>, each a sentence.</summary>
    public static IReadOnlyList<string> UnresolvedRules => UnresolvedTable.Names;

    /// <summary>Checks a rule.</summary>
    /// <param name="rule">The name of the rule.</param>
    /// <param name="cancellationToken">Ends the check. It is passed to the store.</param>
    /// <exception cref="ArgumentException">
    /// <paramref name="rule"/> is neither in <see cref="Rules"/> nor in <see cref="UnresolvedRules"/>.
    /// </exception>
    /// <exception cref="ContractException">The store breaks the rule.</exception>
    public Task CheckAsync(string rule, CancellationToken cancellationToken = default) =>
        (UnresolvedRules.Contains(rule) ? UnresolvedTable : Table).CheckAsync(this, rule, cancellationToken);

    /// <summary>
    /// Opens the store, as another process would: a later call opens the same requests. A store in memory returns the same instance.
    /// The derived class disposes the stores after the check; the contract does not.
    /// </summary>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask<IIdempotencyStore> OpenAsync(CancellationToken cancellationToken);

    /// <summary>Lets time pass for the store: moves its clock, or the times in its database.</summary>
    /// <param name="time">The time that passes.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken);

    private async ValueTask<IdempotencyClaim> ClaimAsync(
        CancellationToken token, string? fingerprint = null, string tenant = Tenant, string? request = null) =>
        await (await OpenAsync(token)).ClaimAsync(tenant, request ?? Request, fingerprint ?? Asked, Lease, token);

    private async ValueTask<IUnresolvedRequestStore> OpenUnresolvedAsync(CancellationToken token) =>
        await OpenAsync(token) as IUnresolvedRequestStore
        ?? throw new UnmetException($"The store does not implement {nameof(IUnresolvedRequestStore)}.");

    private async Task OwnedOnceAsync(CancellationToken token)
    {
        IIdempotencyStore store = await OpenAsync(token);
        IdempotencyClaim claim = await ClaimAsync(token);
        Expect.Equal(IdempotencyClaimStatus.Owned, claim.Status);
        Expect.Equal(IdempotencyClaimStatus.InFlight, (await ClaimAsync(token)).Status);
        Expect.Equal(IdempotencyClaimStatus.Conflict, (await ClaimAsync(token, AskedElse)).Status);
        const string Answer = """{"body":{"k":[1e0,"\u0000 😀 '"]}}""";
        Expect.True(await store.CompleteAsync(claim, Answer, token));
        IdempotencyClaim again = await ClaimAsync(token);
        Expect.Equal((IdempotencyClaimStatus.Answered, Answer), (again.Status, again.Answer));
        IdempotencyClaim other = await ClaimAsync(token, AskedElse);
        Expect.Equal((IdempotencyClaimStatus.Conflict, null), (other.Status, other.Answer));
        Expect.False(await store.CompleteAsync(claim, "{}", token));
        Expect.False(await store.ReleaseAsync(claim, token));
        Expect.Equal(Answer, (await ClaimAsync(token)).Answer);
    }

    private async Task ListedAsync(CancellationToken token)
    {
        IIdempotencyStore store = await OpenAsync(token);
        IUnresolvedRequestStore unresolved = await OpenUnresolvedAsync(token);
        IdempotencyClaim first = await ClaimAsync(token);
        await store.NoteTaskAsync(first, "task_1", token);
        IdempotencyClaim second = await ClaimAsync(token, tenant: "another");
        await store.CompleteAsync(await ClaimAsync(token, request: new string('b', 64)), "{}", token);
        Expect.Equal(0, (await unresolved.CountUnresolvedAsync(token)).Count);
        Expect.Null((await unresolved.CountUnresolvedAsync(token)).Oldest);
        Expect.Empty(await unresolved.ListUnresolvedAsync(10, token));

        await store.SuspendAsync(first, token);
        await store.SuspendAsync(second, token);

        IReadOnlyList<RequestInDoubt> listed = await unresolved.ListUnresolvedAsync(10, token);
        Expect.Sequence(["another", "buyer"], listed.Select(each => each.Tenant).Order(StringComparer.Ordinal));
        RequestInDoubt one = Expect.Single(listed.Where(each => each.Tenant == Tenant));
        Expect.Equal((Request[..16], "task_1"), (one.Request, one.TaskId));
        Expect.Single(await unresolved.ListUnresolvedAsync(1, token));
        RequestsInDoubt counted = await unresolved.CountUnresolvedAsync(token);
        Expect.Equal((2, listed[0].BegunAt), (counted.Count, counted.Oldest));
    }

    private async Task ResolvedOnceAsync(CancellationToken token)
    {
        IIdempotencyStore store = await OpenAsync(token);
        IUnresolvedRequestStore unresolved = await OpenUnresolvedAsync(token);
        IdempotencyClaim committed = await ClaimAsync(token);
        Expect.False(await unresolved.ResolveAsync(Tenant, Request, "{}", token));
        await store.SuspendAsync(committed, token);
        string id = Expect.Single(await unresolved.ListUnresolvedAsync(10, token)).Id;

        Expect.False(await unresolved.ResolveAsync("another", id, "{}", token));
        Expect.False(await unresolved.ResolveAsync(Tenant, new string('f', 64), "{}", token));
        Expect.True(await unresolved.ResolveAsync(Tenant, id, """{"by":"hand"}""", token));

        Expect.False(await unresolved.ResolveAsync(Tenant, id, null, token));
        Expect.False(await store.CompleteAsync(committed, """{"by":"a slow process"}""", token));
        IdempotencyClaim answered = await ClaimAsync(token);
        Expect.Equal((IdempotencyClaimStatus.Answered, """{"by":"hand"}"""), (answered.Status, answered.Answer));
        Expect.Empty(await unresolved.ListUnresolvedAsync(10, token));
    }

    private async Task ForgottenAsync(CancellationToken token)
    {
        IIdempotencyStore store = await OpenAsync(token);
        IUnresolvedRequestStore unresolved = await OpenUnresolvedAsync(token);
        IdempotencyClaim claim = await ClaimAsync(token);
        await store.SuspendAsync(claim, token);

        Expect.True(await unresolved.ResolveAsync(Tenant, Expect.Single(await unresolved.ListUnresolvedAsync(10, token)).Id, null, token));

        Expect.False(await store.CompleteAsync(claim, "{}", token));
        Expect.Equal(IdempotencyClaimStatus.Owned, (await ClaimAsync(token, AskedElse)).Status);
    }

    private async Task ApartAsync(CancellationToken token)
    {
        IIdempotencyStore store = await OpenAsync(token);
        Expect.True(await store.CompleteAsync(await ClaimAsync(token), "{}", token));
        Expect.Equal(IdempotencyClaimStatus.Owned, (await ClaimAsync(token, tenant: "another")).Status);
        Expect.Equal(IdempotencyClaimStatus.Owned, (await ClaimAsync(token, request: new string('b', 64))).Status);
    }

    private async Task ReleasedAsync(CancellationToken token)
    {
        IIdempotencyStore store = await OpenAsync(token);
        IdempotencyClaim claim = await ClaimAsync(token);
        Expect.True(await store.ReleaseAsync(claim, token));
        Expect.False(await store.CompleteAsync(claim, "{}", token));
        IdempotencyClaim next = await ClaimAsync(token, AskedElse);
        Expect.Equal(IdempotencyClaimStatus.Owned, next.Status);
        Expect.False(await store.ReleaseAsync(claim, token));
        Expect.True(await store.CompleteAsync(next, "{}", token));
    }

    private async Task LapsedAsync(CancellationToken token)
    {
        IIdempotencyStore store = await OpenAsync(token);
        IdempotencyClaim dead = await ClaimAsync(token);
        await AdvanceAsync(Lease - TimeSpan.FromSeconds(30), token);
        IdempotencyClaim waiting = await ClaimAsync(token);
        await AdvanceAsync(TimeSpan.FromSeconds(30), token);

        IdempotencyClaim next = await ClaimAsync(token);

        Expect.Equal(IdempotencyClaimStatus.InFlight, waiting.Status);
        Expect.InRange(waiting.Wait, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));
        Expect.Equal((IdempotencyClaimStatus.Unresolved, dead.Fence), (next.Status, next.EarlierFence));
        Expect.Equal(IdempotencyClaimStatus.InFlight, (await ClaimAsync(token)).Status);
        Expect.False(await store.CompleteAsync(dead, "\"dead\"", token));
        Expect.False(await store.ReleaseAsync(dead, token));
        Expect.True(await store.CompleteAsync(next, "\"next\"", token));
        Expect.Equal("\"next\"", (await ClaimAsync(token)).Answer);
    }

    private async Task KeptAsync(CancellationToken token)
    {
        IIdempotencyStore store = await OpenAsync(token);
        await ClaimAsync(token);
        await AdvanceAsync(TimeSpan.FromDays(400), token);
        if (store is IExpiringStore expiring)
        {
            Expect.Equal(0, await expiring.PurgeAsync(token));
        }

        Expect.Equal(IdempotencyClaimStatus.Conflict, (await ClaimAsync(token, AskedElse)).Status);
        Expect.Equal(IdempotencyClaimStatus.Unresolved, (await ClaimAsync(token)).Status);
    }

    private async Task SuspendedAsync(CancellationToken token)
    {
        IIdempotencyStore store = await OpenAsync(token);
        IdempotencyClaim claim = await ClaimAsync(token);
        Expect.True(await store.NoteTaskAsync(claim, "task_1", token));

        Expect.True(await store.SuspendAsync(claim, token));

        IdempotencyClaim next = await ClaimAsync(token);
        Expect.Equal((IdempotencyClaimStatus.Unresolved, "task_1"), (next.Status, next.TaskId));
        Expect.True(await store.ReleaseAsync(next, token));
        Expect.Equal(IdempotencyClaimStatus.Owned, (await ClaimAsync(token, AskedElse)).Status);
    }

    private async Task ReturnedAsync(CancellationToken token)
    {
        IIdempotencyStore store = await OpenAsync(token);
        IdempotencyClaim slow = await ClaimAsync(token);
        await AdvanceAsync(Lease, token);
        IdempotencyClaim asking = await ClaimAsync(token);

        Expect.True(await store.SuspendAsync(asking, token));

        Expect.True(await store.CompleteAsync(slow, "{}", token));
        Expect.Equal(IdempotencyClaimStatus.Answered, (await ClaimAsync(token)).Status);
    }

    private async Task KnownAsync(CancellationToken token)
    {
        IIdempotencyStore store = await OpenAsync(token);
        Expect.False(await store.IsKnownAsync(Tenant, Request, token));
        IdempotencyClaim claim = await ClaimAsync(token);
        Expect.True(await store.IsKnownAsync(Tenant, Request, token));
        Expect.False(await store.IsKnownAsync("another", Request, token));
        Expect.True(await store.ReleaseAsync(claim, token));
        Expect.False(await store.IsKnownAsync(Tenant, Request, token));
    }

    private async Task StillOwnedAsync(CancellationToken token)
    {
        IIdempotencyStore store = await OpenAsync(token);
        IdempotencyClaim slow = await ClaimAsync(token);
        await AdvanceAsync(2 * Lease, token);
        Expect.True(await store.CompleteAsync(slow, "{}", token));
        Expect.Equal(IdempotencyClaimStatus.Answered, (await ClaimAsync(token)).Status);
    }

    private async Task RenewedAsync(CancellationToken token)
    {
        IIdempotencyStore store = await OpenAsync(token);
        IdempotencyClaim claim = await ClaimAsync(token);
        await AdvanceAsync(Lease - TimeSpan.FromSeconds(30), token);

        bool renewed = await store.RenewAsync(claim, Lease, token);
        await AdvanceAsync(Lease - TimeSpan.FromSeconds(30), token);

        Expect.True(renewed);
        Expect.Equal(IdempotencyClaimStatus.InFlight, (await ClaimAsync(token)).Status);
        await AdvanceAsync(TimeSpan.FromSeconds(30), token);
        IdempotencyClaim next = await ClaimAsync(token);
        Expect.Equal(IdempotencyClaimStatus.Unresolved, next.Status);
        Expect.False(await store.RenewAsync(claim, Lease, token));
        Expect.True(await store.CompleteAsync(next, "{}", token));
        Expect.False(await store.RenewAsync(next, Lease, token));
    }

    private async Task RepeatedAsync(CancellationToken token)
    {
        IIdempotencyStore store = await OpenAsync(token);
        IdempotencyClaim claim = await ClaimAsync(token);
        Expect.True(await store.CompleteAsync(claim, "{}", token));

        Expect.True(await store.CompleteAsync(claim, "{}", token));
        Expect.False(await store.CompleteAsync(claim, "{\"other\":1}", token));
        Expect.Equal("{}", (await ClaimAsync(token)).Answer);
    }

    private async Task ExpiredAsync(CancellationToken token)
    {
        IIdempotencyStore store = await OpenAsync(token);
        Expect.InRange(store.ReplayTimeToLive, TimeSpan.FromHours(1), TimeSpan.FromDays(7));
        Expect.True(await store.CompleteAsync(await ClaimAsync(token), "{}", token));
        await AdvanceAsync(store.ReplayTimeToLive + TimeSpan.FromSeconds(30), token);
        Expect.Equal(IdempotencyClaimStatus.Answered, (await ClaimAsync(token)).Status);
        await AdvanceAsync(TimeSpan.FromSeconds(30), token);
        Expect.Equal(IdempotencyClaimStatus.Expired, (await ClaimAsync(token)).Status);
        Expect.Equal(IdempotencyClaimStatus.Expired, (await ClaimAsync(token, AskedElse)).Status);
    }

    private async Task RaceAsync(CancellationToken token)
    {
        IIdempotencyStore store = await OpenAsync(token);
        for (int round = 0; round < 8; round++)
        {
            string request = round.ToString("x64", null);
            IdempotencyClaim[] claims = await Task.WhenAll(Enumerable.Range(0, 8)
                .Select(i => Task.Run(() => ClaimAsync(token, i % 2 == 0 ? Asked : AskedElse, request: request).AsTask())));
            IdempotencyClaim owner = Expect.Single(claims.Where(static claim => claim.Status == IdempotencyClaimStatus.Owned));
            Expect.Equal(3, claims.Count(claim => claim.Status == IdempotencyClaimStatus.InFlight));
            Expect.Equal(4, claims.Count(claim => claim.Status == IdempotencyClaimStatus.Conflict));
            Expect.True(await store.CompleteAsync(owner, "{}", token));
        }
    }
}
