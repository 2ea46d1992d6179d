using System.Text.Json.Serialization.Metadata;
using Adcp.Aot.Auditing;
using Adcp.Aot.Storage;

namespace A2AStores;

/// <summary>
/// The agent's tasks: only this is written by hand. Open the generated half with
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

/// <summary>The clients' push configurations.</summary>
[PushNotificationConfigStore("a2a_push_configs", typeof(TaskStore))]
internal sealed partial class PushConfigStore;

/// <summary>The result of each attempt to notify them, without the fields that A2A does not use.</summary>
[SqlDeliveryLog("a2a_push_log")]
[DeliveryLogIgnore(AttemptField.SequenceKey, AttemptField.SequenceNumber, AttemptField.TaskType, AttemptField.OperationId,
    AttemptField.NotificationType, AttemptField.NotificationId)]
internal sealed partial class PushLog;
