using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Receiving;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Testing;

/// <summary>
/// The contract of <see cref="IWebhookClaimStore"/>. Derive a test class from it, and call <see cref="CheckAsync"/> in a test for each
/// name in <see cref="Rules"/>. Use one instance and one empty store for each rule.
/// </summary>
public abstract class ClaimStoreContract
{
    private const string Key = "whk_0123456789abcdef";
    private const string Sender = "https://seller.example";
    private const int DefaultKeysPerSender = 1000;
    private const int ModelSeed = 20260418;
    private const int ModelSequences = 30;
    private const int ModelSteps = 40;

    private static readonly TimeSpan Lease = TimeSpan.FromHours(1);
    private static readonly TimeSpan Retention = TimeSpan.FromHours(24);

    private static readonly string[] Actions = ["claim", "complete", "release", "renew"];

    private static readonly RuleTable<ClaimStoreContract> Table = new(
        nameof(IWebhookClaimStore),
        new("A new key is owned once and a completed one stays completed", static (c, token) => c.OwnedOnceAsync(token)),
        new("A call that succeeded succeeds again since its answer may have been lost", static (c, token) => c.RepeatedAsync(token)),
        new("Another payload under a key is a conflict until the retention ends", static (c, token) => c.ConflictAsync(token)),
        new("Senders and keys that look alike are different", static (c, token) => c.LookAlikesAsync(token)),
        new("A claim whose lease has ended gives no right", static (c, token) => c.LapsedAsync(token)),
        new("A renewed claim holds", static (c, token) => c.RenewedAsync(token)),
        new("A key is kept from its first acceptance and no retry extends that", static (c, token) => c.RetentionAsync(token)),
        new("A key whose retention has ended is kept while a claim on it holds", static (c, token) => c.HeldAsync(token)),
        new("A sender has a bounded number of keys and only time makes room", static (c, token) => c.BoundedAsync(token)),
        new("Of many claims at a time one owns the key", static (c, token) => c.RaceAsync(token)),
        new("Any sequence of calls gives the results of the model", static (c, token) => c.ModelAsync(token)));

    /// <summary>Gets the names of the rules, each a sentence.</summary>
    public static IReadOnlyList<string> Rules => Table.Names;

    /// <summary>Gets names that a careless column, comparison or encoding would mix up.</summary>
    private static string[] AwkwardNames { get; } =
    [
        "", "a", "A", "a ", " a", "ä", "a\u0308", "\\", "'", "' OR '1'='1", "%", "@sender", "?", "{0}", "\u0000", "\n", "\ud800", "\udc00",
        "😀", new string('x', 255), new string('x', 256), new string('x', 300) + "1", new string('x', 300) + "2", new string('ä', 200),
        "sha256:", "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.Unicode.GetBytes(new string('x', 256)))),
    ];

    /// <summary>Checks a rule.</summary>
    /// <param name="rule">The name of the rule.</param>
    /// <param name="cancellationToken">Ends the check. It is passed to the store.</param>
    /// <exception cref="ArgumentException"><paramref name="rule"/> is not in <see cref="Rules"/>.</exception>
    /// <exception cref="ContractException">The store breaks the rule.</exception>
    public Task CheckAsync(string rule, CancellationToken cancellationToken = default) => Table.CheckAsync(this, rule, cancellationToken);

    /// <summary>
    /// Opens the store, as another process would: a later call opens the same bindings.
    /// The derived class disposes the stores after the check; the contract does not.
    /// </summary>
    /// <param name="maxKeysPerSender">The most keys that the store may bind for a sender.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask<IWebhookClaimStore> OpenAsync(int maxKeysPerSender, CancellationToken cancellationToken);

    /// <summary>Lets time pass for the store: moves its clock, or the times in its database.</summary>
    /// <param name="time">The time that passes.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken);

    private static byte[] Fingerprint(string payload) => SHA256.HashData(Encoding.Unicode.GetBytes(payload));

    private static ValueTask<WebhookClaim> ClaimAsync(
        IWebhookClaimStore store, CancellationToken token, string key = Key, string sender = Sender, string payload = "p") =>
        store.ClaimAsync(sender, key, Fingerprint(payload), Lease, Retention, token);

    private ValueTask<IWebhookClaimStore> OpenAsync(CancellationToken token) =>
        OpenAsync(DefaultKeysPerSender, token);

    private async Task OwnedOnceAsync(CancellationToken token)
    {
        IWebhookClaimStore store = await OpenAsync(token);

        WebhookClaim claim = await ClaimAsync(store, token);

        Expect.Equal(ClaimStatus.Owned, claim.Status);
        Expect.True(claim.Owner != 0);
        Expect.Equal(ClaimStatus.InProgress, (await ClaimAsync(store, token)).Status);
        Expect.True(await store.CompleteAsync(claim, token));
        Expect.Equal(ClaimStatus.Completed, (await ClaimAsync(store, token)).Status);
        Expect.False(await store.ReleaseAsync(claim, token));
        Expect.False(await store.RenewAsync(claim, Lease, token));
        Expect.Equal(ClaimStatus.Completed, (await ClaimAsync(store, token)).Status);
    }

