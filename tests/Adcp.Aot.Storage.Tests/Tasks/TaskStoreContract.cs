using static Adcp.Aot.Storage.Tests.Tasks.StoreBench;

namespace Adcp.Aot.Storage.Tests.Tasks;

/// <summary>The contract of a generated task store, the same on every database.</summary>
public abstract class TaskStoreContract(SqlDialect dialect)
{
    /// <summary>Names and keys that a careless statement, comparison or encoding would mix up.</summary>
    public static TheoryData<string> HostileNames { get; } =
    [
        "' OR '1'='1", "'; DROP TABLE a2a_tasks; --", "\" OR \"\"=\"", "` OR 1=1 -- ", "\\", "\\'", "%", "_", "*", "@scope", "$1",
        "?", ":p", "/* */", "{0}", "NULL", "0", " ", "a ", " a", "ALICE", "älice",
        "a\u0308lice", "alice\u200b", "名前", "😀", "aſ", "ß", "(anonymous)", new string('x', 255),
    ];

    [Fact]
    public async Task What_was_saved_is_read_with_version_and_time()
    {
        await using StoreBench bench = await CreateAsync(dialect);
        TestTask task = Task1("t1", note: "quotes \" ' \\ and 😀 and \u0000 and </script>");
        await bench.AddAsync(Alice, task);
        Assert.Equal(new StoredTask<TestTask>(task, 1, bench.Time.GetUtcNow()), await bench.Tasks.GetAsync(Alice, "t1"));
    }

