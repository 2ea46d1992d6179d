using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Transactions;
using Adcp.Aot.Receiving;
using Adcp.Aot.Storage.Tests.Databases;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Storage.Tests.Claims;

public sealed class SqliteWebhookClaimStoreTests() : SqlWebhookClaimStoreTests(SqlDialect.Sqlite)
{
    [Fact]
    public async Task Files_of_the_database_can_be_read_by_their_owner_only()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("File modes are Unix's.");
            return;
        }

        string path = new Microsoft.Data.Sqlite.SqliteConnectionStringBuilder(Database.ConnectionString).DataSource;

        await Claim(Open());

        foreach (string file in new[] { path, path + "-wal", path + "-shm" })
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }
    }
}

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlWebhookClaimStoreTests() : SqlWebhookClaimStoreTests(SqlDialect.PostgreSql)
{
    [Fact]
    public async Task Clock_is_right_in_any_time_zone()
    {
        await using DbDataSource source = Npgsql.NpgsqlDataSource.Create(Database.ConnectionString + ";Timezone=Asia/Tokyo");

        await AssertClockAsync(source);
    }
}

[Needs(Resource.MySql)]
public sealed class MySqlWebhookClaimStoreTests() : SqlWebhookClaimStoreTests(SqlDialect.MySql)
{
    [Fact]
    public async Task Clock_is_right_in_any_time_zone()
    {
        await using DbDataSource source = new MySqlConnector.MySqlDataSourceBuilder(Database.ConnectionString)
            .UseConnectionOpenedCallback(static async (context, cancellationToken) =>
            {
                await using MySqlConnector.MySqlCommand command = new("SET SESSION time_zone = '+09:00'", context.Connection);
                await command.ExecuteNonQueryAsync(cancellationToken);
            }).Build();

        await AssertClockAsync(source);
    }
}

/// <summary>The tests of a claim store on SQL beyond the contract, the same on every database.</summary>
public abstract class SqlWebhookClaimStoreTests(SqlDialect dialect) : ClaimStoreContract, IAsyncLifetime
{
    private const string Key = "whk_0123456789abcdef";

    private static readonly TimeSpan Lease = TimeSpan.FromHours(1);
    private static readonly TimeSpan Retention = TimeSpan.FromHours(24);

    private readonly ShiftedTime _time = new();
    private TestDatabase? _database;

    public static TheoryData<string> Contract { get; } = [.. Rules];

    public static TheoryData<string> Lost { get; } = ["insert", "take over", "replace", "renew", "complete", "release"];

    private protected TestDatabase Database => _database!;

    [Theory]
    [MemberData(nameof(Contract))]
    public Task Keeps_the_rule(string rule) => CheckAsync(rule, TestContext.Current.CancellationToken);

    [Fact]
    public async Task Claims_are_there_after_a_restart_and_are_durable()
    {
        IWebhookClaimStore store = Open();
        WebhookClaim completed = await Claim(store, key: Key + "1");
        Assert.True(await store.CompleteAsync(completed, default));
        WebhookClaim held = await Claim(store, key: Key + "2");

        IWebhookClaimStore again = Open();

        Assert.True(again.IsDurable);
        Assert.Equal(ClaimStatus.Completed, (await Claim(again, key: Key + "1")).Status);
        Assert.Equal(ClaimStatus.InProgress, (await Claim(again, key: Key + "2")).Status);
        Assert.True(await again.CompleteAsync(held, default));
    }

    [Fact]
    public async Task Two_stores_over_one_database_own_a_key_once()
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

