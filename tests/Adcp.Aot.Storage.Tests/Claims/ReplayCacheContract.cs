using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Data.Common;
using System.Globalization;
using System.Transactions;
using Adcp.Aot.Storage.Tests.Databases;
using Adcp.Aot.Verification;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Claims;

public sealed class InMemoryReplayCacheTests : ReplayCacheContract
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 4, 18, 10, 0, 0, TimeSpan.Zero));

    private protected override DateTimeOffset Now => _time.GetUtcNow();

    private protected override IReplayCache Open(int maxPerKey, int maxTotal, int? maxPerSender) =>
        new InMemoryReplayCache(maxPerKey, maxTotal, _time, maxPerSender);

    private protected override Task AdvanceAsync(TimeSpan time)
    {
        _time.Advance(time);
        return Task.CompletedTask;
    }
}

public sealed class SqliteReplayCacheTests() : SqlReplayCacheContract(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlReplayCacheTests() : SqlReplayCacheContract(SqlDialect.PostgreSql);

[Needs(Resource.MySql)]
public sealed class MySqlReplayCacheTests() : SqlReplayCacheContract(SqlDialect.MySql);

/// <summary>The tests of a replay cache on SQL beyond the contract, the same on every database.</summary>
public abstract class SqlReplayCacheContract(SqlDialect dialect) : ReplayCacheContract
{
    private readonly ShiftedTime _time = new();
    private TestDatabase? _database;

    private protected override DateTimeOffset Now => _time.GetUtcNow();

    private TestDatabase Database => _database!;

    [Fact]
    public async Task Nonce_that_one_receiver_spent_is_a_replay_for_the_others()
    {
        SqlReplayCache one = Sql();
        SqlReplayCache two = Sql();
        for (int i = 0; i < 20; i++)
        {
            string nonce = Nonce(i);

            ReplayAdmission[] admissions = await Task.WhenAll(
                Task.Run(() => AddAsync(one, "s", "k", nonce)), Task.Run(() => AddAsync(two, "s", "k", nonce)));

            Assert.Equal([ReplayAdmission.Added, ReplayAdmission.Replayed], admissions.Order());
        }
    }

    [Theory]
    [InlineData("INSERT")]
    [InlineData("UPDATE")]
    public async Task Own_insert_that_ran_again_after_a_lost_answer_is_no_replay(string statement)
    {
        if (statement == "UPDATE")
        {
            // An expired row of the same nonce is replaced.
            await AddAsync(Sql(), "s", "k", Nonce(1));
            await AdvanceAsync(TimeSpan.FromHours(1));
        }

        FaultyDataSource source = new(Database.Source);
        SqlReplayCache cache = Sql(source: source);
        source.Once(statement, Fault.LostAnswer());

        Assert.Equal(ReplayAdmission.Added, await AddAsync(cache, "s", "k", Nonce(1)));

        Assert.Equal(ReplayAdmission.Replayed, await AddAsync(cache, "s", "k", Nonce(1)));
        Assert.Equal(1, await CountAsync());
    }

    [Fact]
    public async Task Dead_connection_is_replaced_and_a_database_that_is_away_fails_the_call()
    {
        FaultyDataSource source = new(Database.Source);
        SqlReplayCache cache = Sql(source: source);
        source.Once("INSERT", Fault.Stale());
        Assert.Equal(ReplayAdmission.Added, await AddAsync(cache, "s", "k", Nonce(1)));
        source.Plan = static (sql, _) => Fault.Stale();

        await Assert.ThrowsAsync<IOException>(() => AddAsync(cache, "s", "k", Nonce(2)));
        await Assert.ThrowsAsync<IOException>(async () => await cache.HasRoomAsync("s", "other", default));

        source.Plan = static (_, _) => null;
        Assert.Equal(ReplayAdmission.Added, await AddAsync(cache, "s", "k", Nonce(2)));
    }

    [Fact]
    public async Task Entry_outlives_the_rollback_of_the_callers_ambient_transaction()
    {
        SqlReplayCache cache = Sql();
        using (new TransactionScope(TransactionScopeAsyncFlowOption.Enabled))
        {
            Assert.True(await cache.HasRoomAsync("s", "k", default));
            Assert.Equal(ReplayAdmission.Added, await AddAsync(cache, "s", "k", Nonce(1)));
        }

        Assert.Equal(ReplayAdmission.Replayed, await AddAsync(cache, "s", "k", Nonce(1)));
    }

    [Fact]
    public async Task Entry_is_kept_a_minute_longer_for_receivers_whose_clocks_are_behind()
    {
        SqlReplayCache cache = Sql();
        await cache.TryAddAsync("s", "k", Nonce(1).AsMemory(), Now.AddMinutes(6), default);

        await AdvanceAsync(TimeSpan.FromMinutes(6) + TimeSpan.FromSeconds(30));

        Assert.Equal(0, await cache.PurgeAsync());
        Assert.Equal(ReplayAdmission.Replayed, await AddAsync(cache, "s", "k", Nonce(1)));
    }

    [Fact]
    public async Task Purge_deletes_expired_entries_in_batches_and_no_others()
    {
        SqlReplayCache cache = Sql();
        await FillAsync(703);
        await AddAsync(cache, "s", "k", Nonce(1));
        List<int> deleted = [];
        for (int i = 0; i < 3; i++)
        {
            deleted.Add(await cache.PurgeAsync());
        }

        Assert.Equal([500, 203, 0], deleted);
        Assert.Equal(500, cache.PurgeBatchSize);
        Assert.Equal(ReplayAdmission.Replayed, await AddAsync(cache, "s", "k", Nonce(1)));
    }

    [Fact]
    public async Task Expired_entries_leave_the_table_although_no_service_purges_it()
    {
        SqlReplayCache cache = Sql();
        await FillAsync(300);

        for (int i = 0; i < 64; i++)
        {
            await AddAsync(cache, "s", "k", Nonce(i));
        }

        Assert.Equal(64, await CountAsync());
    }

    [Fact]
    public async Task Missing_table_is_named_at_start_together_with_the_cure()
    {
        SqlReplayCache cache = Sql();
        await cache.CheckAsync();
        await Database.ExecuteAsync("DROP TABLE adcp_webhook_nonces");

        InvalidOperationException missing = await Assert.ThrowsAsync<InvalidOperationException>(async () => await cache.CheckAsync());

        Assert.Contains("adcp_webhook_nonces", missing.Message, StringComparison.Ordinal);
        Assert.Contains("CreateIfAbsentAsync", missing.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bad_arguments_are_refused_at_once()
    {
        Assert.Throws<ArgumentNullException>(() => new SqlReplayCache(null!, dialect));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SqlReplayCache(Database.Source, SqlDialect.Any));
        Assert.Equal("maxPerKey", Assert.Throws<ArgumentOutOfRangeException>(() => Sql(maxPerKey: 0)).ParamName);
        Assert.Equal("maxTotal", Assert.Throws<ArgumentOutOfRangeException>(() => Sql(maxTotal: 10_000_001)).ParamName);
        Assert.Equal("maxPerSender", Assert.Throws<ArgumentOutOfRangeException>(() => Sql(maxPerSender: 0)).ParamName);
    }

    public override async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync(dialect);
        await Sql().CreateIfAbsentAsync();
    }

    private protected override ValueTask DropAsync() => _database?.DisposeAsync() ?? default;

    private protected override IReplayCache Open(int maxPerKey, int maxTotal, int? maxPerSender) => Sql(maxPerKey, maxTotal, maxPerSender);

    private protected override async Task AdvanceAsync(TimeSpan time)
    {
        _time.Advance(time);
        string past = ((long)time.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        await Database.ExecuteAsync($"UPDATE adcp_webhook_nonces SET expires_at = expires_at - {past}");
    }

    private SqlReplayCache Sql(
        int maxPerKey = 100_000, int maxTotal = 1_000_000, int? maxPerSender = null, DbDataSource? source = null) =>
        new(source ?? Database.Source, dialect, maxPerKey, maxTotal, _time, maxPerSender);

    private Task<long> CountAsync() => Database.CountAsync("SELECT COUNT(*) FROM adcp_webhook_nonces");

    /// <summary>Adds expired entries of the test's own.</summary>
    private Task<object?> FillAsync(int rows) => Database.ExecuteAsync(
        "INSERT INTO adcp_webhook_nonces (sender, key_id, nonce, owner, expires_at) VALUES "
        + string.Join(", ", Enumerable.Range(0, rows).Select(i => $"('s', 'k', 'old{i}', 1, {i})")));
}

/// <summary>The contract of a replay cache, for each of ours.</summary>
public abstract class ReplayCacheContract : IAsyncLifetime
{
    private protected static readonly TimeSpan TimeToLive = TimeSpan.FromMinutes(6);

    private protected abstract DateTimeOffset Now { get; }

    [Fact]
    public async Task Nonce_is_admitted_once_for_each_key_of_each_sender()
    {
        IReplayCache cache = Open();
        (string, string)[] keys = [("a", "k"), ("b", "k"), ("a", "K"), ("a", "k "), ("", "k"), ("ab", ""), ("a", "b")];
        foreach ((string sender, string key) in keys)
        {
            Assert.Equal(ReplayAdmission.Added, await AddAsync(cache, sender, key, Nonce(1)));
            Assert.Equal(ReplayAdmission.Replayed, await AddAsync(cache, sender, key, Nonce(1)));
        }
    }

    [Fact]
    public async Task Nonces_that_look_alike_do_not_meet()
    {
        IReplayCache cache = Open();
        string tail = new('x', 20);
        foreach (string nonce in new[]
        {
            "aa" + tail, "Aa" + tail, "aA" + tail, "-_" + tail, "%%" + tail, "aa" + tail + " ", new string('n', 300) + "1",
            new string('n', 300) + "2",
        })
        {
            Assert.Equal(ReplayAdmission.Added, await AddAsync(cache, "s", "k", nonce));
            Assert.Equal(ReplayAdmission.Replayed, await AddAsync(cache, "s", "k", nonce));
        }
    }

    [Fact]
    public async Task Full_key_is_refused_keeps_its_entries_and_takes_no_room_from_others()
    {
        IReplayCache cache = Open(maxPerKey: 5);
        for (int i = 0; i < 5; i++)
        {
            Assert.True(await cache.HasRoomAsync("s", "storm", default));
            Assert.Equal(ReplayAdmission.Added, await AddAsync(cache, "s", "storm", Nonce(i)));
        }

        Assert.False(await cache.HasRoomAsync("s", "storm", default));
        Assert.Equal(ReplayAdmission.Full, await AddAsync(cache, "s", "storm", Nonce(5)));
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(ReplayAdmission.Replayed, await AddAsync(cache, "s", "storm", Nonce(i)));
        }

        Assert.True(await cache.HasRoomAsync("s", "quiet", default));
        Assert.Equal(ReplayAdmission.Added, await AddAsync(cache, "s", "quiet", Nonce(5)));
        Assert.True(await cache.HasRoomAsync("honest", "storm", default));
        Assert.Equal(ReplayAdmission.Added, await AddAsync(cache, "honest", "storm", Nonce(5)));
    }

    [Fact]
    public async Task Many_keys_of_one_sender_cannot_fill_the_cache_for_others()
    {
        IReplayCache cache = Open(maxPerKey: 4, maxPerSender: 6);
        List<ReplayAdmission> admissions = [];
        for (int i = 0; i < 9; i++)
        {
            admissions.Add(await AddAsync(cache, "attacker", "k" + (i / 3).ToString(CultureInfo.InvariantCulture), Nonce(i)));
        }

        Assert.Equal(6, admissions.Count(admission => admission == ReplayAdmission.Added));
        Assert.False(await cache.HasRoomAsync("attacker", "k9", default));
        Assert.Equal(ReplayAdmission.Added, await AddAsync(cache, "honest", "k", Nonce(1)));
    }

    [Fact]
    public async Task Whole_is_bounded_and_gets_room_back_by_time_only()
    {
        IReplayCache cache = Open(maxPerKey: 4, maxTotal: 6, maxPerSender: 4);
        List<ReplayAdmission> admissions = [];
        for (int i = 0; i < 9; i++)
        {
            admissions.Add(await AddAsync(cache, "s" + (i / 3).ToString(CultureInfo.InvariantCulture), "k", Nonce(i)));
        }

        Assert.Equal(6, admissions.Count(admission => admission == ReplayAdmission.Added));
        Assert.False(await cache.HasRoomAsync("new", "k", default));

        await AdvanceAsync(TimeToLive + TimeSpan.FromMinutes(2));

        Assert.True(await cache.HasRoomAsync("new", "k", default));
        Assert.Equal(ReplayAdmission.Added, await AddAsync(cache, "new", "k", Nonce(1)));
    }

    [Fact]
    public async Task Entry_lives_until_it_expires_and_is_forgotten_within_two_minutes()
    {
        IReplayCache cache = Open();
        Assert.Equal(ReplayAdmission.Added, await AddAsync(cache, "s", "k", Nonce(1)));
        await AdvanceAsync(TimeToLive);
        Assert.Equal(ReplayAdmission.Replayed, await AddAsync(cache, "s", "k", Nonce(1)));

        await AdvanceAsync(TimeSpan.FromMinutes(2));

        Assert.Equal(ReplayAdmission.Added, await AddAsync(cache, "s", "k", Nonce(1)));
        Assert.Equal(ReplayAdmission.Replayed, await AddAsync(cache, "s", "k", Nonce(1)));
    }

    [Fact]
    public async Task Of_many_at_a_time_each_nonce_is_admitted_once()
    {
        IReplayCache cache = Open();
        ConcurrentBag<ReplayAdmission> seen = [];

        await Parallel.ForAsync(
            0,
            160,
            new ParallelOptions { MaxDegreeOfParallelism = 16 },
            async (i, _) => seen.Add(await AddAsync(cache, "s", "k", Nonce(i / 16))));

        Assert.Equal(10, seen.Count(admission => admission == ReplayAdmission.Added));
        Assert.Equal(150, seen.Count(admission => admission == ReplayAdmission.Replayed));
    }

    [Theory]
    [InlineData("short")]
    [InlineData("ääääääääääääääääääääääää")]
    public async Task Text_that_is_no_nonce_is_an_argument_fault(string nonce) =>
        Assert.Equal("nonce", (await Assert.ThrowsAsync<ArgumentException>(() => AddAsync(Open(), "s", "k", nonce))).ParamName);

    public virtual ValueTask InitializeAsync() => default;

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await DropAsync();
    }

    private protected virtual ValueTask DropAsync() => default;

    private protected IReplayCache Open(int maxPerKey = 1000, int? maxPerSender = null) => Open(maxPerKey, 100_000, maxPerSender);

    private protected abstract IReplayCache Open(int maxPerKey, int maxTotal, int? maxPerSender);

    /// <summary>Lets time pass for caches and their database.</summary>
    private protected abstract Task AdvanceAsync(TimeSpan time);

    private protected static string Nonce(int i)
    {
        byte[] bytes = new byte[16];
        BitConverter.TryWriteBytes(bytes, i);
        return Base64Url.EncodeToString(bytes);
    }

    private protected Task<ReplayAdmission> AddAsync(IReplayCache cache, string sender, string key, string nonce) =>
        cache.TryAddAsync(sender, key, nonce.AsMemory(), Now + TimeToLive, default).AsTask();
}
