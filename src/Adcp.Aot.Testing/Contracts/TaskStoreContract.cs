using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Testing;

/// <summary>
/// The contract of <see cref="ITaskStore{TTask}"/>. Derive a test class from it, and call <see cref="CheckAsync"/> in a test for each name
/// in <see cref="Rules"/>. Use one instance and one empty store for each rule.
/// </summary>
/// <typeparam name="TTask">The task.</typeparam>
public abstract class TaskStoreContract<TTask>
    where TTask : class
{
    private const int Limit = 1000;

    private static readonly StoreScope Alice = StoreScope.Of("alice");
    private static readonly StoreScope Bob = StoreScope.Of("bob");

    private static readonly RuleTable<TaskStoreContract<TTask>> Table = new(
        nameof(ITaskStore<>),
        new("A saved task is read with its facts and version", static (c, token) => c.ReadAsync(token)),
        new("A task of another scope looks missing to every call", static (c, token) => c.ForeignAsync(token)),
        new("Two scopes may use one id", static (c, token) => c.SameIdAsync(token)),
        new("Awkward scopes and ids and contexts are values like others", static (c, token) => c.AwkwardAsync(token)),
        new("An id that no task can have is missing to readers and refused to writers", static (c, token) => c.ImpossibleIdAsync(token)),
        new("A save under another version is a conflict and changes nothing", static (c, token) => c.ConflictAsync(token)),
        new("A save of a task that is gone is missing", static (c, token) => c.GoneAsync(token)),
        new("A terminal state never changes", static (c, token) => c.TerminalAsync(token)),
        new("Saves at the same time lose no update", static (c, token) => c.RaceOfSavesAsync(token)),
        new("Of many calls that create one task one succeeds", static (c, token) => c.RaceOfNewAsync(token)),
        new("A terminal state holds against saves at the same time", static (c, token) => c.RaceOfEndsAsync(token)),
        new("A list is newest first and a save moves a task to the front", static (c, token) => c.OrderAsync(token)),
        new("A list filters by context and state and time", static (c, token) => c.FiltersAsync(token)),
        new("A page token is refused for another scope or filter or text", static (c, token) => c.PageTokenAsync(token)),
        new("Pages neither skip nor repeat a task that does not change", static (c, token) => c.PagesUnderWritesAsync(token)),
        new("A bad argument is named", static (c, token) => c.ArgumentsAsync(token)));

    /// <summary>Gets the names of the rules, each a sentence.</summary>
    [SuppressMessage("Design", "CA1000:Do not declare static members on generic types", Justification = "A test class inherits it.")]
    public static IReadOnlyList<string> Rules => Table.Names;

    /// <summary>Gets the present time of the store.</summary>
    protected abstract DateTimeOffset Now { get; }

    /// <summary>Gets the name of a state that is not terminal. Default <c>working</c>.</summary>
    protected virtual string OpenState => "working";

    /// <summary>Gets the name of a terminal state. Default <c>completed</c>.</summary>
    protected virtual string TerminalState => "completed";

    /// <summary>Checks a rule.</summary>
    /// <param name="rule">The name of the rule.</param>
    /// <param name="cancellationToken">Ends the check. It is passed to the store.</param>
    /// <exception cref="ArgumentException"><paramref name="rule"/> is not in <see cref="Rules"/>.</exception>
    /// <exception cref="ContractException">The store breaks the rule.</exception>
    public Task CheckAsync(string rule, CancellationToken cancellationToken = default) => Table.CheckAsync(this, rule, cancellationToken);

    /// <summary>
    /// Opens the store, as another process would: a later call opens the same tasks.
    /// The derived class disposes the stores after the check; the contract does not.
    /// </summary>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask<ITaskStore<TTask>> OpenAsync(CancellationToken cancellationToken);

    /// <summary>Lets time pass for the store: moves its clock, or the times in its database.</summary>
    /// <param name="time">The time that passes, in whole milliseconds.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken);

    /// <summary>Creates a task.</summary>
    /// <param name="facts">Its id, context and state. They may break a rule: the store refuses the task then.</param>
    protected abstract TTask Create(TaskFacts facts);

    /// <summary>Returns the facts of a task that the store returned.</summary>
    /// <param name="task">The task.</param>
    protected abstract TaskFacts FactsOf(TTask task);

    private TTask Open(string id, string? context = "c1") => Create(new TaskFacts(id, context, OpenState, false));

    private TTask Ended(string id, string? context = "c1") => Create(new TaskFacts(id, context, TerminalState, true));

    private async ValueTask<ITaskStore<TTask>> WithAsync(StoreScope scope, string id, CancellationToken token)
    {
        ITaskStore<TTask> store = await OpenAsync(token);
        await AddAsync(store, scope, Open(id), token);
        return store;
    }

    private static async Task AddAsync(ITaskStore<TTask> store, StoreScope scope, TTask task, CancellationToken token) =>
        Expect.Equal(new TaskSave(TaskSaveStatus.Saved, 1), await store.SaveAsync(scope, task, 0, token));

    private async Task<List<string>> IdsAsync(ITaskStore<TTask> store, StoreScope scope, TaskQuery query, CancellationToken token)
    {
        List<string> ids = [];
        string? next = null;
        do
        {
            TaskPage<TTask> page = await store.ListAsync(scope, query with { PageToken = next }, token);
            Expect.InRange(page.Tasks.Count, 0, query.PageSize);
            ids.AddRange(page.Tasks.Select(stored => FactsOf(stored.Task).TaskId));
            next = page.NextPageToken;
        }
        while (next is not null);
        return ids;
    }

    private async Task ReadAsync(CancellationToken token)
    {
        TTask task = Ended("t1 ' \" \\ 😀", context: null);
        ITaskStore<TTask> store = await OpenAsync(token);
        await AddAsync(store, Alice, task, token);

        StoredTask<TTask> read = Expect.NotNull(await (await OpenAsync(token)).GetAsync(Alice, FactsOf(task).TaskId, token));

        Expect.Equal(FactsOf(task), FactsOf(read.Task));
        Expect.Equal(1, read.Version);
    }

    private async Task ForeignAsync(CancellationToken token)
    {
        ITaskStore<TTask> store = await WithAsync(Alice, "t1", token);

        Expect.Null(await store.GetAsync(Bob, "t1", token));
        Expect.Equal(new TaskSave(TaskSaveStatus.Missing, 0), await store.SaveAsync(Bob, Ended("t1"), 1, token));
        Expect.False(await store.DeleteAsync(Bob, "t1", token));
        Expect.Empty((await store.ListAsync(Bob, new TaskQuery(), token)).Tasks);
        Expect.Equal(0, await store.CountAsync(Bob, new TaskQuery(), Limit, token));
        Expect.Equal(OpenState, FactsOf(Expect.NotNull(await store.GetAsync(Alice, "t1", token)).Task).State);
    }

    private async Task SameIdAsync(CancellationToken token)
    {
        ITaskStore<TTask> store = await WithAsync(Alice, "t1", token);
        await AddAsync(store, Bob, Ended("t1"), token);

        Expect.True(await store.DeleteAsync(Alice, "t1", token));

        Expect.False(await store.DeleteAsync(Alice, "t1", token));
        Expect.Null(await store.GetAsync(Alice, "t1", token));
        Expect.Equal(TerminalState, FactsOf(Expect.NotNull(await store.GetAsync(Bob, "t1", token)).Task).State);
    }

    private async Task AwkwardAsync(CancellationToken token)
    {
        ITaskStore<TTask> store = await WithAsync(Alice, "alice", token);
        await AddAsync(store, Alice, Open("a"), token);
        foreach (string name in Awkward.Names)
        {
            StoreScope scope = StoreScope.Of(name);
            Expect.Equal(0, await store.CountAsync(scope, new TaskQuery(), Limit, token));
            Expect.Null(await store.GetAsync(Alice, name, token));
            await AddAsync(store, scope, Open(name, name), token);
            await AddAsync(store, Alice, Open(name, name), token);
        }

        Expect.Equal(Awkward.Names.Count + 2, await store.CountAsync(Alice, new TaskQuery(), Limit, token));
        foreach (string name in Awkward.Names)
        {
            StoreScope scope = StoreScope.Of(name);
            TaskQuery query = new() { ContextId = name, PageSize = 1 };
            Expect.Equal(name, FactsOf(Expect.NotNull(await store.GetAsync(scope, name, token)).Task).TaskId);
            Expect.Sequence([name], await IdsAsync(store, scope, query, token));
            Expect.Sequence([name], await IdsAsync(store, Alice, query, token));
            Expect.True(await store.DeleteAsync(scope, name, token));
            Expect.Equal(name, FactsOf(Expect.NotNull(await store.GetAsync(Alice, name, token)).Task).TaskId);
        }
    }

    private async Task ImpossibleIdAsync(CancellationToken token)
    {
        ITaskStore<TTask> store = await OpenAsync(token);
        foreach (string id in Awkward.Impossible)
        {
            Expect.Null(await store.GetAsync(Alice, id, token));
            Expect.False(await store.DeleteAsync(Alice, id, token));
            await Expect.ThrowsAsync<ArgumentException>(() => store.SaveAsync(Alice, Open(id), 0, token).AsTask());
        }
    }

    private async Task ConflictAsync(CancellationToken token)
    {
        ITaskStore<TTask> store = await WithAsync(Alice, "t1", token);
        Expect.Equal(new TaskSave(TaskSaveStatus.Saved, 2), await store.SaveAsync(Alice, Open("t1", "c2"), 1, token));

        foreach (long version in new long[] { 0, 1, 3 })
        {
            Expect.Equal(new TaskSave(TaskSaveStatus.Conflict, 2), await store.SaveAsync(Alice, Open("t1", "c3"), version, token));
        }

        Expect.Equal("c2", FactsOf(Expect.NotNull(await store.GetAsync(Alice, "t1", token)).Task).ContextId);
    }

    private async Task GoneAsync(CancellationToken token)
    {
        ITaskStore<TTask> store = await OpenAsync(token);

        Expect.Equal(new TaskSave(TaskSaveStatus.Missing, 0), await store.SaveAsync(Alice, Open("t1"), 1, token));
    }

    private async Task TerminalAsync(CancellationToken token)
    {
        ITaskStore<TTask> store = await OpenAsync(token);
        await AddAsync(store, Alice, Ended("t1"), token);

        foreach (long version in new long[] { 0, 1, 2 })
        {
            Expect.Equal(new TaskSave(TaskSaveStatus.Ended, 1), await store.SaveAsync(Alice, Open("t1"), version, token));
        }

        Expect.Equal(TerminalState, FactsOf(Expect.NotNull(await store.GetAsync(Alice, "t1", token)).Task).State);
    }

    private async Task RaceOfSavesAsync(CancellationToken token)
    {
        const int Writers = 6;
        const int Each = 15;
        ITaskStore<TTask> store = await OpenAsync(token);
        await AddAsync(store, Alice, Open("t1", "0"), token);

        await Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => Task.Run(
            async () =>
            {
                for (int done = 0; done < Each;)
                {
                    StoredTask<TTask> read = Expect.NotNull(await store.GetAsync(Alice, "t1", token));
                    int count = int.Parse(FactsOf(read.Task).ContextId!, CultureInfo.InvariantCulture) + 1;
                    TTask next = Open("t1", count.ToString(CultureInfo.InvariantCulture));
                    done += (await store.SaveAsync(Alice, next, read.Version, token)).Status == TaskSaveStatus.Saved ? 1 : 0;
                }
            },
            token)));

        StoredTask<TTask> last = Expect.NotNull(await store.GetAsync(Alice, "t1", token));
        Expect.Equal((Writers * Each).ToString(CultureInfo.InvariantCulture), FactsOf(last.Task).ContextId);
        Expect.Equal((Writers * Each) + 1, last.Version);
    }

    private async Task RaceOfNewAsync(CancellationToken token)
    {
        const int Writers = 12;
        ITaskStore<TTask> store = await OpenAsync(token);

        TaskSave[] saves = await Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => Task.Run(
            async () => await store.SaveAsync(Alice, Open("t1"), 0, token), token)));

        Expect.Equal(1, saves.Count(static save => save == new TaskSave(TaskSaveStatus.Saved, 1)));
        Expect.Equal(Writers - 1, saves.Count(static save => save == new TaskSave(TaskSaveStatus.Conflict, 1)));
    }

    private async Task RaceOfEndsAsync(CancellationToken token)
    {
        ITaskStore<TTask> store = await OpenAsync(token);
        for (int round = 0; round < 10; round++)
        {
            string id = $"t{round}";
            await AddAsync(store, Alice, Open(id), token);

            TaskSave[] saves = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => Task.Run(
                async () => await store.SaveAsync(Alice, i % 2 == 0 ? Open(id) : Ended(id), 1, token), token)));

            Expect.Equal(1, saves.Count(static save => save.Status == TaskSaveStatus.Saved));
            StoredTask<TTask> end = Expect.NotNull(await store.GetAsync(Alice, id, token));
            TaskSaveStatus next = (await store.SaveAsync(Alice, Open(id), end.Version, token)).Status;
            Expect.Equal(FactsOf(end.Task).IsTerminal ? TaskSaveStatus.Ended : TaskSaveStatus.Saved, next);
        }
    }

    private async Task OrderAsync(CancellationToken token)
    {
        ITaskStore<TTask> store = await OpenAsync(token);
        foreach (string id in new[] { "a", "b", "c" })
        {
            await AddAsync(store, Alice, Open(id), token);
            await AdvanceAsync(TimeSpan.FromMilliseconds(1), token);
        }

        Expect.Sequence(["c", "b", "a"], await IdsAsync(store, Alice, new TaskQuery(), token));

        await store.SaveAsync(Alice, Open("a"), 1, token);
        StoredTask<TTask> first = Expect.NotNull(await store.GetAsync(Alice, "a", token));
        await store.SaveAsync(Alice, Open("a"), 2, token);
        StoredTask<TTask> second = Expect.NotNull(await store.GetAsync(Alice, "a", token));

        // The clock may have stood still between the two saves.
        Expect.True(second.UpdatedAt > first.UpdatedAt);
        Expect.Sequence(["a", "c", "b"], await IdsAsync(store, Alice, new TaskQuery(), token));
    }

    private async Task FiltersAsync(CancellationToken token)
    {
        ITaskStore<TTask> store = await OpenAsync(token);
        int number = 0;
        foreach (string? context in (string?[])["c1", "c2", null])
        {
            foreach (bool isTerminal in (bool[])[false, true])
            {
                string id = $"t{number++}";
                await AddAsync(store, Alice, isTerminal ? Ended(id, context) : Open(id, context), token);
                await AdvanceAsync(TimeSpan.FromSeconds(1), token);
            }
        }

        Expect.Sequence(["t1", "t0"], await FilterAsync(new TaskQuery { ContextId = "c1" }));
        Expect.Sequence(["t4", "t2", "t0"], await FilterAsync(new TaskQuery { State = OpenState }));
        Expect.Sequence(["t3"], await FilterAsync(new TaskQuery { ContextId = "c2", State = TerminalState }));
        Expect.Empty(await FilterAsync(new TaskQuery { ContextId = "C1" }));
        Expect.Empty(await FilterAsync(new TaskQuery { ContextId = "c1 " }));
        Expect.Equal(3, await store.CountAsync(Alice, new TaskQuery { State = OpenState }, Limit, token));
        Expect.Equal(2, await store.CountAsync(Alice, new TaskQuery { State = OpenState }, 2, token));
        DateTimeOffset since = Expect.NotNull(await store.GetAsync(Alice, "t4", token)).UpdatedAt;
        Expect.InRange(since, Now - TimeSpan.FromMinutes(1), Now);
        Expect.Sequence(["t5", "t4"], await FilterAsync(new TaskQuery { UpdatedSince = since }));
        Expect.Sequence(["t5"], await FilterAsync(new TaskQuery { UpdatedSince = since.AddMilliseconds(1) }));

        Task<List<string>> FilterAsync(TaskQuery query) => IdsAsync(store, Alice, query with { PageSize = 1 }, token);
    }

    private async Task PageTokenAsync(CancellationToken token)
    {
        ITaskStore<TTask> store = await OpenAsync(token);
        for (int i = 0; i < 3; i++)
        {
            await AddAsync(store, Alice, Open($"t{i}"), token);
            await AddAsync(store, Bob, Open($"t{i}"), token);
        }

        TaskQuery query = new() { PageSize = 1, ContextId = "c1" };
        string page = Expect.NotNull((await store.ListAsync(Alice, query, token)).NextPageToken);
        Expect.Equal(2, (await store.ListAsync(Alice, query with { PageToken = page, PageSize = 2 }, token)).Tasks.Count);
        await RefusedAsync(Bob, query with { PageToken = page });
        await RefusedAsync(Alice, query with { PageToken = page, ContextId = null });
        await RefusedAsync(Alice, query with { PageToken = page, State = OpenState });
        await RefusedAsync(Alice, query with { PageToken = page, UpdatedSince = DateTimeOffset.UnixEpoch });
        string[] others =
            ["", "0", "x", "AAAA", page[..^1], page + "A", page.ToUpperInvariant(), page + " ", "' OR 1=1", new string('A', 5000), "é"];
        foreach (string other in others.Where(other => other != page))
        {
            await RefusedAsync(Alice, query with { PageToken = other });
        }

        for (int i = 0; i < page.Length; i++)
        {
            await RefusedAsync(Alice, query with { PageToken = page[..i] + (page[i] == 'A' ? 'B' : 'A') + page[(i + 1)..] });
        }

        async Task RefusedAsync(StoreScope scope, TaskQuery bad)
        {
            PageTokenException refusal = await Expect.ThrowsAsync<PageTokenException>(() => store.ListAsync(scope, bad, token).AsTask());
            Expect.True(bad.PageToken!.Length < 3 || !refusal.Message.Contains(bad.PageToken, StringComparison.Ordinal));
        }
    }

    private async Task PagesUnderWritesAsync(CancellationToken token)
    {
        const int Count = 60;
        ITaskStore<TTask> store = await OpenAsync(token);
        HashSet<string> unchanged = [];
        for (int i = 0; i < Count; i++)
        {
            // Three tasks have the same millisecond: ties are paged as well.
            await AdvanceAsync(TimeSpan.FromMilliseconds(i % 3 == 0 ? 1 : 0), token);
            await AddAsync(store, Alice, Open($"t{i:000}"), token);
            unchanged.Add($"t{i:000}");
        }

        Random random = new(7);
        List<string> seen = [];
        string? next = null;
        int added = 0;
        do
        {
            TaskPage<TTask> page = await store.ListAsync(Alice, new TaskQuery { PageSize = 7, PageToken = next }, token);
            seen.AddRange(page.Tasks.Select(stored => FactsOf(stored.Task).TaskId));
            next = page.NextPageToken;

            // Between pages a task is new, and others change or are deleted, also the one at which the page ended.
            await AdvanceAsync(TimeSpan.FromMilliseconds(1), token);
            await AddAsync(store, Alice, Open($"new{added++}"), token);
            foreach (string id in new[] { seen[^1], $"t{random.Next(Count):000}", $"t{random.Next(Count):000}" })
            {
                if (await store.GetAsync(Alice, id, token) is { } stored)
                {
                    unchanged.Remove(id);
                    if (random.Next(2) == 0)
                    {
                        await store.DeleteAsync(Alice, id, token);
                    }
                    else
                    {
                        await store.SaveAsync(Alice, stored.Task, stored.Version, token);
                    }
                }
            }
        }
        while (next is not null);

        Expect.Empty(unchanged.Except(seen));
        Expect.Empty(unchanged.Where(id => seen.Count(other => other == id) != 1));
    }

    private async Task ArgumentsAsync(CancellationToken token)
    {
        ITaskStore<TTask> store = await OpenAsync(token);

        await NamedAsync("scope", () => store.GetAsync(null!, "t1", token).AsTask());
        await NamedAsync("taskId", () => store.GetAsync(Alice, null!, token).AsTask());
        await NamedAsync("task", () => store.SaveAsync(Alice, null!, 0, token).AsTask());
        await NamedAsync("expectedVersion", () => store.SaveAsync(Alice, Open("t1"), -1, token).AsTask());
        await NamedAsync("query", () => store.ListAsync(Alice, null!, token).AsTask());
        await NamedAsync("limit", () => store.CountAsync(Alice, new TaskQuery(), 0, token).AsTask());

        static async Task NamedAsync(string name, Func<Task> call) =>
            Expect.Equal(name, (await Expect.ThrowsAsync<ArgumentException>(call)).ParamName);
    }
}
