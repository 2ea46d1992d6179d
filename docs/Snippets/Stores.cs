using System.Data.Common;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Adcp.Aot.Storage;
using Microsoft.Data.Sqlite;

namespace Adcp.Aot.Snippets;

/// <summary>The C# of docs/stores.md.</summary>
internal static class StoresDocs
{
    public static async Task SaveAsync(AgentTask task, CancellationToken cancellationToken)
    {
        // snippet: use-store
        await using DbDataSource database = SqliteDataSource.Create(SqliteFactory.Instance, "a2a.db");
        TaskStore store = new(database, SqlDialect.Sqlite);
        await store.CreateIfAbsentAsync(cancellationToken);

        StoreScope alice = StoreScope.Of("alice"); // the authenticated caller
        TaskSave saved = await store.SaveAsync(alice, task, expectedVersion: 0, cancellationToken: cancellationToken); // 0: a new task
        StoredTask<AgentTask>? read = await store.GetAsync(alice, task.Id, cancellationToken);
        // end

        _ = (saved, read);
    }
}

public sealed record AgentTask(string Id, string ContextId, string State, bool IsTerminal, string? Advertiser);

[JsonSerializable(typeof(AgentTask))]
internal sealed partial class AgentJson : JsonSerializerContext;

// snippet: task-store
[TaskStore<AgentTask>("a2a_tasks")]
[StoreColumn("advertiser_id", nameof(AdvertiserOf))]
internal sealed partial class TaskStore
{
    private static JsonTypeInfo<AgentTask> Contract => AgentJson.Default.AgentTask; // your type or an SDK's

    private static TaskFacts FactsOf(AgentTask task) => new(task.Id, task.ContextId, task.State, task.IsTerminal);

    private static string? AdvertiserOf(AgentTask task) => task.Advertiser;
}

[PushNotificationConfigStore("a2a_push_configs", typeof(TaskStore))]
internal sealed partial class PushConfigStore;
// end
