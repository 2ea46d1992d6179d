using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Globalization;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Testing;

/// <summary>
/// The contract of <see cref="IReplayCache"/>. Derive a test class from it, and call <see cref="CheckAsync"/> in a test for each name in
/// <see cref="Rules"/>. Use one instance and one empty cache for each rule.
/// </summary>
public abstract class ReplayCacheContract
{
    private const int MaxPerKey = 1000;
    private const int MaxPerSender = 10_000;
    private const int MaxTotal = 100_000;

    private static readonly TimeSpan TimeToLive = TimeSpan.FromMinutes(6);

    private static readonly RuleTable<ReplayCacheContract> Table = new(
        nameof(IReplayCache),
        new("A nonce is admitted once for each key of each sender", static (c, token) => c.AdmittedOnceAsync(token)),
        new("Nonces that look alike are different", static (c, token) => c.LookAlikesAsync(token)),
        new("A full key is refused and keeps its entries and takes no room from others", static (c, token) => c.FullKeyAsync(token)),
        new("Many keys of one sender cannot fill the cache for others", static (c, token) => c.FullSenderAsync(token)),
        new("The cache is bounded and only time makes room", static (c, token) => c.BoundedAsync(token)),
        new("An entry is kept until it expires and is forgotten within two minutes", static (c, token) => c.ExpiryAsync(token)),
        new("Of many calls at a time one adds the nonce", static (c, token) => c.RaceAsync(token)),
        new("A nonce that is too short is an argument fault", static (c, token) => c.ShortNonceAsync(token)),
        new("A nonce of other characters than base64url is an argument fault", static (c, token) => c.ForeignNonceAsync(token)));

    /// <summary>Gets the names of the rules, each a sentence.</summary>
    public static IReadOnlyList<string> Rules => Table.Names;

    /// <summary>Checks a rule.</summary>
    /// <param name="rule">The name of the rule.</param>
    /// <param name="cancellationToken">Ends the check. It is passed to the cache.</param>
    /// <exception cref="ArgumentException"><paramref name="rule"/> is not in <see cref="Rules"/>.</exception>
    /// <exception cref="ContractException">The cache breaks the rule.</exception>
    public Task CheckAsync(string rule, CancellationToken cancellationToken = default) => Table.CheckAsync(this, rule, cancellationToken);

    /// <summary>Gets the present time of the cache, from which the rules count the expiry of entries.</summary>
    protected abstract DateTimeOffset Now { get; }

