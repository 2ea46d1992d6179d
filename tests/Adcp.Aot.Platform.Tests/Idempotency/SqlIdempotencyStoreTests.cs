using System.Data.Common;
using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Storage;
using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Platform.Tests.Idempotency;

public sealed class SqliteIdempotencyStoreTests() : SqlIdempotencyStoreTests(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlIdempotencyStoreTests() : SqlIdempotencyStoreTests(SqlDialect.PostgreSql);

[Needs(Resource.MySql)]
public sealed class MySqlIdempotencyStoreTests() : SqlIdempotencyStoreTests(SqlDialect.MySql);

/// <summary>The contract on a database, with each call from another process.</summary>
public abstract class SqlIdempotencyStoreTests(SqlDialect dialect) : IdempotencyStoreContract
{
    private TestDatabase? _database;

    [Fact]
    public void It_outlives_the_process() => Assert.True(Store.IsDurable);

    [Fact]
    public async Task Rows_are_purged_when_they_say_nothing_any_more()
    {
        IExpiringStore expiring = (IExpiringStore)Store;
        Assert.True(await Store.CompleteAsync(await ClaimAsync(), "{}"));
        Assert.True(await Store.ReleaseAsync(await ClaimAsync(request: new string('b', 64))));
        Time.Advance(TimeSpan.FromHours(24));
        Assert.Equal(0, await expiring.PurgeAsync());
        Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(1, await expiring.PurgeAsync());
        Assert.Equal(IdempotencyClaimStatus.Expired, (await ClaimAsync()).Status);
        Time.Advance(TimeSpan.FromDays(7) + TimeSpan.FromSeconds(1));
        Assert.Equal(1, await expiring.PurgeAsync());
        Assert.Equal(IdempotencyClaimStatus.Owned, (await ClaimAsync()).Status);
    }

    [Fact]
    public async Task A_tenant_has_its_share_of_rows_and_another_has_its_own()
    {
        SqlIdempotencyStore store =
            new(_database!.Source, dialect, new IdempotencyStoreOptions { TimeProvider = Time, MaxRequestsPerTenant = 2 });
        await store.ClaimAsync("greedy", new string('a', 64), Asked, Lease);
        await store.ClaimAsync("greedy", new string('b', 64), Asked, Lease);

        IdempotencyClaimStatus third = (await store.ClaimAsync("greedy", new string('c', 64), Asked, Lease)).Status;

        Assert.Equal(IdempotencyClaimStatus.Full, third);
        Assert.Equal(IdempotencyClaimStatus.InFlight, (await store.ClaimAsync("greedy", new string('a', 64), Asked, Lease)).Status);
        Assert.Equal(IdempotencyClaimStatus.Owned, (await store.ClaimAsync("victim", new string('c', 64), Asked, Lease)).Status);
    }

    [Fact]
    public async Task A_claim_is_made_although_the_first_connections_are_stale()
    {
        await using StaleSource stale = new(_database!.Source, 2);
        SqlIdempotencyStore store = new(stale, dialect, new IdempotencyStoreOptions { TimeProvider = Time });

        IdempotencyClaim claim = await store.ClaimAsync("buyer", Request, Asked, Lease);

        Assert.Equal(IdempotencyClaimStatus.Owned, claim.Status);
        Assert.True(await store.CompleteAsync(claim, "{}"));
    }

    [Fact]
    public async Task A_large_answer_is_kept_whole()
    {
        string answer = "\"" + new string('é', 1_000_000) + "\"";
        Assert.True(await Store.CompleteAsync(await ClaimAsync(), answer));
        Assert.Equal(answer, (await ClaimAsync()).Answer);
    }

    [Fact]
    public async Task Claim_and_answer_whose_commit_lost_its_answer_are_kept()
    {
        FaultyDataSource source = new(_database!.Source);
        IIdempotencyStore store = Open(source);
        source.Once("INSERT", Fault.LostAnswer());
        IdempotencyClaim claim = await ClaimAsync(store);
        source.Once("UPDATE", Fault.LostAnswer());

        bool kept = await store.CompleteAsync(claim, "{}");

        Assert.Equal(IdempotencyClaimStatus.Owned, claim.Status);
        Assert.True(kept);
        Assert.Equal("{}", (await ClaimAsync()).Answer);
    }

    [Fact]
    public async Task Settling_whose_call_threw_after_its_commit_succeeds_when_it_is_called_again()
    {
        FaultyDataSource source = new(_database!.Source);
        IIdempotencyStore store = Open(source);
        IdempotencyClaim claim = await ClaimAsync(store);
        Lose(source, "UPDATE");
        await Assert.ThrowsAsync<IOException>(() => SettleAsync());
        source.Plan = static (_, _) => null;

        Assert.True(await SettleAsync());

        Assert.Equal(IdempotencyClaimStatus.Answered, (await ClaimAsync()).Status);

        async Task<bool> SettleAsync() => await store.CompleteAsync(claim, "{}");
    }

    private static async Task<IdempotencyClaim> ClaimAsync(IIdempotencyStore store) =>
        await store.ClaimAsync("buyer", new string('a', 64), Asked, TimeSpan.FromMinutes(1));

    /// <summary>Loses the answer to a statement, and keeps the database away.</summary>
    private static void Lose(FaultyDataSource source, string statement)
    {
        bool away = false;
        source.Plan = (sql, _) =>
        {
            if (!away && !sql.StartsWith(statement, StringComparison.Ordinal))
            {
                return null;
            }

            Fault fault = away ? Fault.Stale() : Fault.LostAnswer();
            away = true;
            return fault;
        };
    }

    protected override async Task PrepareAsync()
    {
        _database = await TestDatabase.CreateAsync(dialect);
        await ((SqlIdempotencyStore)Open()).CreateIfAbsentAsync();
    }

    protected override async Task EndAsync()
    {
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }

    private protected override IIdempotencyStore Open() => Open(_database!.Source);

    private SqlIdempotencyStore Open(DbDataSource source) => new(source, dialect, new IdempotencyStoreOptions { TimeProvider = Time });

    /// <summary>Connections that a server ended while they were pooled: the first ones cannot be used.</summary>
    private sealed class StaleSource(DbDataSource inner, int stale) : DbDataSource
    {
        private int _left = stale;

        public override string ConnectionString => inner.ConnectionString;

        protected override DbConnection CreateDbConnection() => inner.CreateConnection();

        protected override ValueTask<DbConnection> OpenDbConnectionAsync(CancellationToken cancellationToken = default) =>
            _left-- > 0 ? throw new StaleException() : inner.OpenConnectionAsync(cancellationToken);
    }

    private sealed class StaleException() : DbException("57P01: terminating connection due to administrator command");
}
