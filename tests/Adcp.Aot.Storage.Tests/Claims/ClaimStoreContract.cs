using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Receiving;
using CsCheck;

namespace Adcp.Aot.Storage.Tests.Claims;

/// <summary>The contract of a claim store, for each of ours.</summary>
public abstract class ClaimStoreContract : IAsyncLifetime
{
    private protected static readonly TimeSpan Lease = TimeSpan.FromHours(1);
    private protected static readonly TimeSpan Retention = TimeSpan.FromHours(24);
    private protected const string Key = "whk_0123456789abcdef";

    /// <summary>Names that a careless column, comparison or encoding would mix up.</summary>
    private protected static readonly string[] HostileNames =
    [
        "", "a", "A", "a ", " a", "ä", "a\u0308", "\\", "'", "' OR '1'='1", "%", "@sender", "?", "{0}", "\u0000", "\n", "\ud800", "\udc00",
        "😀", new string('x', 255), new string('x', 256), new string('x', 300) + "1", new string('x', 300) + "2", new string('ä', 200),
        "sha256:", "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.Unicode.GetBytes(new string('x', 256)))),
    ];

    [Fact]
    public async Task New_key_is_owned_once_and_completed_one_stays_completed()
    {
        IWebhookClaimStore store = Open();

        WebhookClaim claim = await Claim(store);

        Assert.Equal(ClaimStatus.Owned, claim.Status);
        Assert.NotEqual(0, claim.Owner);
        Assert.Equal(ClaimStatus.InProgress, (await Claim(store)).Status);
        Assert.True(await store.CompleteAsync(claim, default));
        Assert.Equal(ClaimStatus.Completed, (await Claim(store)).Status);
        Assert.False(await store.ReleaseAsync(claim, default));
        Assert.False(await store.RenewAsync(claim, Lease, default));
        Assert.Equal(ClaimStatus.Completed, (await Claim(store)).Status);
    }

    [Fact]
    public async Task Call_that_succeeded_succeeds_again_since_its_answer_may_have_been_lost()
    {
        IWebhookClaimStore store = Open();
        WebhookClaim released = await Claim(store, key: Key + "1");
        WebhookClaim completed = await Claim(store, key: Key + "2");

        for (int i = 0; i < 2; i++)
        {
            Assert.True(await store.ReleaseAsync(released, default));
            Assert.True(await store.CompleteAsync(completed, default));
        }

        Assert.False(await store.CompleteAsync(released, default));
        Assert.False(await store.RenewAsync(released, Lease, default));
        Assert.Equal(ClaimStatus.Owned, (await Claim(store, key: Key + "1")).Status);
        Assert.False(await store.ReleaseAsync(released, default));
        Assert.Equal(ClaimStatus.InProgress, (await Claim(store, key: Key + "1")).Status);
    }

    [Fact]
    public async Task Another_payload_under_the_key_is_a_conflict_whatever_became_of_the_first()
    {
        IWebhookClaimStore store = Open();
        WebhookClaim claim = await Claim(store);
        Assert.Equal(ClaimStatus.Conflict, (await Claim(store, payload: "other")).Status);
        Assert.True(await store.ReleaseAsync(claim, default));
        Assert.Equal(ClaimStatus.Conflict, (await Claim(store, payload: "other")).Status);
        claim = await Claim(store);
        Assert.Equal(ClaimStatus.Owned, claim.Status);
        Assert.True(await store.CompleteAsync(claim, default));
        Assert.Equal(ClaimStatus.Conflict, (await Claim(store, payload: "other")).Status);
    }

    [Fact]
    public async Task Senders_and_keys_that_look_alike_do_not_meet()
    {
        IWebhookClaimStore store = Open();
        foreach (string name in HostileNames)
        {
            WebhookClaim bySender = await Claim(store, sender: name, payload: name);
            WebhookClaim byKey = await Claim(store, sender: "keys", key: name, payload: name);

            Assert.Equal((ClaimStatus.Owned, ClaimStatus.Owned), (bySender.Status, byKey.Status));
            Assert.Equal((name, name), (bySender.Sender, byKey.IdempotencyKey));
        }

        foreach (string name in HostileNames)
        {
            Assert.Equal(ClaimStatus.InProgress, (await Claim(store, sender: name, payload: name)).Status);
            Assert.Equal(ClaimStatus.InProgress, (await Claim(store, sender: "keys", key: name, payload: name)).Status);
        }
    }