    private async Task RepeatedAsync(CancellationToken token)
    {
        IWebhookClaimStore store = await OpenAsync(token);
        WebhookClaim released = await ClaimAsync(store, token, key: Key + "1");
        WebhookClaim completed = await ClaimAsync(store, token, key: Key + "2");

        for (int i = 0; i < 2; i++)
        {
            Expect.True(await store.ReleaseAsync(released, token));
            Expect.True(await store.CompleteAsync(completed, token));
        }

        Expect.False(await store.CompleteAsync(released, token));
        Expect.False(await store.RenewAsync(released, Lease, token));
        Expect.Equal(ClaimStatus.Owned, (await ClaimAsync(store, token, key: Key + "1")).Status);
        Expect.False(await store.ReleaseAsync(released, token));
        Expect.Equal(ClaimStatus.InProgress, (await ClaimAsync(store, token, key: Key + "1")).Status);
    }

    private async Task ConflictAsync(CancellationToken token)
    {
        IWebhookClaimStore store = await OpenAsync(token);
        WebhookClaim claim = await ClaimAsync(store, token);
        Expect.Equal(ClaimStatus.Conflict, (await ClaimAsync(store, token, payload: "other")).Status);
        Expect.True(await store.ReleaseAsync(claim, token));
        Expect.Equal(ClaimStatus.Conflict, (await ClaimAsync(store, token, payload: "other")).Status);
        claim = await ClaimAsync(store, token);
        Expect.Equal(ClaimStatus.Owned, claim.Status);
        Expect.True(await store.CompleteAsync(claim, token));
        Expect.Equal(ClaimStatus.Conflict, (await ClaimAsync(store, token, payload: "other")).Status);
    }

    private async Task LookAlikesAsync(CancellationToken token)
    {
        IWebhookClaimStore store = await OpenAsync(token);
        foreach (string name in AwkwardNames)
        {
            WebhookClaim bySender = await ClaimAsync(store, token, sender: name, payload: name);
            WebhookClaim byKey = await ClaimAsync(store, token, sender: "keys", key: name, payload: name);

            Expect.Equal((ClaimStatus.Owned, ClaimStatus.Owned), (bySender.Status, byKey.Status));
            Expect.Equal((name, name), (bySender.Sender, byKey.IdempotencyKey));
        }

        foreach (string name in AwkwardNames)
        {
            Expect.Equal(ClaimStatus.InProgress, (await ClaimAsync(store, token, sender: name, payload: name)).Status);
            Expect.Equal(ClaimStatus.InProgress, (await ClaimAsync(store, token, sender: "keys", key: name, payload: name)).Status);
        }
    }

    private async Task LapsedAsync(CancellationToken token)
    {
        IWebhookClaimStore store = await OpenAsync(token);
        WebhookClaim first = await ClaimAsync(store, token);
        await AdvanceAsync(Lease, token);
        Expect.False(await store.RenewAsync(first, Lease, token));
        Expect.False(await store.CompleteAsync(first, token));

        WebhookClaim second = await ClaimAsync(store, token);

        Expect.Equal(ClaimStatus.Owned, second.Status);
        Expect.False(await store.CompleteAsync(first, token));
        Expect.False(await store.ReleaseAsync(first, token));
        Expect.Equal(ClaimStatus.InProgress, (await ClaimAsync(store, token)).Status);
        Expect.True(await store.CompleteAsync(second, token));
    }

    private async Task RenewedAsync(CancellationToken token)
    {
        IWebhookClaimStore store = await OpenAsync(token);
        WebhookClaim claim = await ClaimAsync(store, token);
        for (int i = 0; i < 10; i++)
        {
            await AdvanceAsync(Lease * 0.9, token);
            Expect.True(await store.RenewAsync(claim, Lease, token));
            Expect.Equal(ClaimStatus.InProgress, (await ClaimAsync(store, token)).Status);
        }

        Expect.True(await store.CompleteAsync(claim, token));
    }

    private async Task RetentionAsync(CancellationToken token)
    {
        IWebhookClaimStore store = await OpenAsync(token);
        Expect.True(await store.CompleteAsync(await ClaimAsync(store, token), token));
        for (int hour = 0; hour < 23; hour++)
        {
            await AdvanceAsync(TimeSpan.FromHours(1), token);
            Expect.Equal(ClaimStatus.Completed, (await ClaimAsync(store, token)).Status);
        }

        await AdvanceAsync(TimeSpan.FromHours(1), token);

        WebhookClaim anew = await ClaimAsync(store, token, payload: "other");
        Expect.Equal(ClaimStatus.Owned, anew.Status);
        Expect.Equal(ClaimStatus.Conflict, (await ClaimAsync(store, token)).Status);
        Expect.True(await store.CompleteAsync(anew, token));
    }

