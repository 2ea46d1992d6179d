using System.Net;
using Adcp.Aot.Network;
using Adcp.Aot.Storage.Tests.Databases;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Tasks;

/// <summary>Both generated stores on one empty database, under a clock that stands still.</summary>
internal sealed class StoreBench : IAsyncDisposable
{
    public static readonly StoreScope Alice = StoreScope.Of("alice");
    public static readonly StoreScope Bob = StoreScope.Of("bob");

    /// <summary>The key of encrypted tests.</summary>
    public static readonly EncryptionKey Key = new("k1", Enumerable.Range(0, 32).Select(static i => (byte)i).ToArray());

    private StoreBench(TestDatabase database, TaskStoreOptions taskOptions, PushNotificationConfigStoreOptions pushOptions,
        FakeTimeProvider time)
    {
        Database = database;
        Time = time;
        Tasks = new TestTasks(database.Source, database.Dialect, taskOptions);
        Push = new TestPushConfigs(database.Source, database.Dialect, pushOptions);
    }

    public TestDatabase Database { get; }

    public FakeTimeProvider Time { get; }

    public TestTasks Tasks { get; }

    public TestPushConfigs Push { get; }

    public static PushNotificationConfigStoreOptions PushOptions { get; } = new()
    {
        Secrets = SecretsAtRest.EncryptedWith(Key),
        Destinations = new DestinationGuard(new DestinationGuardOptions
        {
            Resolver = static (host, _) =>
                Task.FromResult(new[] { IPAddress.Parse(host.StartsWith("inside", StringComparison.Ordinal) ? "10.0.0.1" : "8.8.8.8") }),
        }),
    };

    public static async Task<StoreBench> CreateAsync(
        SqlDialect dialect, TaskStoreOptions? taskOptions = null, PushNotificationConfigStoreOptions? pushOptions = null)
    {
        FakeTimeProvider time = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
        StoreBench bench = new(
            await TestDatabase.CreateAsync(dialect),
            (taskOptions ?? new TaskStoreOptions()) with { TimeProvider = time },
            (pushOptions ?? PushOptions) with { TimeProvider = time },
            time);
        await bench.Tasks.CreateIfAbsentAsync();
        await bench.Push.CreateIfAbsentAsync();
        return bench;
    }

    public static TestTask Task1(string id, string state = "working", string? context = "c1", string note = "") =>
        new(id, context, state, note);

    /// <summary>Saves a new task.</summary>
    public async Task AddAsync(StoreScope scope, TestTask task) =>
        Assert.Equal(new TaskSave(TaskSaveStatus.Saved, 1), await Tasks.SaveAsync(scope, task, 0));

    /// <summary>All tasks that a query lists, page after page.</summary>
    public async Task<List<StoredTask<TestTask>>> AllAsync(StoreScope scope, TaskQuery query)
    {
        List<StoredTask<TestTask>> all = [];
        string? token = null;
        do
        {
            TaskPage<TestTask> page = await Tasks.ListAsync(scope, query with { PageToken = token });
            Assert.True(page.Tasks.Count <= query.PageSize);
            all.AddRange(page.Tasks);
            token = page.NextPageToken;
        }
        while (token is not null);
        return all;
    }

    public ValueTask DisposeAsync() => Database.DisposeAsync();
}
