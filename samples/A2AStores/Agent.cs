using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Adcp.Aot.Storage;

namespace A2AStores;

/// <summary>
/// The agent: a message becomes a task, which works for a while and completes with an answer. Every change is a read, a
/// decision and a save under the version that was read, so that a cancellation and a completion cannot both win, even
/// from two processes.
/// </summary>
internal sealed partial class Agent(TaskStore tasks, PushNotifier notifier, TimeSpan work, TimeProvider time, ILogger<Agent> log)
    : IDisposable
{
    private readonly ConcurrentDictionary<(StoreScope Scope, string TaskId), Task> _running = new();
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>
    /// The tasks that end at a time. Each holds a connection while it reads its push configurations by another one, so that many
    /// could take all connections of the pool and wait for each other.
    /// </summary>
    private readonly SemaphoreSlim _ends = new(8);

    /// <summary>The maximum number of messages of a task, which bounds its row and each answer that has it.</summary>
    public const int MaxMessages = 16;

    /// <summary>
    /// Stores a new task. Its work does not begin before <see cref="Start"/>, so that a push configuration can be
    /// stored first.
    /// </summary>
    public async Task<AgentTask> CreateAsync(StoreScope scope, Message message, CancellationToken cancellationToken)
    {
        string id = Guid.NewGuid().ToString();
        string contextId = message.ContextId is { Length: > 0 } given ? given : Guid.NewGuid().ToString();
        AgentTask task = new()
        {
            Id = id,
            ContextId = contextId,
            Status = Status(TaskStates.Submitted),
            History = [message with { TaskId = id, ContextId = contextId }],
        };
        TaskSave save = await tasks.SaveAsync(scope, task, 0, cancellationToken);
        return save.Status == TaskSaveStatus.Saved ? task : throw new InvalidOperationException("A random task id was taken.");
    }

    /// <summary>Adds a message to a task that has not ended.</summary>
    public Task<AgentTask> ContinueAsync(StoreScope scope, Message message, CancellationToken cancellationToken) => ChangeAsync(
        scope,
        message.TaskId!,
        task => message.ContextId is { Length: > 0 } context && context != task.ContextId
            ? throw RpcException.InvalidParams("message.contextId is not the task's context.")
            : task.History?.Count >= MaxMessages
            ? throw new RpcException(-32004, $"A task has {MaxMessages} messages at most; send one without taskId for a new task.")
            : task with { History = [.. task.History ?? [], message with { ContextId = task.ContextId }] },
        () => new RpcException(-32004, "The task has ended; send a message without taskId for a new one."),
        cancellationToken);

    /// <summary>Begins to work, in the background.</summary>
    public void Start(StoreScope scope, string taskId) => Track(scope, taskId, WorkAsync(scope, taskId));

    /// <summary>Waits until this process has nothing more to do for the task.</summary>
    public async Task<AgentTask> EndOfAsync(StoreScope scope, AgentTask task, CancellationToken cancellationToken)
    {
        if (_running.TryGetValue((scope, task.Id), out Task? running))
        {
            await running.WaitAsync(cancellationToken);
        }

        return (await tasks.GetAsync(scope, task.Id, cancellationToken))?.Task ?? throw RpcException.TaskNotFound();
    }

    /// <summary>Cancels a task that has not ended.</summary>
    public async Task<AgentTask> CancelAsync(StoreScope scope, string taskId, CancellationToken cancellationToken)
    {
        AgentTask canceled = await ChangeAsync(
            scope, taskId, task => task with { Status = Status(TaskStates.Canceled) }, () =>
            new RpcException(-32002, "The task has ended and cannot be canceled."), cancellationToken);
        Track(scope, taskId + " canceled", notifier.NotifyAsync(scope, canceled));
        return canceled;
    }

    /// <summary>Waits for the work under way, for as long as the token allows.</summary>
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        while (!_running.IsEmpty && !cancellationToken.IsCancellationRequested)
        {
            // Work that ends may begin a notification. A task that is complete is taken out a moment later.
            await Task.WhenAll(_running.Values).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await Task.Yield();
        }
    }

    public void Dispose()
    {
        _stopping.Dispose();
        _ends.Dispose();
    }

    private async Task WorkAsync(StoreScope scope, string taskId)
    {
        await Task.Yield();
        try
        {
            await ChangeAsync(scope, taskId, task => task with { Status = Status(TaskStates.Working) }, static () =>
                new TaskEndedException(), CancellationToken.None);
            await Task.Delay(work, time, _stopping.Token);
            AgentTask completed = await ChangeAsync(
                scope,
                taskId,
                task => task with { Status = Status(TaskStates.Completed), Artifacts = [Answer(task)] },
                static () => new TaskEndedException(),
                CancellationToken.None);
            Track(scope, taskId + " completed", notifier.NotifyAsync(scope, completed));
        }
        catch (Exception end) when (end is TaskEndedException or OperationCanceledException or RpcException)
        {
            // Canceled or deleted meanwhile, or the process stops: another caller or process has changed the task.
        }
    }

    /// <summary>Reads, decides and saves; repeats if another save came between.</summary>
    private async Task<AgentTask> ChangeAsync(
        StoreScope scope, string taskId, Func<AgentTask, AgentTask> change, Func<Exception> ended, CancellationToken cancellationToken)
    {
        while (true)
        {
            StoredTask<AgentTask> stored = await tasks.GetAsync(scope, taskId, cancellationToken) ?? throw RpcException.TaskNotFound();
            if (TaskStates.IsTerminal(stored.Task.Status.State))
            {
                throw ended();
            }

            AgentTask changed = change(stored.Task);
            TaskSave save = TaskStates.IsTerminal(changed.Status.State)
                ? await SaveEndAsync(scope, changed, stored.Version, cancellationToken)
                : await tasks.SaveAsync(scope, changed, stored.Version, cancellationToken);
            switch (save.Status)
            {
                case TaskSaveStatus.Saved:
                    return changed;
                case TaskSaveStatus.Ended:
                    throw ended();
                case TaskSaveStatus.Missing:
                    throw RpcException.TaskNotFound();
            }
        }
    }

    /// <summary>Stores the task's end, and its notifications with it if they are kept.</summary>
    private async Task<TaskSave> SaveEndAsync(StoreScope scope, AgentTask ended, long version, CancellationToken cancellationToken)
    {
        await _ends.WaitAsync(cancellationToken);
        try
        {
            return await tasks.SaveAsync(scope, ended, version, notifier.BeforeCommit(scope, ended), cancellationToken);
        }
        finally
        {
            _ends.Release();
        }
    }

    private void Track(StoreScope scope, string name, Task work)
    {
        _running[(scope, name)] = work;
        work.ContinueWith(
            done =>
            {
                _running.TryRemove((scope, name), out _);
                if (done.Exception is { } fault)
                {
                    Failed(fault.InnerException!.GetType().Name);
                }
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private AgentTaskStatus Status(string state) =>
        new(state, time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));

    private static JsonElement Answer(AgentTask task)
    {
        int parts = task.History?.Sum(static message => message.Parts?.Count ?? 0) ?? 0;
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            json.WriteString("artifactId"u8, "answer");
            json.WriteStartArray("parts"u8);
            json.WriteStartObject();
            json.WriteStartObject("data"u8);
            json.WriteNumber("messages"u8, task.History?.Count ?? 0);
            json.WriteNumber("parts"u8, parts);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }

        using JsonDocument document = JsonDocument.Parse(buffer.ToArray());
        return document.RootElement.Clone();
    }

    [LoggerMessage(2, LogLevel.Error, "Background work failed: {Fault}")]
    private partial void Failed(string fault);

    private sealed class TaskEndedException : Exception;
}
