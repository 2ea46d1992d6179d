using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.AspNetCore.Receiving;
using Adcp.Aot.Receiving;
using CsCheck;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.AspNetCore.Tests;

/// <summary>The laws of a claim store, for each of ours.</summary>
public abstract class ClaimStoreTests
{
    private protected static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);
    private protected static readonly TimeSpan Retention = TimeSpan.FromHours(24);
    private protected const string Key = "whk_0123456789abcdef";

    private protected FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 4, 18, 10, 0, 0, TimeSpan.Zero));

    private protected abstract IWebhookClaimStore Open(int maxKeysPerSender = 1000);

    [Fact]
    public async Task A_new_key_is_owned_once_and_a_completed_one_stays_completed()
    {
        IWebhookClaimStore store = Open();
        WebhookClaim claim = await Claim(store);
        Assert.Equal(ClaimStatus.Owned, claim.Status);
        Assert.NotEqual(0, claim.Owner);
        Assert.Equal(ClaimStatus.InProgress, (await Claim(store)).Status);
        Assert.True(await store.CompleteAsync(claim, default));
        Assert.Equal(ClaimStatus.Completed, (await Claim(store)).Status);
        Assert.False(await store.CompleteAsync(claim, default));
        Assert.False(await store.ReleaseAsync(claim, default));
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
    public async Task Senders_do_not_share_keys()
    {
        IWebhookClaimStore store = Open();
        Assert.Equal(ClaimStatus.Owned, (await Claim(store)).Status);
        Assert.Equal(ClaimStatus.Owned, (await Claim(store, sender: "https://other.example", payload: "other")).Status);
    }

    [Fact]
    public async Task The_owner_of_a_lapsed_claim_can_do_nothing_with_it()
    {
        IWebhookClaimStore store = Open();
        WebhookClaim first = await Claim(store);
        Time.Advance(Lease);
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
    public async Task A_renewed_claim_holds()
    {
        IWebhookClaimStore store = Open();
        WebhookClaim claim = await Claim(store);
        for (int i = 0; i < 10; i++)
        {
            Time.Advance(Lease * 0.9);
            Assert.True(await store.RenewAsync(claim, Lease, default));
            Assert.Equal(ClaimStatus.InProgress, (await Claim(store)).Status);
        }

        Assert.True(await store.CompleteAsync(claim, default));
    }

    [Fact]
    public async Task A_key_is_remembered_from_its_first_acceptance_and_no_retry_extends_that()
    {
        IWebhookClaimStore store = Open();
        Assert.True(await store.CompleteAsync(await Claim(store), default));
        for (int hour = 0; hour < 23; hour++)
        {
            Time.Advance(TimeSpan.FromHours(1));
            Assert.Equal(ClaimStatus.Completed, (await Claim(store)).Status);
        }

        Time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(ClaimStatus.Owned, (await Claim(store, payload: "other")).Status);
    }

    [Fact]
    public async Task A_key_whose_time_is_over_but_which_is_being_processed_stays()
    {
        IWebhookClaimStore store = Open();
        WebhookClaim claim = await store.ClaimAsync("s", Key, Fingerprint("p"), TimeSpan.FromHours(1), TimeSpan.FromMinutes(1), default);
        Time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(ClaimStatus.InProgress, (await store.ClaimAsync("s", Key, Fingerprint("p"), Lease, Retention, default)).Status);
        Assert.True(await store.CompleteAsync(claim, default));
    }

    [Fact]
    public async Task A_sender_has_a_bounded_number_of_keys_and_gets_room_back_by_time_only()
    {
        IWebhookClaimStore store = Open(maxKeysPerSender: 3);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(ClaimStatus.Owned, (await Claim(store, key: Key + i)).Status);
        }

        Assert.Equal(ClaimStatus.SenderFull, (await Claim(store, key: Key + "x")).Status);
        Assert.Equal(ClaimStatus.InProgress, (await Claim(store, key: Key + "0")).Status);
        Assert.Equal(ClaimStatus.Owned, (await Claim(store, sender: "https://other.example")).Status);
        Time.Advance(Retention);
        Assert.Equal(ClaimStatus.Owned, (await Claim(store, key: Key + "x")).Status);
    }

    [Fact]
    public async Task Of_many_at_a_time_one_owns_the_key()
    {
        IWebhookClaimStore store = Open();
        for (int round = 0; round < 20; round++)
        {
            ConcurrentBag<ClaimStatus> seen = [];
            await Parallel.ForAsync(0, 16, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (_, _) => seen.Add((await Claim(store, key: Key + round)).Status));
            Assert.Equal(1, seen.Count(s => s == ClaimStatus.Owned));
            Assert.Equal(15, seen.Count(s => s == ClaimStatus.InProgress));
        }
    }

    // The store against the plainest model of its contract, over random sequences of calls and passing time.
    [Fact]
    public void Any_sequence_of_calls_does_what_the_contract_says()
    {
        Gen<(int Action, int Key, int Payload, int Claim, int Seconds)> step = Gen.Select(Gen.Int[0, 4], Gen.Int[0, 2], Gen.Int[0, 1], Gen.Int[0, 7], Gen.Int[0, 40]);
        step.Array[1, 40].Sample(
            steps =>
            {
                IWebhookClaimStore store = Open();
                string scope = Guid.NewGuid().ToString("N");
                Dictionary<int, Model> model = [];
                List<(WebhookClaim Claim, int Key)> claims = [];
                foreach ((int action, int key, int payload, int chosen, int seconds) in steps)
                {
                    DateTimeOffset now = Time.GetUtcNow();
                    if (action == 0)
                    {
                        WebhookClaim claim = Wait(store.ClaimAsync(scope, Key + key, Fingerprint("p" + payload), Lease, Retention, default));
                        Model known = model.TryGetValue(key, out Model? old) ? old : model[key] = new Model { Payload = payload };
                        ClaimStatus expected = known.Payload != payload ? ClaimStatus.Conflict
                            : known.Completed ? ClaimStatus.Completed
                            : known.LeaseUntil > now ? ClaimStatus.InProgress
                            : ClaimStatus.Owned;
                        Assert.Equal(expected, claim.Status);
                        if (expected == ClaimStatus.Owned)
                        {
                            known.Owner = claims.Count;
                            known.LeaseUntil = now + Lease;
                            claims.Add((claim, key));
                        }
                    }
                    else if (action == 4)
                    {
                        Time.Advance(TimeSpan.FromSeconds(seconds));
                    }
                    else if (claims.Count > 0)
                    {
                        int index = chosen % claims.Count;
                        Model known = model[claims[index].Key];
                        bool owned = known.Owner == index && !known.Completed && known.LeaseUntil > now;
                        bool done = Wait(action switch
                        {
                            1 => store.CompleteAsync(claims[index].Claim, default),
                            2 => store.ReleaseAsync(claims[index].Claim, default),
                            _ => store.RenewAsync(claims[index].Claim, Lease, default),
                        });
                        Assert.Equal(owned, done);
                        if (owned)
                        {
                            known.Completed = action == 1;
                            known.LeaseUntil = action == 3 ? now + Lease : default;
                        }
                    }
                }
            },
            iter: 60,
            threads: 1);

        static T Wait<T>(ValueTask<T> task) => task.AsTask().GetAwaiter().GetResult();
    }

    private protected static byte[] Fingerprint(string payload) => SHA256.HashData(Encoding.UTF8.GetBytes(payload));

    private protected static ValueTask<WebhookClaim> Claim(IWebhookClaimStore store, string key = Key, string sender = "https://seller.example", string payload = "p") =>
        store.ClaimAsync(sender, key, Fingerprint(payload), Lease, Retention, default);

    private sealed class Model
    {
        public int Payload { get; init; }

        public bool Completed { get; set; }

        public DateTimeOffset LeaseUntil { get; set; }

        public int Owner { get; set; }
    }
}