    private async Task HeldAsync(CancellationToken token)
    {
        IWebhookClaimStore store = await OpenAsync(token);
        WebhookClaim claim = await store.ClaimAsync("s", Key, Fingerprint("p"), TimeSpan.FromHours(2), TimeSpan.FromHours(1), token);
        await AdvanceAsync(TimeSpan.FromMinutes(90), token);
        if (store is IExpiringStore expiring)
        {
            Expect.Equal(0, await expiring.PurgeAsync(token));
        }

        Expect.Equal(
            ClaimStatus.InProgress, (await store.ClaimAsync("s", Key, Fingerprint("p"), Lease, Retention, token)).Status);
        Expect.True(await store.CompleteAsync(claim, token));
    }

    private async Task BoundedAsync(CancellationToken token)
    {
        IWebhookClaimStore store = await OpenAsync(3, token);
        for (int i = 0; i < 3; i++)
        {
            Expect.Equal(ClaimStatus.Owned, (await ClaimAsync(store, token, key: Key + i)).Status);
        }

        Expect.Equal(ClaimStatus.SenderFull, (await ClaimAsync(store, token, key: Key + "x")).Status);
        Expect.Equal(ClaimStatus.InProgress, (await ClaimAsync(store, token, key: Key + "0")).Status);
        Expect.Equal(ClaimStatus.Conflict, (await ClaimAsync(store, token, key: Key + "0", payload: "other")).Status);
        Expect.Equal(ClaimStatus.Owned, (await ClaimAsync(store, token, sender: "https://other.example")).Status);

        await AdvanceAsync(Retention, token);

        Expect.Equal(ClaimStatus.Owned, (await ClaimAsync(store, token, key: Key + "x")).Status);
    }

    private async Task RaceAsync(CancellationToken token)
    {
        IWebhookClaimStore store = await OpenAsync(token);
        for (int round = 0; round < 10; round++)
        {
            string key = Key + round.ToString(CultureInfo.InvariantCulture);
            ConcurrentBag<ClaimStatus> seen = [];
            await Parallel.ForAsync(
                0,
                16,
                new ParallelOptions { MaxDegreeOfParallelism = 16 },
                async (_, _) => seen.Add((await ClaimAsync(store, token, key)).Status));
            Expect.Equal(1, seen.Count(s => s == ClaimStatus.Owned));
            Expect.Equal(15, seen.Count(s => s == ClaimStatus.InProgress));
        }
    }

    /// <summary>Compares the store with a simple model of the contract, over random sequences of calls and passing time.</summary>
    private async Task ModelAsync(CancellationToken token)
    {
        IWebhookClaimStore store = await OpenAsync(token);
        Random random = new(ModelSeed);
        for (int sequence = 0; sequence < ModelSequences; sequence++)
        {
            Model model = new();
            List<(WebhookClaim Claim, int Key)> claims = [];
            StringBuilder calls = new();
            string sender = $"sequence {sequence}";
            for (int step = random.Next(1, ModelSteps); step > 0; step--)
            {
                string seen;
                string expected;
                int action = random.Next(5);
                if (action == 4)
                {
                    TimeSpan time = TimeSpan.FromMinutes(random.Next(81));
                    calls.Append(CultureInfo.InvariantCulture, $" advance {time.TotalMinutes} min;");
                    await AdvanceAsync(time, token);
                    model.Now += time;
                    continue;
                }

                if (action == 0 || claims.Count == 0)
                {
                    (int key, int payload) = (random.Next(3), random.Next(2));
                    calls.Append(CultureInfo.InvariantCulture, $" claim key {key} with payload {payload};");
                    WebhookClaim claim = await ClaimAsync(store, token, Key + key, sender, "p" + payload);
                    (expected, seen) = (model.Claim(key, payload, claims.Count).ToString(), claim.Status.ToString());
                    if (claim.Status == ClaimStatus.Owned)
                    {
                        claims.Add((claim, key));
                    }
                }
                else
                {
                    int index = random.Next(claims.Count);
                    (WebhookClaim claim, int key) = claims[index];
                    calls.Append(CultureInfo.InvariantCulture, $" {Actions[action]} claim {index} (key {key});");
                    bool done = await (action switch
                    {
                        1 => store.CompleteAsync(claim, token),
                        2 => store.ReleaseAsync(claim, token),
                        _ => store.RenewAsync(claim, Lease, token),
                    });
                    (expected, seen) = (model.Settle(key, index, action).ToString(), done.ToString());
                }

                Expect.Equal(expected, seen, $"the last of these calls:{calls}");
            }
        }
    }

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
