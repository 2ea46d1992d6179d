using Adcp.Aot.Storage;

namespace Adcp.Aot.Testing;

/// <summary>
/// The contract of <see cref="IPushNotificationConfigStore"/>. Derive a test class from it, and call <see cref="CheckAsync"/> in a test for
/// each name in <see cref="Rules"/>. Use one instance and one empty store for each rule.
/// </summary>
public abstract class PushConfigStoreContract
{
    private const string Url = "https://buyer.example/a2a?key=in-the-url";
    private const string TaskId = "t1";
    private const int MaxPerTask = 10;

    private static readonly StoreScope Alice = StoreScope.Of("alice");
    private static readonly StoreScope Bob = StoreScope.Of("bob");

    private static readonly RuleTable<PushConfigStoreContract> Table = new(
        nameof(IPushNotificationConfigStore),
        new("A saved configuration is read with its secrets", static (c, token) => c.ReadAsync(token)),
        new("The store picks an id and returns it if none is given", static (c, token) => c.PickedIdAsync(token)),
        new("A save of an id that exists replaces the configuration", static (c, token) => c.ReplacedAsync(token)),
        new("A configuration of another scope looks missing to every call", static (c, token) => c.ForeignAsync(token)),
        new("A configuration needs its task", static (c, token) => c.TaskMissingAsync(token)),
        new("A url that the guard refuses is not stored", static (c, token) => c.RefusedUrlAsync(token)),
        new("A task has a bounded number of configurations", static (c, token) => c.BoundedAsync(token)),
        new("Inactive configurations are left out if only active ones are asked for", static (c, token) => c.InactiveAsync(token)),
        new("Awkward scopes and ids are values like others", static (c, token) => c.AwkwardAsync(token)),
        new("An id that no configuration can have is missing", static (c, token) => c.ImpossibleIdAsync(token)),
        new("The configurations of a task are deleted with it", static (c, token) => c.DeletedWithTaskAsync(token)),
        new("A save at the same time as the delete of its task leaves no configuration", static (c, token) => c.RaceAsync(token)));

    /// <summary>Gets the names of the rules, each a sentence.</summary>
    public static IReadOnlyList<string> Rules => Table.Names;

    /// <summary>Checks a rule.</summary>
    /// <param name="rule">The name of the rule.</param>
    /// <param name="cancellationToken">Ends the check. It is passed to the store.</param>
    /// <exception cref="ArgumentException"><paramref name="rule"/> is not in <see cref="Rules"/>.</exception>
    /// <exception cref="ContractException">The store breaks the rule.</exception>
    public Task CheckAsync(string rule, CancellationToken cancellationToken = default) => Table.CheckAsync(this, rule, cancellationToken);

    /// <summary>
    /// Opens the store, as another process would: a later call opens the same configurations. The store keeps secrets, and its guard
    /// accepts <c>https</c> urls of the host <c>buyer.example</c>: use a guard whose resolver returns a public address.
    /// The derived class disposes the stores after the check; the contract does not.
    /// </summary>
    /// <param name="maxPerTask">The most configurations of a task.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask<IPushNotificationConfigStore> OpenAsync(int maxPerTask, CancellationToken cancellationToken);

    /// <summary>Adds the task that configurations belong to.</summary>
    /// <param name="scope">The scope of the task.</param>
    /// <param name="taskId">The id of the task.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask AddTaskAsync(StoreScope scope, string taskId, CancellationToken cancellationToken);

    /// <summary>Deletes a task.</summary>
    /// <param name="scope">The scope of the task.</param>
    /// <param name="taskId">The id of the task.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask DeleteTaskAsync(StoreScope scope, string taskId, CancellationToken cancellationToken);

    private static PushConfig Config(string? id, string task = TaskId) => new()
    {
        TaskId = task,
        Id = id,
        Url = Url,
        Token = "token-of-client",
        AuthenticationScheme = "Bearer",
        AuthenticationCredentials = "credentials-of-client",
    };

    private static (string TaskId, string? Id, string Url, string? Token, string? Scheme, string? Credentials, bool IsActive) Parts(
        PushConfig config) =>
        (config.TaskId, config.Id, config.Url, config.Token, config.AuthenticationScheme, config.AuthenticationCredentials,
            config.IsActive);

