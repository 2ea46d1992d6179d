using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Benchmarks.Storage;

/// <summary>A task of about 400 bytes of JSON.</summary>
public sealed record BenchTask(string Id, string ContextId, string State, string Note)
{
    public static BenchTask Number(int i) =>
        new($"task-{i:0000000}", $"context-{i % 1000}", i % 10 == 0 ? "working" : "completed", new string('n', 320));
}

[JsonSerializable(typeof(BenchTask))]
internal sealed partial class BenchTaskJson : JsonSerializerContext;

[TaskStore<BenchTask>("bench_tasks")]
public sealed partial class BenchTasks
{
    private static JsonTypeInfo<BenchTask> Contract => BenchTaskJson.Default.BenchTask;

    private static TaskFacts FactsOf(BenchTask task) => new(task.Id, task.ContextId, task.State, task.State == "completed");
}