    /// <summary>
    /// Opens the cache, as another process would: a later call opens the same entries.
    /// The derived class disposes the caches after the check; the contract does not.
    /// </summary>
    /// <param name="maxPerKey">The most nonces of a key.</param>
    /// <param name="maxTotal">The most nonces of all keys.</param>
    /// <param name="maxPerSender">The most nonces of a sender.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask<IReplayCache> OpenAsync(
        int maxPerKey, int maxTotal, int maxPerSender, CancellationToken cancellationToken);

    /// <summary>Lets time pass for the cache: moves its clock, or the times in its database.</summary>
    /// <param name="time">The time that passes.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken);

    private static string Nonce(int number)
    {
        byte[] bytes = new byte[16];
        BitConverter.TryWriteBytes(bytes, number);
        return Base64Url.EncodeToString(bytes);
    }

    private ValueTask<IReplayCache> OpenAsync(CancellationToken token) => OpenAsync(MaxPerKey, MaxTotal, MaxPerSender, token);

    private Task<ReplayAdmission> AddAsync(IReplayCache cache, string sender, string key, string nonce, CancellationToken token) =>
        cache.TryAddAsync(sender, key, nonce.AsMemory(), Now + TimeToLive, token).AsTask();

    private async Task AdmittedOnceAsync(CancellationToken token)
    {
        IReplayCache cache = await OpenAsync(token);
        (string, string)[] keys = [("a", "k"), ("b", "k"), ("a", "K"), ("a", "k "), ("", "k"), ("ab", ""), ("a", "b")];
        foreach ((string sender, string key) in keys)
        {
            Expect.Equal(ReplayAdmission.Added, await AddAsync(cache, sender, key, Nonce(1), token));
            Expect.Equal(ReplayAdmission.Replayed, await AddAsync(cache, sender, key, Nonce(1), token));
        }
    }

    private async Task LookAlikesAsync(CancellationToken token)
    {
        IReplayCache cache = await OpenAsync(token);
        string tail = new('x', 20);
        foreach (string nonce in new[]
        {
            "aa" + tail, "Aa" + tail, "aA" + tail, "-_" + tail, "%%" + tail, "aa" + tail + " ", new string('n', 300) + "1",
            new string('n', 300) + "2",
        })
        {
            Expect.Equal(ReplayAdmission.Added, await AddAsync(cache, "s", "k", nonce, token));
            Expect.Equal(ReplayAdmission.Replayed, await AddAsync(cache, "s", "k", nonce, token));
        }
    }

    private async Task FullKeyAsync(CancellationToken token)
    {
        IReplayCache cache = await OpenAsync(5, MaxTotal, MaxPerSender, token);
        for (int i = 0; i < 5; i++)
        {
            Expect.True(await cache.HasRoomAsync("s", "storm", token));
            Expect.Equal(ReplayAdmission.Added, await AddAsync(cache, "s", "storm", Nonce(i), token));
        }

        Expect.False(await cache.HasRoomAsync("s", "storm", token));
        Expect.Equal(ReplayAdmission.Full, await AddAsync(cache, "s", "storm", Nonce(5), token));
        for (int i = 0; i < 5; i++)
        {
            Expect.Equal(ReplayAdmission.Replayed, await AddAsync(cache, "s", "storm", Nonce(i), token));
        }

        Expect.True(await cache.HasRoomAsync("s", "quiet", token));
        Expect.Equal(ReplayAdmission.Added, await AddAsync(cache, "s", "quiet", Nonce(5), token));
        Expect.True(await cache.HasRoomAsync("honest", "storm", token));
        Expect.Equal(ReplayAdmission.Added, await AddAsync(cache, "honest", "storm", Nonce(5), token));
    }

    private async Task FullSenderAsync(CancellationToken token)
    {
        IReplayCache cache = await OpenAsync(4, MaxTotal, 6, token);
        List<ReplayAdmission> admissions = [];
        for (int i = 0; i < 9; i++)
        {
            admissions.Add(await AddAsync(cache, "attacker", "k" + (i / 3).ToString(CultureInfo.InvariantCulture), Nonce(i), token));
        }

        Expect.Equal(6, admissions.Count(admission => admission == ReplayAdmission.Added));
        Expect.False(await cache.HasRoomAsync("attacker", "k9", token));
        Expect.Equal(ReplayAdmission.Added, await AddAsync(cache, "honest", "k", Nonce(1), token));
    }

    private async Task BoundedAsync(CancellationToken token)
    {
        IReplayCache cache = await OpenAsync(4, 6, 4, token);
        List<ReplayAdmission> admissions = [];
        for (int i = 0; i < 9; i++)
        {
            admissions.Add(await AddAsync(cache, "s" + (i / 3).ToString(CultureInfo.InvariantCulture), "k", Nonce(i), token));
        }

        Expect.Equal(6, admissions.Count(admission => admission == ReplayAdmission.Added));
        Expect.False(await cache.HasRoomAsync("new", "k", token));

        await AdvanceAsync(TimeToLive + TimeSpan.FromMinutes(2), token);

        Expect.True(await cache.HasRoomAsync("new", "k", token));
        Expect.Equal(ReplayAdmission.Added, await AddAsync(cache, "new", "k", Nonce(1), token));
    }

    private async Task ExpiryAsync(CancellationToken token)
    {
        IReplayCache cache = await OpenAsync(token);
        Expect.Equal(ReplayAdmission.Added, await AddAsync(cache, "s", "k", Nonce(1), token));
        await AdvanceAsync(TimeToLive - TimeSpan.FromSeconds(1), token);
        Expect.Equal(ReplayAdmission.Replayed, await AddAsync(cache, "s", "k", Nonce(1), token));

        await AdvanceAsync(TimeSpan.FromMinutes(2) + TimeSpan.FromSeconds(1), token);

        Expect.Equal(ReplayAdmission.Added, await AddAsync(cache, "s", "k", Nonce(1), token));
        Expect.Equal(ReplayAdmission.Replayed, await AddAsync(cache, "s", "k", Nonce(1), token));
    }

    private async Task RaceAsync(CancellationToken token)
    {
        IReplayCache cache = await OpenAsync(token);
        ConcurrentBag<ReplayAdmission> seen = [];

        await Parallel.ForAsync(
            0,
            160,
            new ParallelOptions { MaxDegreeOfParallelism = 16 },
            async (i, _) => seen.Add(await AddAsync(cache, "s", "k", Nonce(i / 16), token)));

        Expect.Equal(10, seen.Count(admission => admission == ReplayAdmission.Added));
        Expect.Equal(150, seen.Count(admission => admission == ReplayAdmission.Replayed));
    }

    private Task ShortNonceAsync(CancellationToken token) => RefusedAsync("short", token);

    private Task ForeignNonceAsync(CancellationToken token) => RefusedAsync(new string('ä', 24), token);

    private async Task RefusedAsync(string nonce, CancellationToken token)
    {
        IReplayCache cache = await OpenAsync(token);

        ArgumentException refusal = await Expect.ThrowsAsync<ArgumentException>(() => AddAsync(cache, "s", "k", nonce, token));

        Expect.Equal("nonce", refusal.ParamName);
    }
}