    [Theory]
    [MemberData(nameof(Lost))]
    public async Task Call_whose_answer_was_lost_has_its_effect_once_and_says_so(string call)
    {
        IWebhookClaimStore sound = Open();
        WebhookClaim held = call == "insert" ? default : await Claim(sound);
        await AdvanceAsync(call switch
        {
            "take over" => Lease,
            "replace" => Retention,
            _ => TimeSpan.Zero,
        });
        FaultyDataSource source = new(Database.Source);
        IWebhookClaimStore store = Sql(source: source);
        source.Once(call == "insert" ? "INSERT" : "UPDATE", Fault.LostAnswer());

        switch (call)
        {
            case "renew":
                Assert.True(await store.RenewAsync(held, Lease, default));
                break;
            case "complete":
                Assert.True(await store.CompleteAsync(held, default));
                break;
            case "release":
                Assert.True(await store.ReleaseAsync(held, default));
                break;
            default:
                held = await Claim(store);
                Assert.Equal(ClaimStatus.Owned, held.Status);
                break;
        }

        ClaimStatus expected = call switch
        {
            "complete" => ClaimStatus.Completed,
            "release" => ClaimStatus.Owned,
            _ => ClaimStatus.InProgress,
        };
        Assert.Equal(expected, (await Claim(sound)).Status);
        Assert.True(source.Opened > 1);
        Assert.Equal(call is not "release", await sound.CompleteAsync(held, default));
    }

    [Fact]
    public async Task Connections_that_were_dead_are_replaced()
    {
        FaultyDataSource source = new(Database.Source);
        IWebhookClaimStore store = Sql(source: source);
        source.Once("INSERT", Fault.Stale());
        WebhookClaim claim = await Claim(store);
        source.Once("UPDATE", Fault.Stale());

        Assert.True(await store.CompleteAsync(claim, default));

        source.Once("SELECT owner", Fault.Stale());
        Assert.Equal(ClaimStatus.Completed, (await Claim(store)).Status);
    }

    [Fact]
    public async Task Refusal_that_no_row_explains_is_thrown_and_takes_no_room()
    {
        FaultyDataSource source = new(Database.Source);
        IWebhookClaimStore store = Sql(1, source);
        source.Plan = (sql, _) =>
            sql.StartsWith("INSERT", StringComparison.Ordinal)
                ? new Fault(new FaultException("a trigger of the adopter's", "23514"))
                : null;

        await Assert.ThrowsAsync<FaultException>(async () => await Claim(store));

        source.Plan = static (_, _) => null;
        Assert.Equal(ClaimStatus.Owned, (await Claim(store)).Status);
    }

    [Fact]
    public async Task Claim_outlives_the_rollback_of_the_callers_ambient_transaction()
    {
        IWebhookClaimStore store = Open();
        WebhookClaim claim;
        using (new TransactionScope(TransactionScopeAsyncFlowOption.Enabled))
        {
            claim = await Claim(store);
            Assert.True(await store.CompleteAsync(claim, default));
        }

        Assert.Equal(ClaimStatus.Completed, (await Claim(store)).Status);
    }

    [Fact]
    public async Task Purge_deletes_expired_bindings_in_batches_and_no_others()
    {
        SqlWebhookClaimStore store = Sql(100_000);
        await FillAsync(1203);
        await AdvanceAsync(Retention);
        WebhookClaim live = await Claim(store);

        List<int> deleted = [];
        for (int i = 0; i < 4; i++)
        {
            deleted.Add(await store.PurgeAsync());
        }

        Assert.Equal([500, 500, 203, 0], deleted);
        Assert.Equal(500, store.PurgeBatchSize);
        Assert.Equal(1, await CountAsync());
        Assert.True(await store.CompleteAsync(live, default));
    }

    [Fact]
    public async Task Expired_bindings_leave_the_table_although_no_service_purges_it()
    {
        SqlWebhookClaimStore store = Sql(100_000);
        await FillAsync(300);
        await AdvanceAsync(Retention);

        for (int i = 0; i < 64; i++)
        {
            await Claim(store, key: Key + "new" + i.ToString(CultureInfo.InvariantCulture));
        }

        Assert.Equal(64, await CountAsync());
    }

    [Fact]
    public async Task Bound_covers_the_rows_of_other_processes()
    {
        SqlWebhookClaimStore one = Sql(8);
        SqlWebhookClaimStore two = Sql(8);
        List<ClaimStatus> seen = [];
        for (int i = 0; i < 10; i++)
        {
            seen.Add((await Claim(i % 2 == 0 ? one : two, key: Key + i.ToString(CultureInfo.InvariantCulture))).Status);
        }

        Assert.Equal(8, seen.Count(status => status == ClaimStatus.Owned));
        Assert.Equal(2, seen.Count(status => status == ClaimStatus.SenderFull));
    }

