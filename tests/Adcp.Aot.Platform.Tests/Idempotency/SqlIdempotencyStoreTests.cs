using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Storage;
using Adcp.Aot.Storage.A2A;
using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Platform.Tests.Idempotency;

public sealed class SqliteIdempotencyStoreTests() : SqlIdempotencyStoreTests(SqlDialect.Sqlite);

public sealed class PostgreSqlIdempotencyStoreTests() : SqlIdempotencyStoreTests(SqlDialect.PostgreSql);

public sealed class MySqlIdempotencyStoreTests() : SqlIdempotencyStoreTests(SqlDialect.MySql);

/// <summary>The contract on a database, where each call is another process's.</summary>
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
    public async Task A_large_answer_is_kept_whole()
    {
        string answer = "\"" + new string('é', 1_000_000) + "\"";
        Assert.True(await Store.CompleteAsync(await ClaimAsync(), answer));
        Assert.Equal(answer, (await ClaimAsync()).Answer);
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

    private protected override IIdempotencyStore Open() => new SqlIdempotencyStore(_database!.Source, dialect, new IdempotencyStoreOptions { TimeProvider = Time });
}