    private static async Task<PushConfig> SavedAsync(
        IPushNotificationConfigStore store, StoreScope scope, PushConfig config, CancellationToken token)
    {
        PushConfigSave save = await store.SaveAsync(scope, config, token);
        Expect.Equal(PushConfigSaveStatus.Saved, save.Status);
        return Expect.NotNull(save.Config);
    }

    private async ValueTask<IPushNotificationConfigStore> WithTaskAsync(CancellationToken token, int maxPerTask = MaxPerTask)
    {
        IPushNotificationConfigStore store = await OpenAsync(maxPerTask, token);
        await AddTaskAsync(Alice, TaskId, token);
        return store;
    }

    private async Task ReadAsync(CancellationToken token)
    {
        IPushNotificationConfigStore store = await WithTaskAsync(token);

        PushConfig saved = await SavedAsync(store, Alice, Config("p1"), token);

        PushConfig read = Expect.NotNull(await (await OpenAsync(MaxPerTask, token)).GetAsync(Alice, TaskId, "p1", token));
        Expect.Equal(Parts(Config("p1")), Parts(read));
        Expect.Equal(Parts(read), Parts(saved));
    }

    private async Task PickedIdAsync(CancellationToken token)
    {
        IPushNotificationConfigStore store = await WithTaskAsync(token);

        string first = Expect.NotNull((await SavedAsync(store, Alice, Config(null), token)).Id);
        string second = Expect.NotNull((await SavedAsync(store, Alice, Config(""), token)).Id);

        Expect.True(first != second);
        Expect.NotNull(await store.GetAsync(Alice, TaskId, first, token));
        Expect.True(await store.DeleteAsync(Alice, TaskId, second, token));
        Expect.False(await store.DeleteAsync(Alice, TaskId, second, token));
        Expect.Sequence([first], (await store.ListAsync(Alice, TaskId, cancellationToken: token)).Select(static config => config.Id));
    }

    private async Task ReplacedAsync(CancellationToken token)
    {
        IPushNotificationConfigStore store = await WithTaskAsync(token);
        await SavedAsync(store, Alice, Config("p1"), token);
        PushConfig other = new() { TaskId = TaskId, Id = "p1", Url = "https://buyer.example/other" };

        await SavedAsync(store, Alice, other, token);

        Expect.Equal(Parts(other), Parts(Expect.Single(await store.ListAsync(Alice, TaskId, cancellationToken: token))));
    }

    private async Task ForeignAsync(CancellationToken token)
    {
        IPushNotificationConfigStore store = await WithTaskAsync(token);
        await SavedAsync(store, Alice, Config("p1"), token);

        Expect.Equal(PushConfigSaveStatus.TaskMissing, (await store.SaveAsync(Bob, Config("p1"), token)).Status);
        await AddTaskAsync(Bob, TaskId, token);
        Expect.Null(await store.GetAsync(Bob, TaskId, "p1", token));
        Expect.Empty(await store.ListAsync(Bob, TaskId, cancellationToken: token));
        Expect.False(await store.SetActiveAsync(Bob, TaskId, "p1", false, token));
        Expect.False(await store.DeleteAsync(Bob, TaskId, "p1", token));
        Expect.Equal(Parts(Config("p1")), Parts(Expect.NotNull(await store.GetAsync(Alice, TaskId, "p1", token))));
    }

    private async Task TaskMissingAsync(CancellationToken token)
    {
        IPushNotificationConfigStore store = await WithTaskAsync(token);

        Expect.Equal(
            new PushConfigSave(PushConfigSaveStatus.TaskMissing, null), await store.SaveAsync(Alice, Config("p1", "t2"), token));
    }

    private async Task RefusedUrlAsync(CancellationToken token)
    {
        IPushNotificationConfigStore store = await WithTaskAsync(token);
        string[] urls =
        [
            "http://buyer.example/", "https://169.254.169.254/", "https://127.0.0.1/", "https://user:word@buyer.example/",
            "javascript:alert(1)", "",
        ];
        foreach (string url in urls)
        {
            PushConfigSave save = await store.SaveAsync(Alice, new PushConfig { TaskId = TaskId, Url = url }, token);

            Expect.Equal(new PushConfigSave(PushConfigSaveStatus.DestinationRefused, null), save);
            Expect.Empty(await store.ListAsync(Alice, TaskId, cancellationToken: token));
        }
    }

