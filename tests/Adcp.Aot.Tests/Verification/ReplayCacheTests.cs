using System.Buffers.Text;
using Adcp.Aot.Verification;
using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Verification;

public sealed class ReplayCacheTests
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeSeconds(1776520800));

    [Fact]
    public void A_storm_under_one_key_takes_no_place_and_no_entry_from_another()
    {
        InMemoryReplayCache cache = new(maxPerKey: 1000, maxTotal: 10_000, timeProvider: _time);
        for (int i = 0; i < 500; i++)
        {
            Assert.Equal(ReplayAdmission.Added, Add(cache, "quiet", i));
        }

        int full = 0;
        for (int i = 0; i < 100_000; i++)
        {
            ReplayAdmission admission = Add(cache, "storm", i);
            Assert.Equal(i < 1000 ? ReplayAdmission.Added : ReplayAdmission.Full, admission);
            full += admission == ReplayAdmission.Full ? 1 : 0;
        }

        Assert.Equal(99_000, full);
        Assert.False(HasRoom(cache, "storm"));
        Assert.True(HasRoom(cache, "quiet"));
        for (int i = 0; i < 1000; i++)
        {
            Assert.Equal(ReplayAdmission.Replayed, Add(cache, "storm", i));
            Assert.Equal(i < 500 ? ReplayAdmission.Replayed : ReplayAdmission.Added, Add(cache, "quiet", i));
        }

        Assert.Equal(2000, cache.Count);
    }

    [Fact]
    public void The_whole_is_bounded_too_and_a_seen_nonce_stays_a_replay_when_it_is_full()
    {
        InMemoryReplayCache cache = new(maxPerKey: 100, maxTotal: 150, timeProvider: _time);
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(ReplayAdmission.Added, Add(cache, "a", i));
        }

        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(i < 50 ? ReplayAdmission.Added : ReplayAdmission.Full, Add(cache, "b", i));
        }

        Assert.False(HasRoom(cache, "b"));
        Assert.False(HasRoom(cache, "c"));
        Assert.Equal(ReplayAdmission.Replayed, Add(cache, "a", 1));
        Assert.Equal(ReplayAdmission.Full, Add(cache, "c", 1));
        _time.Advance(TimeSpan.FromSeconds(400));
        Assert.True(HasRoom(cache, "c"));
        Assert.Equal(ReplayAdmission.Added, Add(cache, "c", 1));
        Assert.Equal(1, cache.Count);
    }

    [Fact]
    public void Two_senders_may_use_one_key_id_without_meeting()
    {
        InMemoryReplayCache cache = new(maxPerKey: 3, timeProvider: _time);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(ReplayAdmission.Added, Admit(cache, "attacker", "k", Nonce(i)));
        }

        Assert.False(HasRoom(cache, "attacker", "k"));
        Assert.True(HasRoom(cache, "honest", "k"));
        Assert.Equal(ReplayAdmission.Added, Admit(cache, "honest", "k", Nonce(0)));
        Assert.Equal(ReplayAdmission.Replayed, Admit(cache, "honest", "k", Nonce(0)));
    }

    [Fact]
    public void Many_keys_of_one_sender_cannot_fill_the_cache_for_others()
    {
        InMemoryReplayCache cache = new(maxPerKey: 100, maxTotal: 1000, timeProvider: _time, maxPerSender: 250);
        int added = 0;
        for (int key = 0; key < 10; key++)
        {
            for (int i = 0; i < 100; i++)
            {
                added += Admit(cache, "attacker", "k" + key, Nonce(i)) == ReplayAdmission.Added ? 1 : 0;
            }
        }

        Assert.Equal(250, added);
        Assert.Equal(250, cache.Count);
        Assert.False(HasRoom(cache, "attacker", "k11"));
        Assert.True(HasRoom(cache, "honest", "k1"));
        Assert.Equal(ReplayAdmission.Added, Admit(cache, "honest", "k1", Nonce(1)));

        _time.Advance(TimeSpan.FromSeconds(400));
        Assert.True(HasRoom(cache, "attacker", "k11"));
        Assert.Equal(ReplayAdmission.Added, Admit(cache, "attacker", "k11", Nonce(1)));
        Assert.Equal(1, cache.Count);
    }

    [Theory]
    [InlineData(100, 1000, 250)]
    [InlineData(500, 1000, 500)]
    public void A_senders_share_is_a_quarter_of_the_total_but_no_less_than_a_keys(int maxPerKey, int maxTotal, int share)
    {
        InMemoryReplayCache cache = new(maxPerKey, maxTotal, _time);
        int added = 0;
        for (int i = 0; i < maxTotal; i++)
        {
            added += Admit(cache, "s", "k" + (i / 50), Nonce(i)) == ReplayAdmission.Added ? 1 : 0;
        }

        Assert.Equal(share, added);
    }

    [Fact]
    public void An_entry_lives_until_it_expires_and_is_gone_soon_after()
    {
        InMemoryReplayCache cache = new(timeProvider: _time);
        Assert.Equal(ReplayAdmission.Added, Add(cache, "a", 1, ttl: 360));
        _time.Advance(TimeSpan.FromSeconds(360));
        Assert.Equal(ReplayAdmission.Replayed, Add(cache, "a", 1));
        _time.Advance(TimeSpan.FromSeconds(8));
        Assert.Equal(ReplayAdmission.Added, Add(cache, "a", 1));
    }

    [Fact]
    public void It_agrees_with_a_dictionary_of_expiry_times() =>
        Gen.Select(Gen.OneOf("a", "b"), Gen.Int[0, 40], Gen.Int[1, 2000], Gen.Int[0, 30]).Array[1, 300].Sample(
            steps =>
            {
                FakeTimeProvider time = new(DateTimeOffset.FromUnixTimeSeconds(1776520800));
                InMemoryReplayCache cache = new(timeProvider: time);
                Dictionary<(string, int), long> model = [];
                foreach ((string key, int nonce, int ttl, int seconds) in steps)
                {
                    time.Advance(TimeSpan.FromSeconds(seconds));
                    long now = time.GetUtcNow().ToUnixTimeSeconds();
                    bool known = model.TryGetValue((key, nonce), out long expires);
                    ReplayAdmission admission = Admit(cache, key, Nonce(nonce), time.GetUtcNow().AddSeconds(ttl));

                    // Forgotten never before its time, and at most one slot after it.
                    if (known && expires >= now)
                    {
                        Assert.Equal(ReplayAdmission.Replayed, admission);
                    }
                    else if (!known || expires < now - 8)
                    {
                        Assert.Equal(ReplayAdmission.Added, admission);
                    }

                    if (admission == ReplayAdmission.Added)
                    {
                        model[(key, nonce)] = now + ttl;
                    }
                }
            },
            iter: 300);

    [Fact]
    public async Task Of_many_threads_with_the_same_nonces_each_is_admitted_once_and_no_bound_is_passed()
    {
        InMemoryReplayCache cache = new(maxPerKey: 3000, maxTotal: 5000, timeProvider: _time);
        int[] admitted = new int[2];
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Factory.StartNew(
            () =>
            {
                for (int i = 0; i < 4000; i++)
                {
                    for (int key = 0; key < 2; key++)
                    {
                        if (Add(cache, key == 0 ? "a" : "b", i) == ReplayAdmission.Added)
                        {
                            Interlocked.Increment(ref admitted[key]);
                        }
                    }
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));
        Assert.InRange(admitted[0], 2000, 3000);
        Assert.InRange(admitted[1], 2000, 3000);
        Assert.Equal(cache.Count, admitted.Sum());
        Assert.Equal(5000, cache.Count);
    }

    [Fact]
    public void Many_keys_that_have_nothing_left_are_forgotten()
    {
        InMemoryReplayCache cache = new(maxTotal: 3000, timeProvider: _time);
        for (int i = 0; i < 3000; i++)
        {
            Assert.Equal(ReplayAdmission.Added, Add(cache, "key" + i, 1));
        }

        _time.Advance(TimeSpan.FromSeconds(400));
        Assert.True(HasRoom(cache, "other"));
        Assert.Equal(0, cache.Count);
        Assert.Equal(ReplayAdmission.Added, Add(cache, "key1", 1));
        Assert.Equal(ReplayAdmission.Replayed, Add(cache, "key1", 1));
    }

    [Fact]
    public void Senders_that_have_nothing_left_are_forgotten()
    {
        InMemoryReplayCache cache = new(maxTotal: 3000, maxPerKey: 3000, timeProvider: _time);
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < 3000; i++)
            {
                Assert.Equal(ReplayAdmission.Added, Add(cache, $"{round}-{i}", 1));
            }

            _time.Advance(TimeSpan.FromSeconds(400));
            Assert.True(HasRoom(cache, "other"));
        }

        Assert.InRange(cache.Senders, 0, 1024);
    }

    [Fact]
    public void Longer_nonces_and_such_with_unused_bits_count_as_their_text_says()
    {
        InMemoryReplayCache cache = new(timeProvider: _time);
        DateTimeOffset later = _time.GetUtcNow().AddSeconds(100);
        foreach (string nonce in new[] { "KXYnfEfJ0PBRZXQyVXfVQA", "KXYnfEfJ0PBRZXQyVXfVQB", "KXYnfEfJ0PBRZXQyVXfVQAA",
            new string('a', 5000), new string('a', 5001) })
        {
            Assert.Equal(ReplayAdmission.Added, Admit(cache, "k", nonce, later));
            Assert.Equal(ReplayAdmission.Replayed, Admit(cache, "k", nonce, later));
        }

        Assert.Throws<ArgumentException>(() => Admit(cache, "k", "short", later));
        Assert.Throws<ArgumentOutOfRangeException>(() => new InMemoryReplayCache(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new InMemoryReplayCache(1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new InMemoryReplayCache(maxPerSender: 0));
    }

    private static string Nonce(int i)
    {
        Span<byte> bytes = stackalloc byte[16];
        BitConverter.TryWriteBytes(bytes, i);
        return Base64Url.EncodeToString(bytes);
    }

    private ReplayAdmission Add(InMemoryReplayCache cache, string key, int nonce, int ttl = 300) =>
        Admit(cache, key, Nonce(nonce), _time.GetUtcNow().AddSeconds(ttl));

    private ReplayAdmission Admit(InMemoryReplayCache cache, string sender, string key, string nonce) =>
        cache.TryAddAsync(sender, key, nonce.AsMemory(), _time.GetUtcNow().AddSeconds(300),
            CancellationToken.None).AsTask().GetAwaiter().GetResult();

    private static bool HasRoom(InMemoryReplayCache cache, string sender, string key) =>
        cache.HasRoomAsync(sender, key, CancellationToken.None).AsTask().GetAwaiter().GetResult();

    private static ReplayAdmission Admit(InMemoryReplayCache cache, string key, string nonce, DateTimeOffset expires) =>
        cache.TryAddAsync("seller-" + key, key, nonce.AsMemory(), expires, CancellationToken.None).AsTask().GetAwaiter().GetResult();

    private static bool HasRoom(InMemoryReplayCache cache, string key) =>
        cache.HasRoomAsync("seller-" + key, key, CancellationToken.None).AsTask().GetAwaiter().GetResult();
}