    [Fact]
    public async Task Owner_of_a_lapsed_claim_can_do_nothing_with_it()
    {
        IWebhookClaimStore store = Open();
        WebhookClaim first = await Claim(store);
        await AdvanceAsync(Lease);
        Assert.False(await store.RenewAsync(first, Lease, default));
        Assert.False(await store.CompleteAsync(first, default));

        WebhookClaim second = await Claim(store);

        Assert.Equal(ClaimStatus.Owned, second.Status);
        Assert.False(await store.CompleteAsync(first, default));
        Assert.False(await store.ReleaseAsync(first, default));
        Assert.Equal(ClaimStatus.InProgress, (await Claim(store)).Status);
        Assert.True(await store.CompleteAsync(second, default));
    }

    [Fact]
    public async Task Renewed_claim_holds()
    {
        IWebhookClaimStore store = Open();
        WebhookClaim claim = await Claim(store);
        for (int i = 0; i < 10; i++)
        {
            await AdvanceAsync(Lease * 0.9);
            Assert.True(await store.RenewAsync(claim, Lease, default));
            Assert.Equal(ClaimStatus.InProgress, (await Claim(store)).Status);
        }

        Assert.True(await store.CompleteAsync(claim, default));
    }

    [Fact]
    public async Task Key_is_remembered_from_its_first_acceptance_and_no_retry_extends_that()
    {
        IWebhookClaimStore store = Open();
        Assert.True(await store.CompleteAsync(await Claim(store), default));
        for (int hour = 0; hour < 23; hour++)
        {
            await AdvanceAsync(TimeSpan.FromHours(1));
            Assert.Equal(ClaimStatus.Completed, (await Claim(store)).Status);
        }

        await AdvanceAsync(TimeSpan.FromHours(1));

        WebhookClaim anew = await Claim(store, payload: "other");
        Assert.Equal(ClaimStatus.Owned, anew.Status);
        Assert.Equal(ClaimStatus.Conflict, (await Claim(store)).Status);
        Assert.True(await store.CompleteAsync(anew, default));
    }

    [Fact]
    public async Task Key_whose_time_is_over_but_which_is_being_processed_stays()
    {
        IWebhookClaimStore store = Open();
        WebhookClaim claim = await store.ClaimAsync("s", Key, Fingerprint("p"), TimeSpan.FromHours(2), TimeSpan.FromHours(1), default);
        await AdvanceAsync(TimeSpan.FromMinutes(90));
        if (store is Storage.IExpiringStore expiring)
        {
            Assert.Equal(0, await expiring.PurgeAsync());
        }

        Assert.Equal(
            ClaimStatus.InProgress, (await store.ClaimAsync("s", Key, Fingerprint("p"), Lease, Retention, default)).Status);
        Assert.True(await store.CompleteAsync(claim, default));
    }

    [Fact]
    public async Task Sender_has_a_bounded_number_of_keys_and_gets_room_back_by_time_only()
    {
        IWebhookClaimStore store = Open(maxKeysPerSender: 3);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(ClaimStatus.Owned, (await Claim(store, key: Key + i)).Status);
        }

        Assert.Equal(ClaimStatus.SenderFull, (await Claim(store, key: Key + "x")).Status);
        Assert.Equal(ClaimStatus.InProgress, (await Claim(store, key: Key + "0")).Status);
        Assert.Equal(ClaimStatus.Conflict, (await Claim(store, key: Key + "0", payload: "other")).Status);
        Assert.Equal(ClaimStatus.Owned, (await Claim(store, sender: "https://other.example")).Status);

        await AdvanceAsync(Retention);

