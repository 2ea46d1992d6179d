using System.Text.Json.Serialization.Metadata;
using Adcp.Aot.Auditing;
using Adcp.Aot.Storage;

namespace A2AStores;

/// <summary>
/// The agent's tasks: all that is written by hand. Open the generated half with
/// <c>-p:EmitCompilerGeneratedFiles=true</c>.
/// </summary>
[TaskStore<AgentTask>("a2a_tasks")]
[StoreColumn("messages", nameof(MessagesOf))]
internal sealed partial class TaskStore
{
    private static JsonTypeInfo<AgentTask> Contract => A2AJson.Default.AgentTask;

    private static TaskFacts FactsOf(AgentTask task) =>
        new(task.Id, task.ContextId, task.Status.State, TaskStates.IsTerminal(task.Status.State));

    private static int MessagesOf(AgentTask task) => task.History?.Count ?? 0;
}

/// <summary>Where the agent's clients want to hear of them.</summary>
[PushNotificationConfigStore("a2a_push_configs", typeof(TaskStore))]
internal sealed partial class PushConfigStore;

/// <summary>The result of each attempt to tell them. What A2A has no use for is left out.</summary>
[SqlDeliveryLog("a2a_push_log")]
[DeliveryLogIgnore(AttemptField.SequenceKey, AttemptField.SequenceNumber, AttemptField.TaskType, AttemptField.OperationId,
    AttemptField.NotificationType, AttemptField.NotificationId)]
internal sealed partial class PushLog;