    private async Task BoundedAsync(CancellationToken token)
    {
        IPushNotificationConfigStore store = await WithTaskAsync(token, maxPerTask: 2);
        await SavedAsync(store, Alice, Config("p1"), token);
        await SavedAsync(store, Alice, Config("p2"), token);

        Expect.Equal(new PushConfigSave(PushConfigSaveStatus.TooMany, null), await store.SaveAsync(Alice, Config("p3"), token));

        await SavedAsync(store, Alice, Config("p2"), token);
        await AddTaskAsync(Alice, "t2", token);
        await SavedAsync(store, Alice, Config("p3", "t2"), token);
    }

    private async Task InactiveAsync(CancellationToken token)
    {
        IPushNotificationConfigStore store = await WithTaskAsync(token);
        await SavedAsync(store, Alice, Config("p1"), token);
        await SavedAsync(store, Alice, Config("p2"), token);

        Expect.True(await store.SetActiveAsync(Alice, TaskId, "p1", false, token));
        Expect.True(await store.SetActiveAsync(Alice, TaskId, "p1", false, token));

        Expect.Sequence(["p2"], (await store.ListAsync(Alice, TaskId, true, token)).Select(static config => config.Id));
        Expect.Sequence([false, true], (await store.ListAsync(Alice, TaskId, false, token)).Select(static config => config.IsActive));
        Expect.True(await store.SetActiveAsync(Alice, TaskId, "p1", true, token));
        Expect.Equal(2, (await store.ListAsync(Alice, TaskId, true, token)).Count);
        Expect.False(await store.SetActiveAsync(Alice, TaskId, "p3", true, token));
    }

    private async Task AwkwardAsync(CancellationToken token)
    {
        IPushNotificationConfigStore store = await OpenAsync(MaxPerTask, token);
        foreach (string name in Awkward.Names)
        {
            await AddTaskAsync(StoreScope.Of(name), name, token);
            await AddTaskAsync(Alice, name, token);
            await SavedAsync(store, StoreScope.Of(name), Config(name, name), token);
        }

        foreach (string name in Awkward.Names)
        {
            Expect.Equal(name, Expect.NotNull(await store.GetAsync(StoreScope.Of(name), name, name, token)).Id);
            Expect.Empty(await store.ListAsync(Alice, name, cancellationToken: token));
        }
    }

    private async Task ImpossibleIdAsync(CancellationToken token)
    {
        IPushNotificationConfigStore store = await WithTaskAsync(token);
        foreach (string id in Awkward.Impossible)
        {
            Expect.Null(await store.GetAsync(Alice, TaskId, id, token));
            Expect.Null(await store.GetAsync(Alice, id, "p1", token));
            Expect.Empty(await store.ListAsync(Alice, id, cancellationToken: token));
            Expect.False(await store.DeleteAsync(Alice, TaskId, id, token));
            Expect.False(await store.SetActiveAsync(Alice, TaskId, id, true, token));
        }
    }

    private async Task DeletedWithTaskAsync(CancellationToken token)
    {
        IPushNotificationConfigStore store = await WithTaskAsync(token);
        await AddTaskAsync(Bob, TaskId, token);
        foreach (StoreScope scope in (StoreScope[])[Alice, Bob])
        {
            await SavedAsync(store, scope, Config("p1"), token);
            await SavedAsync(store, scope, Config("p2"), token);
        }

        await DeleteTaskAsync(Alice, TaskId, token);
        await AddTaskAsync(Alice, TaskId, token);

        Expect.Empty(await store.ListAsync(Alice, TaskId, cancellationToken: token));
        Expect.Equal(2, (await store.ListAsync(Bob, TaskId, cancellationToken: token)).Count);
    }

    private async Task RaceAsync(CancellationToken token)
    {
        IPushNotificationConfigStore store = await OpenAsync(MaxPerTask, token);
        for (int round = 0; round < 15; round++)
        {
            string task = $"r{round}";
            await AddTaskAsync(Alice, task, token);

            Task<PushConfigSave>[] saves = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(
                async () => await store.SaveAsync(Alice, Config(null, task), token), token))];
            await Task.Run(async () => await DeleteTaskAsync(Alice, task, token), token);

            foreach (PushConfigSave save in await Task.WhenAll(saves))
            {
                Expect.True(save.Status is PushConfigSaveStatus.Saved or PushConfigSaveStatus.TaskMissing);
            }

            Expect.Empty(await store.ListAsync(Alice, task, cancellationToken: token));
        }
    }
}
