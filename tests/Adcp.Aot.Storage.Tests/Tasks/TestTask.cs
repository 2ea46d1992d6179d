using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Adcp.Aot.Storage.Tests.Tasks;

/// <summary>An adopter's own task type.</summary>
public sealed record TestTask(string Id, string? ContextId, string State, string Note, long Budget = 0)
{
    public bool IsTerminal => State is "completed" or "failed" or "canceled";
}

[JsonSerializable(typeof(TestTask))]
internal sealed partial class TestTaskJson : JsonSerializerContext;

[TaskStore<TestTask>("a2a_tasks")]
[StoreColumn("budget", nameof(BudgetOf))]
[StoreColumn("owner", nameof(OwnerOf), MaxLength = 300)]
public sealed partial class TestTasks
{
    private static JsonTypeInfo<TestTask> Contract => TestTaskJson.Default.TestTask;

    private static TaskFacts FactsOf(TestTask task) => new(task.Id, task.ContextId, task.State, task.IsTerminal);

    private static long BudgetOf(TestTask task) => task.Budget;

    private static string? OwnerOf(StoreScope scope, TestTask task) => scope.IsAnonymous ? null : scope.Key + "/" + task.State;
}

[PushNotificationConfigStore("a2a_push_configs", typeof(TestTasks))]
[StoreColumn("added_on", nameof(AddedOn))]
public sealed partial class TestPushConfigs
{
    private static DateTimeOffset AddedOn(PushConfig config) => DateTimeOffset.UnixEpoch.AddDays(config.TaskId.Length);
}