public sealed class DevelopmentWebhookClaimStoreTests : ClaimStoreTests
{
    private protected override IWebhookClaimStore Open(int maxKeysPerSender = 1000) => new DevelopmentWebhookClaimStore(maxKeysPerSender, Time);

    [Fact]
    public void It_says_that_it_is_not_durable() => Assert.False(Open().IsDurable);
}

public sealed class SqliteWebhookClaimStoreTests : ClaimStoreTests, IAsyncDisposable
{
    private readonly Folder _folder = new();
    private readonly List<SqliteWebhookClaimStore> _opened = [];

    public async ValueTask DisposeAsync()
    {
        foreach (SqliteWebhookClaimStore store in _opened)
        {
            await store.DisposeAsync();
        }

        _folder.Dispose();
    }

    [Fact]
    public async Task What_was_claimed_and_completed_is_there_after_reopening()
    {
        WebhookClaim completed;
        WebhookClaim held;
        await using (SqliteWebhookClaimStore store = new(_folder["claims.db"], 1000, Time))
        {
            Assert.True(store.IsDurable);
            completed = await Claim(store, key: Key + "1");
            Assert.True(await store.CompleteAsync(completed, default));
            held = await Claim(store, key: Key + "2");
        }

        await using SqliteWebhookClaimStore again = new(_folder["claims.db"], 1000, Time);
        Assert.Equal(ClaimStatus.Completed, (await Claim(again, key: Key + "1")).Status);
        Assert.Equal(ClaimStatus.InProgress, (await Claim(again, key: Key + "2")).Status);
        Assert.True(await again.CompleteAsync(held, default));
    }