    [Fact]
    public async Task Missing_table_is_named_at_start_together_with_the_cure()
    {
        SqlWebhookClaimStore store = Sql();
        await store.CheckAsync();
        await Database.ExecuteAsync("DROP TABLE adcp_webhook_claims");

        InvalidOperationException missing = await Assert.ThrowsAsync<InvalidOperationException>(async () => await store.CheckAsync());

        Assert.Contains("adcp_webhook_claims", missing.Message, StringComparison.Ordinal);
        Assert.Contains("CreateIfAbsentAsync", missing.Message, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<DbException>(async () => await Claim(store));
    }

    [Fact]
    public async Task Creating_the_table_again_keeps_its_claims()
    {
        SqlWebhookClaimStore store = Sql();
        await Claim(store);

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => store.CreateIfAbsentAsync().AsTask()));

        Assert.Equal(ClaimStatus.InProgress, (await Claim(store)).Status);
    }

    [Fact]
    public async Task Bad_arguments_are_refused_at_once()
    {
        Assert.Throws<ArgumentNullException>(() => new SqlWebhookClaimStore(null!, dialect));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SqlWebhookClaimStore(Database.Source, SqlDialect.Any));
        Assert.Throws<ArgumentOutOfRangeException>(() => Open(0));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Open().ClaimAsync("s", Key, new byte[31], Lease, Retention, default));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Claim(Open(), sender: null!));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Claim(Open(), key: null!));
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

    protected override ValueTask<IWebhookClaimStore> OpenAsync(int maxKeysPerSender, CancellationToken cancellationToken) =>
        new(Sql(maxKeysPerSender));

    protected override async ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        _time.Advance(time);
        string past = ((long)time.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        await Database.ExecuteAsync(
            $"UPDATE adcp_webhook_claims SET retain_until = retain_until - {past}, "
            + $"lease_until = CASE WHEN lease_until = 0 THEN 0 ELSE lease_until - {past} END");
    }

    private protected SqlWebhookClaimStore Open(int maxKeysPerSender = 1000) => Sql(maxKeysPerSender);

    private protected static ValueTask<WebhookClaim> Claim(
        IWebhookClaimStore store, string key = Key, string sender = "https://seller.example", string payload = "p") =>
        store.ClaimAsync(sender, key, SHA256.HashData(Encoding.Unicode.GetBytes(payload)), Lease, Retention, default);

    private ValueTask AdvanceAsync(TimeSpan time) => AdvanceAsync(time, default);

    private protected async Task AssertClockAsync(DbDataSource source)
    {
        DateTimeOffset before = DateTimeOffset.UtcNow.AddSeconds(-1);
        await using DbCommand command = source.CreateCommand($"SELECT {SqlClock.Now(dialect)}");

        DateTimeOffset now = DateTimeOffset.FromUnixTimeMilliseconds(
            Convert.ToInt64(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture));

        Assert.InRange(now, before, DateTimeOffset.UtcNow.AddSeconds(1));
    }

    private SqlWebhookClaimStore Sql(int maxKeysPerSender = 1000, DbDataSource? source = null) =>
        new(source ?? Database.Source, dialect, maxKeysPerSender, _time);

    private Task<long> CountAsync() => Database.CountAsync("SELECT COUNT(*) FROM adcp_webhook_claims");

    /// <summary>Adds completed bindings of the test's own.</summary>
    private async Task FillAsync(int rows)
    {
        string end = (DateTimeOffset.UtcNow + Retention).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        string completed = dialect == SqlDialect.PostgreSql ? "TRUE" : "1";
        IEnumerable<string> values = Enumerable.Range(0, rows).Select(i => $"('s', 'old{i}', 'f', 1, {completed}, 0, {end})");
        await Database.ExecuteAsync(
            "INSERT INTO adcp_webhook_claims (sender, idempotency_key, fingerprint, owner, is_completed, lease_until, retain_until) VALUES "
            + string.Join(", ", values));
    }
}