        Assert.Equal(ClaimStatus.Owned, (await Claim(store, key: Key + "x")).Status);
    }

    [Fact]
    public async Task Of_many_at_a_time_one_owns_the_key()
    {
        IWebhookClaimStore store = Open();
        for (int round = 0; round < 10; round++)
        {
            ConcurrentBag<ClaimStatus> seen = [];
            await Parallel.ForAsync(
                0,
                16,
                new ParallelOptions { MaxDegreeOfParallelism = 16 },
                async (_, _) => seen.Add((await Claim(store, key: Key + round)).Status));
            Assert.Equal(1, seen.Count(s => s == ClaimStatus.Owned));
            Assert.Equal(15, seen.Count(s => s == ClaimStatus.InProgress));
        }
    }

    // Compares the store with a simple model of its contract, over random sequences of calls and passing time.
    [Fact]
    public void Any_sequence_of_calls_does_what_the_contract_says()
    {
        IWebhookClaimStore store = Open();
        Gen<(int Action, int Key, int Payload, int Claim, int Minutes)> step =
            Gen.Select(Gen.Int[0, 4], Gen.Int[0, 2], Gen.Int[0, 1], Gen.Int[0, 7], Gen.Int[0, 80]);
        step.Array[1, 40].Sample(
            steps =>
            {
                string scope = Guid.NewGuid().ToString("N");
                Model model = new();
                List<(WebhookClaim Claim, int Key)> claims = [];
                foreach ((int action, int key, int payload, int chosen, int minutes) in steps)
                {
                    if (action == 0)
                    {
                        WebhookClaim claim =
                            Wait(store.ClaimAsync(scope, Key + key, Fingerprint("p" + payload), Lease, Retention, default));
                        Assert.Equal(model.Claim(key, payload, claims.Count), claim.Status);
                        if (claim.Status == ClaimStatus.Owned)
                        {
                            claims.Add((claim, key));
                        }
                    }
                    else if (action == 4)
                    {
                        Wait(AdvanceAsync(TimeSpan.FromMinutes(minutes)));
                        model.Now += TimeSpan.FromMinutes(minutes);
                    }
                    else if (claims.Count > 0)
                    {
                        int index = chosen % claims.Count;
                        (WebhookClaim claim, int of) = claims[index];
                        bool done = Wait(action switch
                        {
                            1 => store.CompleteAsync(claim, default),
                            2 => store.ReleaseAsync(claim, default),
                            _ => store.RenewAsync(claim, Lease, default),
                        });
                        Assert.Equal(model.Settle(of, index, action), done);
                    }
                }
            },
            iter: 30,
            threads: 1);

        static T Wait<T>(ValueTask<T> task) => task.AsTask().GetAwaiter().GetResult();
    }

    public virtual ValueTask InitializeAsync() => default;

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await DropAsync();
    }

    private protected virtual ValueTask DropAsync() => default;

    private protected abstract IWebhookClaimStore Open(int maxKeysPerSender = 1000);

    /// <summary>Lets time pass for stores and their database.</summary>
    /// <returns>Nothing of interest.</returns>
    private protected abstract ValueTask<bool> AdvanceAsync(TimeSpan time);

    private protected static byte[] Fingerprint(string payload) => SHA256.HashData(Encoding.Unicode.GetBytes(payload));

    private protected static ValueTask<WebhookClaim> Claim(
        IWebhookClaimStore store, string key = Key, string sender = "https://seller.example", string payload = "p") =>
        store.ClaimAsync(sender, key, Fingerprint(payload), Lease, Retention, default);

    private sealed class Model
    {
        private readonly Dictionary<int, Binding> _bindings = [];

        public TimeSpan Now { get; set; } = TimeSpan.FromDays(1);

        public ClaimStatus Claim(int key, int payload, int owner)
        {
            Binding? bound = _bindings.GetValueOrDefault(key);
            if (bound is null || (bound.RetainUntil <= Now && bound.LeaseUntil <= Now))
            {
                _bindings[key] = new Binding { Payload = payload, Owner = owner, LeaseUntil = Now + Lease, RetainUntil = Now + Retention };
                return ClaimStatus.Owned;
            }

            ClaimStatus status = bound.Payload != payload ? ClaimStatus.Conflict
                : bound.Completed ? ClaimStatus.Completed
                : bound.LeaseUntil > Now ? ClaimStatus.InProgress
                : ClaimStatus.Owned;
            if (status == ClaimStatus.Owned)
            {
                bound.Owner = owner;
                bound.LeaseUntil = Now + Lease;
            }

            return status;
        }

        /// <param name="key">The key.</param>
        /// <param name="owner">The claim.</param>
        /// <param name="action">1 completes, 2 releases, 3 renews.</param>
        public bool Settle(int key, int owner, int action)
        {
            Binding bound = _bindings[key];
            bool isLeased = bound.LeaseUntil > Now;
            bool done = bound.Owner == owner && action switch
            {
                1 => bound.Completed || isLeased,
                2 => !bound.Completed && (isLeased || bound.LeaseUntil == default),
                _ => !bound.Completed && isLeased,
            };
            if (done)
            {
                bound.Completed = action == 1;
                bound.LeaseUntil = action == 3 ? Now + Lease : default;
            }

            return done;
        }

        private sealed class Binding
        {
            public int Payload { get; init; }

            public TimeSpan RetainUntil { get; init; }

            public bool Completed { get; set; }

            public TimeSpan LeaseUntil { get; set; }

            public int Owner { get; set; }
        }
    }
}