    [Fact]
    public async Task Creating_the_tables_again_changes_nothing()
    {
        await using StoreBench bench = await CreateAsync(dialect);
        await bench.AddAsync(Alice, Task1("t1"));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            await bench.Tasks.CreateIfAbsentAsync();
            await bench.Push.CreateIfAbsentAsync();
        }));
        Assert.NotNull(await bench.Tasks.GetAsync(Alice, "t1"));
    }

    [Fact]
    public async Task Foreign_task_looks_missing_to_every_call()
    {
        await using StoreBench bench = await CreateAsync(dialect);
        await bench.AddAsync(Alice, Task1("t1"));
        Assert.Null(await bench.Tasks.GetAsync(Bob, "t1"));
        Assert.Equal(new TaskSave(TaskSaveStatus.Missing, 0), await bench.Tasks.SaveAsync(Bob, Task1("t1", "completed"), 1));
        Assert.False(await bench.Tasks.DeleteAsync(Bob, "t1"));
        Assert.Empty((await bench.Tasks.ListAsync(Bob, new TaskQuery())).Tasks);
        Assert.Equal(0, await bench.Tasks.CountAsync(Bob, new TaskQuery(), 10));
        Assert.Equal("working", (await bench.Tasks.GetAsync(Alice, "t1"))!.Task.State);
    }

    [Fact]
    public async Task Two_scopes_may_use_one_id()
    {
        await using StoreBench bench = await CreateAsync(dialect);
        await bench.AddAsync(Alice, Task1("t1", note: "alice's"));
        await bench.AddAsync(Bob, Task1("t1", note: "bob's"));
        Assert.True(await bench.Tasks.DeleteAsync(Alice, "t1"));
        Assert.Equal("bob's", (await bench.Tasks.GetAsync(Bob, "t1"))!.Task.Note);
    }

    [Theory]
    [MemberData(nameof(HostileNames))]
    public async Task Hostile_scope_and_ids_are_values_like_others(string name)
    {
        await using StoreBench bench = await CreateAsync(dialect);
        await bench.AddAsync(Alice, Task1("alice"));
        await bench.AddAsync(Alice, Task1("a"));
        StoreScope scope = StoreScope.Of(name);
        Assert.Empty((await bench.Tasks.ListAsync(scope, new TaskQuery())).Tasks);
        Assert.Null(await bench.Tasks.GetAsync(Alice, name));
        await bench.AddAsync(scope, Task1(name, name.Length > 64 ? "working" : name, name));
        await bench.AddAsync(Alice, Task1(name, "working", name));

        Assert.Equal(name, (await bench.Tasks.GetAsync(scope, name))!.Task.Id);
        TaskQuery query = new() { ContextId = name, PageSize = 1 };
        Assert.Single(await bench.AllAsync(scope, query));
        Assert.Single(await bench.AllAsync(Alice, query));
        Assert.Equal(3, (await bench.AllAsync(Alice, new TaskQuery { PageSize = 1 })).Count);
        Assert.Equal(PushConfigSaveStatus.Saved,
            (await bench.Push.SaveAsync(scope, new PushConfig { TaskId = name, Id = name, Url = "https://buyer.example/" })).Status);
        Assert.Equal(name, (await bench.Push.GetAsync(scope, name, name))!.Id);
        Assert.Empty(await bench.Push.ListAsync(Alice, name));
        Assert.True(await bench.Tasks.DeleteAsync(scope, name));
        Assert.Equal(3, await bench.Tasks.CountAsync(Alice, new TaskQuery(), 10));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\0b")]
    [InlineData("a\nb")]
    [InlineData("(a lone surrogate)")]
    public async Task Id_that_cannot_be_stored_is_missing_to_readers_and_refused_to_writers(string id)
    {
        // Test runners cannot carry a lone surrogate in an argument.
        id = id == "(a lone surrogate)" ? "\ud800" : id;
        await using StoreBench bench = await CreateAsync(dialect);
        Assert.Null(await bench.Tasks.GetAsync(Alice, id));
        Assert.False(await bench.Tasks.DeleteAsync(Alice, id));
        Assert.Equal("TaskId", (await Assert.ThrowsAsync<ArgumentException>(async () =>
            await bench.Tasks.SaveAsync(Alice, Task1(id), 0))).ParamName);
    }

    [Fact]
    public async Task Unauthenticated_caller_is_refused_unless_chosen_otherwise()
    {
        await using StoreBench strict = await CreateAsync(dialect);
        await Assert.ThrowsAsync<AnonymousScopeException>(async () => await strict.Tasks.GetAsync(StoreScope.Anonymous, "t1"));
        await Assert.ThrowsAsync<AnonymousScopeException>(async () => await strict.Tasks.SaveAsync(StoreScope.Anonymous, Task1("t1"), 0));
        await Assert.ThrowsAsync<AnonymousScopeException>(async () => await strict.Tasks.DeleteAsync(StoreScope.Anonymous, "t1"));
        await Assert.ThrowsAsync<AnonymousScopeException>(async () => await strict.Tasks.ListAsync(StoreScope.Anonymous, new TaskQuery()));
        await Assert.ThrowsAsync<AnonymousScopeException>(async () =>
            await strict.Tasks.CountAsync(StoreScope.Anonymous, new TaskQuery(), 1));
        await Assert.ThrowsAsync<AnonymousScopeException>(async () => await strict.Push.ListAsync(StoreScope.Anonymous, "t1"));

        TestTasks open = new(strict.Database.Source, dialect, new TaskStoreOptions { Anonymous = AnonymousCallers.ShareOneScope });
        await open.SaveAsync(StoreScope.Anonymous, Task1("t1"), 0);
        Assert.NotNull(await open.GetAsync(StoreScope.Anonymous, "t1"));
        Assert.Null(await open.GetAsync(Alice, "t1"));
        Assert.Null(await open.GetAsync(StoreScope.Of("(anonymous)"), "t1"));
    }

    [Fact]
    public async Task Save_under_an_old_version_is_a_conflict_and_changes_nothing()
    {
        await using StoreBench bench = await CreateAsync(dialect);
        await bench.AddAsync(Alice, Task1("t1", note: "1"));
        Assert.Equal(new TaskSave(TaskSaveStatus.Saved, 2), await bench.Tasks.SaveAsync(Alice, Task1("t1", note: "2"), 1));
        Assert.Equal(new TaskSave(TaskSaveStatus.Conflict, 2), await bench.Tasks.SaveAsync(Alice, Task1("t1", note: "3"), 1));
        Assert.Equal(new TaskSave(TaskSaveStatus.Conflict, 2), await bench.Tasks.SaveAsync(Alice, Task1("t1", note: "3"), 3));
        Assert.Equal(new TaskSave(TaskSaveStatus.Conflict, 2), await bench.Tasks.SaveAsync(Alice, Task1("t1", note: "3"), 0));
        Assert.Equal("2", (await bench.Tasks.GetAsync(Alice, "t1"))!.Task.Note);
    }

    [Fact]
    public async Task Save_of_a_task_that_is_gone_says_missing()
    {
        await using StoreBench bench = await CreateAsync(dialect);
        Assert.Equal(new TaskSave(TaskSaveStatus.Missing, 0), await bench.Tasks.SaveAsync(Alice, Task1("t1"), 1));
    }

    [Theory]
    [InlineData("completed")]
    [InlineData("failed")]
    [InlineData("canceled")]
    public async Task Terminal_state_never_changes(string state)
    {
        await using StoreBench bench = await CreateAsync(dialect);
        await bench.AddAsync(Alice, Task1("t1", state));
        foreach (long version in new long[] { 0, 1, 2 })
        {
            Assert.Equal(new TaskSave(TaskSaveStatus.Ended, 1), await bench.Tasks.SaveAsync(Alice, Task1("t1", "working"), version));
        }

        Assert.Equal(state, (await bench.Tasks.GetAsync(Alice, "t1"))!.Task.State);
    }

    [Fact]
    public async Task Concurrent_saves_lose_no_update()
    {
        const int Writers = 6;
        const int Each = 15;
        await using StoreBench bench = await CreateAsync(dialect);
        await bench.AddAsync(Alice, Task1("t1"));
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => Task.Run(async () =>
        {
            for (int done = 0; done < Each;)
            {
                StoredTask<TestTask> read = (await bench.Tasks.GetAsync(Alice, "t1"))!;
                TaskSave save = await bench.Tasks.SaveAsync(Alice, read.Task with { Budget = read.Task.Budget + 1 }, read.Version);
                done += save.Status == TaskSaveStatus.Saved ? 1 : 0;
            }
        })));
        StoredTask<TestTask> last = (await bench.Tasks.GetAsync(Alice, "t1"))!;
        Assert.Equal(Writers * Each, last.Task.Budget);
        Assert.Equal((Writers * Each) + 1, last.Version);
    }

    [Fact]
    public async Task Of_many_that_create_one_task_one_succeeds()
    {
        await using StoreBench bench = await CreateAsync(dialect);
        TaskSave[] saves = await Task.WhenAll(Enumerable.Range(0, 12).Select(i =>
            Task.Run(async () => await bench.Tasks.SaveAsync(Alice, Task1("t1", note: i.ToString(null as IFormatProvider)), 0))));
        Assert.Single(saves, static save => save.Status == TaskSaveStatus.Saved);
        Assert.All(saves.Where(static save => save.Status != TaskSaveStatus.Saved), static save =>
            Assert.Equal(new TaskSave(TaskSaveStatus.Conflict, 1), save));
    }

    [Fact]
    public async Task Terminal_state_holds_against_racing_writers()
    {
        await using StoreBench bench = await CreateAsync(dialect);
        for (int round = 0; round < 10; round++)
        {
            string id = $"t{round}";
            await bench.AddAsync(Alice, Task1(id));
            string[] states = ["working", "completed", "working", "canceled", "failed", "working"];
            TaskSave[] saves = await Task.WhenAll(
                states.Select(state => Task.Run(async () => await bench.Tasks.SaveAsync(Alice, Task1(id, state), 1))));
            Assert.Single(saves, static save => save.Status == TaskSaveStatus.Saved);
            StoredTask<TestTask> end = (await bench.Tasks.GetAsync(Alice, id))!;
            if (end.Task.IsTerminal)
            {
                Assert.Equal(TaskSaveStatus.Ended, (await bench.Tasks.SaveAsync(Alice, Task1(id), end.Version)).Status);
            }
        }
    }

    [Fact]
    public async Task List_is_newest_first_and_a_save_moves_to_the_front_although_the_clock_stands()
    {
        await using StoreBench bench = await CreateAsync(dialect);
        foreach (string id in new[] { "a", "b", "c" })
        {
            await bench.AddAsync(Alice, Task1(id));
            bench.Time.Advance(TimeSpan.FromMilliseconds(1));
        }

        Assert.Equal(["c", "b", "a"], (await bench.AllAsync(Alice, new TaskQuery())).Select(static stored => stored.Task.Id));
        bench.Time.AutoAdvanceAmount = TimeSpan.Zero;
        await bench.Tasks.SaveAsync(Alice, Task1("a"), 1);
        StoredTask<TestTask> first = (await bench.Tasks.GetAsync(Alice, "a"))!;
        await bench.Tasks.SaveAsync(Alice, Task1("a"), 2);
        StoredTask<TestTask> second = (await bench.Tasks.GetAsync(Alice, "a"))!;
        Assert.True(second.UpdatedAt > first.UpdatedAt);
        Assert.Equal(["a", "c", "b"], (await bench.AllAsync(Alice, new TaskQuery())).Select(static stored => stored.Task.Id));
    }

    [Fact]
    public async Task List_filters_by_context_state_and_time()
    {
        await using StoreBench bench = await CreateAsync(dialect);
        DateTimeOffset start = bench.Time.GetUtcNow();
        string?[] contexts = ["c1", "c2", null];
        string[] states = ["working", "completed"];
        int n = 0;
        foreach (string? context in contexts)
        {
            foreach (string state in states)
            {
                await bench.AddAsync(Alice, Task1($"t{n++}", state, context));
                bench.Time.Advance(TimeSpan.FromSeconds(1));
            }
        }

        Assert.Equal(["t1", "t0"], await Ids(new TaskQuery { ContextId = "c1" }));
        Assert.Equal(["t4", "t2", "t0"], await Ids(new TaskQuery { State = "working" }));
        Assert.Equal(["t3"], await Ids(new TaskQuery { ContextId = "c2", State = "completed" }));
        Assert.Equal(["t5", "t4"], await Ids(new TaskQuery { UpdatedSince = start.AddSeconds(4) }));
        Assert.Equal(["t5"], await Ids(new TaskQuery { UpdatedSince = start.AddSeconds(4).AddMilliseconds(1) }));
        Assert.Empty(await Ids(new TaskQuery { ContextId = "C1" }));
        Assert.Empty(await Ids(new TaskQuery { ContextId = "c1 " }));
        Assert.Equal(3, await bench.Tasks.CountAsync(Alice, new TaskQuery { State = "working" }, 10));
        Assert.Equal(2, await bench.Tasks.CountAsync(Alice, new TaskQuery { State = "working" }, 2));

        async Task<IEnumerable<string>> Ids(TaskQuery query) =>
            (await bench.AllAsync(Alice, query with { PageSize = 1 })).Select(static stored => stored.Task.Id);
    }

    [Fact]
    public async Task Page_token_of_another_list_or_hand_is_refused()
    {
        await using StoreBench bench = await CreateAsync(dialect);
        for (int i = 0; i < 3; i++)
        {
            await bench.AddAsync(Alice, Task1($"t{i}"));
            await bench.AddAsync(Bob, Task1($"t{i}"));
        }

        TaskQuery query = new() { PageSize = 1, ContextId = "c1" };
        string token = (await bench.Tasks.ListAsync(Alice, query)).NextPageToken!;
        Assert.DoesNotContain("t2", token, StringComparison.Ordinal);
        Assert.Single((await bench.Tasks.ListAsync(Alice, query with { PageToken = token, PageSize = 2 })).Tasks, static stored =>
            stored.Task.Id == "t1");
        await Refused(Bob, query with { PageToken = token });
        await Refused(Alice, query with { PageToken = token, ContextId = null });
        await Refused(Alice, query with { PageToken = token, State = "working" });
        await Refused(Alice, query with { PageToken = token, UpdatedSince = DateTimeOffset.UnixEpoch });
        foreach (string other in new[] { "", "0", "x", "AAAA", token[..^1], token + "A", token.ToUpperInvariant(), token + " ",
            "' OR 1=1", new string('A', 5000), "é" })
        {
            await Refused(Alice, query with { PageToken = other });
        }

        for (int i = 0; i < token.Length; i++)
        {
            await Refused(Alice, query with { PageToken = token[..i] + (token[i] == 'A' ? 'B' : 'A') + token[(i + 1)..] });
        }

        async Task Refused(StoreScope scope, TaskQuery bad)
        {
            PageTokenException refusal = await Assert.ThrowsAsync<PageTokenException>(async () => await bench.Tasks.ListAsync(scope, bad));
            Assert.True(bad.PageToken!.Length < 3 || !refusal.Message.Contains(bad.PageToken, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Paging_under_writes_neither_skips_nor_repeats_what_did_not_change()
    {
        await using StoreBench bench = await CreateAsync(dialect);
        HashSet<string> still = [];
        for (int i = 0; i < 60; i++)
        {
            // Three to a millisecond: ties must page as well.
            bench.Time.Advance(TimeSpan.FromMilliseconds(i % 3 == 0 ? 1 : 0));
            await bench.AddAsync(Alice, Task1($"t{i:000}"));
            still.Add($"t{i:000}");
        }

        Random random = new(7);
        List<string> seen = [];
        string? token = null;
        int added = 0;
        do
        {
            TaskPage<TestTask> page = await bench.Tasks.ListAsync(Alice, new TaskQuery { PageSize = 7, PageToken = token });
            seen.AddRange(page.Tasks.Select(static stored => stored.Task.Id));
            token = page.NextPageToken;

            // Between pages: new ones, changed ones, deleted ones, and the very row that the token points at.
            bench.Time.Advance(TimeSpan.FromMilliseconds(1));
            await bench.AddAsync(Alice, Task1($"new{added++}"));
            string last = page.Tasks[^1].Task.Id;
            foreach (string id in new[] { last, $"t{random.Next(60):000}", $"t{random.Next(60):000}" })
            {
                if (await bench.Tasks.GetAsync(Alice, id) is { } stored)
                {
                    still.Remove(id);
                    if (random.Next(2) == 0)
                    {
                        await bench.Tasks.DeleteAsync(Alice, id);
                    }
                    else
                    {
                        await bench.Tasks.SaveAsync(Alice, stored.Task, stored.Version);
                    }
                }
            }
        }
        while (token is not null);
        Assert.Empty(still.Except(seen));
        Assert.All(still, id => Assert.Single(seen, other => other == id));
    }

    [Fact]
    public async Task Delete_takes_push_configurations_with_it()
    {
        await using StoreBench bench = await CreateAsync(dialect);
        foreach (StoreScope scope in new[] { Alice, Bob })
        {
            await bench.AddAsync(scope, Task1("t1"));
            await bench.Push.SaveAsync(scope, new PushConfig { TaskId = "t1", Id = "p1", Url = "https://buyer.example/" });
            await bench.Push.SaveAsync(scope, new PushConfig { TaskId = "t1", Id = "p2", Url = "https://buyer.example/" });
        }

        Assert.True(await bench.Tasks.DeleteAsync(Alice, "t1"));
        Assert.False(await bench.Tasks.DeleteAsync(Alice, "t1"));
        await bench.AddAsync(Alice, Task1("t1"));
        Assert.Empty(await bench.Push.ListAsync(Alice, "t1"));
        Assert.Equal(2, (await bench.Push.ListAsync(Bob, "t1")).Count);
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
    public async Task Computed_columns_follow_every_save()
    {
        await using StoreBench bench = await CreateAsync(dialect);
        await bench.AddAsync(Alice, Task1("t1") with { Budget = 5 });
        Assert.Equal(5, await bench.Database.CountAsync("SELECT budget FROM a2a_tasks"));
        Assert.Equal("alice/working", await bench.Database.ExecuteAsync("SELECT owner FROM a2a_tasks"));
        await bench.Tasks.SaveAsync(Alice, Task1("t1", "completed") with { Budget = 6 }, 1);
        Assert.Equal(6, await bench.Database.CountAsync("SELECT budget FROM a2a_tasks"));
        Assert.Equal("alice/completed", await bench.Database.ExecuteAsync("SELECT owner FROM a2a_tasks"));
    }

    [Fact]
    public async Task Bad_arguments_are_named()
    {
        await using StoreBench bench = await CreateAsync(dialect);
        Assert.Equal("scope", (await Assert.ThrowsAsync<ArgumentNullException>(async () =>
            await bench.Tasks.GetAsync(null!, "t1"))).ParamName);
        Assert.Equal("taskId", (await Assert.ThrowsAsync<ArgumentNullException>(async () =>
            await bench.Tasks.GetAsync(Alice, null!))).ParamName);
        Assert.Equal("task", (await Assert.ThrowsAsync<ArgumentNullException>(async () =>
            await bench.Tasks.SaveAsync(Alice, null!, 0))).ParamName);
        Assert.Equal("expectedVersion",
            (await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () =>
                await bench.Tasks.SaveAsync(Alice, Task1("t1"), -1))).ParamName);
        Assert.Equal("query", (await Assert.ThrowsAsync<ArgumentNullException>(async () =>
            await bench.Tasks.ListAsync(Alice, null!))).ParamName);
        Assert.Equal("limit", (await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () =>
            await bench.Tasks.CountAsync(Alice, new TaskQuery(), 0))).ParamName);
        Assert.Equal("dialect", Assert.Throws<ArgumentOutOfRangeException>(() =>
            new TestTasks(bench.Database.Source, SqlDialect.Any)).ParamName);
    }
}

public sealed class SqliteTaskStoreTests() : TaskStoreContract(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlTaskStoreTests() : TaskStoreContract(SqlDialect.PostgreSql);

[Needs(Resource.MySql)]
public sealed class MySqlTaskStoreTests() : TaskStoreContract(SqlDialect.MySql);
