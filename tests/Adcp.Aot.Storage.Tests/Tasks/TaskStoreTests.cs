using Adcp.Aot.Testing;
using static Adcp.Aot.Storage.Tests.Tasks.StoreBench;

namespace Adcp.Aot.Storage.Tests.Tasks;

/// <summary>The tests of a generated task store, the same on every database: the contract, and those that look into the table.</summary>
public abstract class TaskStoreTests(SqlDialect dialect) : TaskStoreContract<TestTask>, IAsyncLifetime
{
    private StoreBench _bench = null!;

    public static TheoryData<string> Contract { get; } = [.. Rules];

    protected override DateTimeOffset Now => _bench.Time.GetUtcNow();

    [Theory]
    [MemberData(nameof(Contract))]
    public Task Keeps_the_rule(string rule) => CheckAsync(rule, TestContext.Current.CancellationToken);

    public async ValueTask InitializeAsync() => _bench = await CreateAsync(dialect);

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _bench.DisposeAsync();
    }

    protected override ValueTask<ITaskStore<TestTask>> OpenAsync(CancellationToken cancellationToken) => new(_bench.Tasks);

    protected override ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        _bench.Time.Advance(time);
        return default;
    }

    protected override TestTask Create(TaskFacts facts) => new(facts.TaskId, facts.ContextId, facts.State, "");

    protected override TaskFacts FactsOf(TestTask task) => new(task.Id, task.ContextId, task.State, task.IsTerminal);

    [Fact]
    public async Task What_was_saved_is_read_with_version_and_time()
    {
        TestTask task = Task1("t1", note: "quotes \" ' \\ and 😀 and \u0000 and </script>");
        await _bench.AddAsync(Alice, task);
        Assert.Equal(new StoredTask<TestTask>(task, 1, _bench.Time.GetUtcNow()), await _bench.Tasks.GetAsync(Alice, "t1"));
    }

    [Fact]
    public async Task Creating_the_tables_again_changes_nothing()
    {
        await _bench.AddAsync(Alice, Task1("t1"));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            await _bench.Tasks.CreateIfAbsentAsync();
            await _bench.Push.CreateIfAbsentAsync();
        }));
        Assert.NotNull(await _bench.Tasks.GetAsync(Alice, "t1"));
    }

    [Fact]
    public async Task Unauthenticated_caller_is_refused_unless_chosen_otherwise()
    {
        await Assert.ThrowsAsync<AnonymousScopeException>(async () => await _bench.Tasks.GetAsync(StoreScope.Anonymous, "t1"));
        await Assert.ThrowsAsync<AnonymousScopeException>(async () => await _bench.Tasks.SaveAsync(StoreScope.Anonymous, Task1("t1"), 0));
        await Assert.ThrowsAsync<AnonymousScopeException>(async () => await _bench.Tasks.DeleteAsync(StoreScope.Anonymous, "t1"));
        await Assert.ThrowsAsync<AnonymousScopeException>(async () => await _bench.Tasks.ListAsync(StoreScope.Anonymous, new TaskQuery()));
        await Assert.ThrowsAsync<AnonymousScopeException>(async () =>
            await _bench.Tasks.CountAsync(StoreScope.Anonymous, new TaskQuery(), 1));
        await Assert.ThrowsAsync<AnonymousScopeException>(async () => await _bench.Push.ListAsync(StoreScope.Anonymous, "t1"));

        TestTasks open = new(_bench.Database.Source, dialect, new TaskStoreOptions { Anonymous = AnonymousCallers.ShareOneScope });
        await open.SaveAsync(StoreScope.Anonymous, Task1("t1"), 0);
        Assert.NotNull(await open.GetAsync(StoreScope.Anonymous, "t1"));
        Assert.Null(await open.GetAsync(Alice, "t1"));
        Assert.Null(await open.GetAsync(StoreScope.Of("(anonymous)"), "t1"));
    }

    [Fact]
    public async Task Purge_deletes_what_outlived_its_time_in_small_batches_and_nothing_else()
    {
        await using StoreBench bench = await CreateAsync(
            dialect, new TaskStoreOptions
            { TimeToLive = TimeSpan.FromDays(1), UnfinishedTimeToLive = TimeSpan.FromDays(10), PurgeBatchSize = 4 });
        for (int i = 0; i < 10; i++)
        {
            await bench.AddAsync(i % 2 == 0 ? Alice : Bob, Task1($"done{i}", "completed"));
        }

        await bench.AddAsync(Alice, Task1("open"));
        await bench.Push.SaveAsync(Alice, new PushConfig { TaskId = "done0", Id = "p1", Url = "https://buyer.example/" });
        bench.Time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(0, await bench.Tasks.PurgeAsync());
        bench.Time.Advance(TimeSpan.FromMilliseconds(1));
        await bench.AddAsync(Alice, Task1("young", "completed"));
        Assert.Equal(4, await bench.Tasks.PurgeAsync());
        Assert.Equal(4, await bench.Tasks.PurgeAsync());
        Assert.Equal(2, await bench.Tasks.PurgeAsync());
        Assert.Equal(0, await bench.Tasks.PurgeAsync());
        Assert.Equal(["young", "open"], (await bench.AllAsync(Alice, new TaskQuery())).Select(static stored => stored.Task.Id));
        Assert.Empty(await bench.AllAsync(Bob, new TaskQuery()));
        Assert.Equal(0, await bench.Database.CountAsync("SELECT COUNT(*) FROM a2a_push_configs"));
        bench.Time.Advance(TimeSpan.FromDays(9));
        Assert.Equal(2, await bench.Tasks.PurgeAsync());
        Assert.Empty(await bench.AllAsync(Alice, new TaskQuery()));
    }

    [Fact]
    public async Task Purges_at_the_same_time_share_the_work()
    {
        await using StoreBench bench =
            await CreateAsync(dialect, new TaskStoreOptions { TimeToLive = TimeSpan.FromDays(1), PurgeBatchSize = 5 });
        for (int i = 0; i < 30; i++)
        {
            await bench.AddAsync(Alice, Task1($"t{i}", "completed"));
        }

        bench.Time.Advance(TimeSpan.FromDays(2));
        int deleted = 0;
        for (int round = 0; round < 20 && deleted < 30; round++)
        {
            deleted += (await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(async () => await bench.Tasks.PurgeAsync())))).Sum();
        }

        Assert.Equal(30, deleted);
    }

    [Fact]
    public void Dialect_is_one_database() => Assert.Equal(
        "dialect", Assert.Throws<ArgumentOutOfRangeException>(() => new TestTasks(_bench.Database.Source, SqlDialect.Any)).ParamName);

    [Fact]
    public async Task Computed_columns_follow_every_save()
    {
        await _bench.AddAsync(Alice, Task1("t1") with { Budget = 5 });
        Assert.Equal(5, await _bench.Database.CountAsync("SELECT budget FROM a2a_tasks"));
        Assert.Equal("alice/working", await _bench.Database.ExecuteAsync("SELECT owner FROM a2a_tasks"));
        await _bench.Tasks.SaveAsync(Alice, Task1("t1", "completed") with { Budget = 6 }, 1);
        Assert.Equal(6, await _bench.Database.CountAsync("SELECT budget FROM a2a_tasks"));
        Assert.Equal("alice/completed", await _bench.Database.ExecuteAsync("SELECT owner FROM a2a_tasks"));
    }
}

public sealed class SqliteTaskStoreTests() : TaskStoreTests(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlTaskStoreTests() : TaskStoreTests(SqlDialect.PostgreSql);

[Needs(Resource.MySql)]
public sealed class MySqlTaskStoreTests() : TaskStoreTests(SqlDialect.MySql);
