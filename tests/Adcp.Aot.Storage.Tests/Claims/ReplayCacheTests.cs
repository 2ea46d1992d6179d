using System.Buffers.Text;
using System.Data.Common;
using System.Globalization;
using System.Transactions;
using Adcp.Aot.Storage.Tests.Databases;
using Adcp.Aot.Testing;
using Adcp.Aot.Verification;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Claims;

public sealed class InMemoryReplayCacheTests : ReplayCacheContract
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 4, 18, 10, 0, 0, TimeSpan.Zero));

    public static TheoryData<string> Contract { get; } = [.. Rules];

    protected override DateTimeOffset Now => _time.GetUtcNow();

    [Theory]
    [MemberData(nameof(Contract))]
    public Task Keeps_the_rule(string rule) => CheckAsync(rule, TestContext.Current.CancellationToken);

    protected override ValueTask<IReplayCache> OpenAsync(
        int maxPerKey, int maxTotal, int maxPerSender, CancellationToken cancellationToken) =>
        new(new InMemoryReplayCache(maxPerKey, maxTotal, _time, maxPerSender));

    protected override ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        _time.Advance(time);
        return default;
    }
}

public sealed class SqliteReplayCacheTests() : SqlReplayCacheTests(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlReplayCacheTests() : SqlReplayCacheTests(SqlDialect.PostgreSql);

[Needs(Resource.MySql)]
public sealed class MySqlReplayCacheTests() : SqlReplayCacheTests(SqlDialect.MySql);

/// <summary>The tests of a replay cache on SQL beyond the contract, the same on every database.</summary>
public abstract class SqlReplayCacheTests(SqlDialect dialect) : ReplayCacheContract, IAsyncLifetime
{
    private readonly ShiftedTime _time = new();
    private TestDatabase? _database;

    public static TheoryData<string> Contract { get; } = [.. Rules];

    protected override DateTimeOffset Now => _time.GetUtcNow();

    private TestDatabase Database => _database!;

    [Theory]
    [MemberData(nameof(Contract))]
    public Task Keeps_the_rule(string rule) => CheckAsync(rule, TestContext.Current.CancellationToken);

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

    public async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync(dialect);
        await Sql().CreateIfAbsentAsync();
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }

    protected override ValueTask<IReplayCache> OpenAsync(
        int maxPerKey, int maxTotal, int maxPerSender, CancellationToken cancellationToken) =>
        new(Sql(maxPerKey, maxTotal, maxPerSender));

    protected override async ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        _time.Advance(time);
        string past = ((long)time.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        await Database.ExecuteAsync($"UPDATE adcp_webhook_nonces SET expires_at = expires_at - {past}");
    }

    private ValueTask AdvanceAsync(TimeSpan time) => AdvanceAsync(time, default);

    private static string Nonce(int i)
    {
        byte[] bytes = new byte[16];
        BitConverter.TryWriteBytes(bytes, i);
        return Base64Url.EncodeToString(bytes);
    }

    private Task<ReplayAdmission> AddAsync(SqlReplayCache cache, string sender, string key, string nonce) =>
        cache.TryAddAsync(sender, key, nonce.AsMemory(), Now.AddMinutes(6), default).AsTask();

    private SqlReplayCache Sql(
        int maxPerKey = 100_000, int maxTotal = 1_000_000, int? maxPerSender = null, DbDataSource? source = null) =>
        new(source ?? Database.Source, dialect, maxPerKey, maxTotal, _time, maxPerSender);

    private Task<long> CountAsync() => Database.CountAsync("SELECT COUNT(*) FROM adcp_webhook_nonces");

    /// <summary>Adds expired entries of the test's own.</summary>
    private Task<object?> FillAsync(int rows) => Database.ExecuteAsync(
        "INSERT INTO adcp_webhook_nonces (sender, key_id, nonce, owner, expires_at) VALUES "
        + string.Join(", ", Enumerable.Range(0, rows).Select(i => $"('s', 'k', 'old{i}', 1, {i})")));
}
