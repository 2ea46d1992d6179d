using System.Text.Json.Serialization.Metadata;
using Adcp.Aot.Json;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform;

/// <summary>The registry's table. SQL and concurrency are generated.</summary>
[TaskStore<KeptTask>("adcp_tasks")]
internal sealed partial class KeptTasks
{
    private static JsonTypeInfo<KeptTask> Contract => KeptJson.Default.KeptTask;

    private static TaskFacts FactsOf(KeptTask task) =>
        new(task.TaskId, task.TaskId, task.Status, WireNames.TryParse(task.Status, out AdcpTaskStatus status) && status.IsTerminal());
}