    [Fact]
    public async Task New_files_can_be_read_by_their_owner_only()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("File modes are Unix's.");
            return;
        }

        IWebhookClaimStore store = Open();
        await Claim(store);

        string[] files = Directory.GetFiles(_folder.Path);

        Assert.Equal(["claims.db", "claims.db-shm", "claims.db-wal"], files.Select(Path.GetFileName).Order());
        foreach (string file in files)
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }
    }

    [Fact]
    public async Task Two_stores_over_one_file_own_a_key_once()
    {
        IWebhookClaimStore one = Open();
        IWebhookClaimStore two = Open();
        for (int round = 0; round < 20; round++)
        {
            WebhookClaim[] claims = await Task.WhenAll(
                Task.Run(async () => await Claim(one, key: Key + round)), Task.Run(async () => await Claim(two, key: Key + round)));
            Assert.Equal([ClaimStatus.Owned, ClaimStatus.InProgress], claims.Select(c => c.Status).Order());
        }
    }

    [Fact]
    public async Task Old_bindings_leave_the_file()
    {
        IWebhookClaimStore store = Open(maxKeysPerSender: 100_000);
        for (int i = 0; i < 200; i++)
        {
            await Claim(store, key: Key + i);
        }

        Time.Advance(Retention);
        for (int i = 0; i < 10; i++)
        {
            await Claim(store, key: Key + "new" + i);
        }

        using SqliteConnection connection = new($"Data Source={_folder["claims.db"]}");
        connection.Open();
        using SqliteCommand count = connection.CreateCommand();
        count.CommandText = "SELECT (SELECT count(*) FROM webhook_claim) || ' ' || (SELECT sum(keys) FROM webhook_sender)";
        Assert.Equal("10 10", count.ExecuteScalar());
    }

    [Fact]
    public void A_file_that_is_no_store_or_is_newer_is_refused()
    {
        File.WriteAllText(_folder["text.db"], new string('x', 5000));
        Assert.Throws<IOException>(() => new SqliteWebhookClaimStore(_folder["text.db"]));
        using (SqliteConnection connection = new($"Data Source={_folder["newer.db"]};Pooling=False"))
        {
            connection.Open();
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 99";
            command.ExecuteNonQuery();
        }

        Assert.Contains("99", Assert.Throws<IOException>(() => new SqliteWebhookClaimStore(_folder["newer.db"])).Message, StringComparison.Ordinal);
        Assert.Throws<IOException>(() => new SqliteWebhookClaimStore(_folder["absent/claims.db"]));
    }

    private protected override IWebhookClaimStore Open(int maxKeysPerSender = 1000)
    {
        SqliteWebhookClaimStore store = new(_folder["claims.db"], maxKeysPerSender, Time);
        _opened.Add(store);
        return store;
    }
}
