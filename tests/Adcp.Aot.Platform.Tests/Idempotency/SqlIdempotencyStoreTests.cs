using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
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
public abstract class SqlIdempotencyStoreTests(SqlDialect dialect) : IdempotencyStoreTests
{
    private static readonly SecretsAtRest Secrets = SecretsAtRest.EncryptedWith(new EncryptionKey("k1", new byte[32]));

    private TestDatabase? _database;

    [Fact]
    public async Task Neither_key_nor_answer_can_be_read_in_the_database()
    {
        const string Answer = """{"media_buy_id":"mb_secret"}""";
        Assert.True(await Store.CompleteAsync(await ClaimAsync(), Answer));

        string rows = "";
        await using (DbCommand command = _database!.Source.CreateCommand("SELECT request, fingerprint, answer FROM adcp_requests"))
        await using (DbDataReader reader = await command.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
            {
                for (int i = 0; i < 3; i++)
                {
                    rows += reader.GetValue(i) is byte[] bytes ? Encoding.UTF8.GetString(bytes) : reader.GetValue(i);
                }
            }
        }

        Assert.DoesNotContain("mb_secret", rows, StringComparison.Ordinal);
        Assert.DoesNotContain(Request, rows, StringComparison.Ordinal);
        Assert.DoesNotContain(Asked, rows, StringComparison.Ordinal);
        Assert.Equal(Answer, (await ClaimAsync()).Answer);
        SqlIdempotencyStore unkeyed = new(_database.Source, dialect);
        await Assert.ThrowsAsync<CryptographicException>(async () => await unkeyed.ClaimAsync("buyer", Request, Asked, Lease));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_answer_in_the_callers_transaction_is_kept_if_and_only_if_that_commits(bool commits)
    {
        IdempotencyClaim claim = await ClaimAsync();
        await using (DbConnection connection = await _database!.Source.OpenConnectionAsync())
        await using (DbTransaction transaction = await connection.BeginTransactionAsync())
        {
            Assert.True(await Store.CompleteAsync(claim, "{}", transaction));
            await (commits ? transaction.CommitAsync() : transaction.RollbackAsync());
        }

        bool isReleased = await Store.ReleaseAsync(claim);

        Assert.Equal(!commits, isReleased);
        Assert.Equal(commits ? IdempotencyClaimStatus.Answered : IdempotencyClaimStatus.Owned, (await ClaimAsync()).Status);
    }

    [Fact]
    public async Task A_claim_that_was_taken_over_keeps_no_answer_in_a_transaction()
    {
        IdempotencyClaim claim = await ClaimAsync();
        await AdvanceAsync(Lease);
        Assert.Equal(IdempotencyClaimStatus.Unresolved, (await ClaimAsync()).Status);
        await using DbConnection connection = await _database!.Source.OpenConnectionAsync();
        await using DbTransaction transaction = await connection.BeginTransactionAsync();

        Assert.False(await Store.CompleteAsync(claim, "{}", transaction));
    }

    [Fact]
    public void It_outlives_the_process() => Assert.True(Store.IsDurable);

    [Fact]
    public async Task Rows_are_purged_when_they_say_nothing_any_more()
    {
        IExpiringStore expiring = (IExpiringStore)Store;
        Assert.True(await Store.CompleteAsync(await ClaimAsync(), "{}"));
        await AdvanceAsync(TimeSpan.FromHours(24) + TimeSpan.FromMinutes(2));
        Assert.Equal(0, await expiring.PurgeAsync());
        Assert.Equal(IdempotencyClaimStatus.Expired, (await ClaimAsync()).Status);
        await AdvanceAsync(TimeSpan.FromDays(7));
        Assert.Equal(1, await expiring.PurgeAsync());
        Assert.Equal(IdempotencyClaimStatus.Owned, (await ClaimAsync()).Status);
    }

    [Fact]
    public async Task A_tenant_has_its_share_of_rows_and_another_has_its_own()
    {
        SqlIdempotencyStore store =
            new(_database!.Source, dialect, new IdempotencyStoreOptions { MaxRequestsPerTenant = 2 });
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
        SqlIdempotencyStore store = new(stale, dialect);

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

    private SqlIdempotencyStore Open(DbDataSource source) => new(source, dialect, new IdempotencyStoreOptions { Secrets = Secrets });

    /// <summary>The database's clock cannot be turned, so the times in the rows are.</summary>
    protected override async ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        string past = ((long)time.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        await _database!.ExecuteAsync(
            $"UPDATE adcp_requests SET ends_at = ends_at - {past}, delete_at = delete_at - {past} WHERE request <> 'salt'");
    }

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
