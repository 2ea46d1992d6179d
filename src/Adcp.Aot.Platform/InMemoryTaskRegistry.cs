using System.Data.Common;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Platform;

/// <summary>Tasks of one process, which end with it. Bounded: the oldest terminal task makes room, and where all are open a new one is refused. Thread-safe.</summary>
public sealed class InMemoryTaskRegistry : ITaskRegistry, IDisposable
{
    private readonly Dictionary<(string Tenant, string TaskId), SellerTask> _tasks = [];
    private readonly Queue<(string Tenant, string TaskId)> _terminal = new();
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly int _capacity;

    /// <summary>Creates a registry.</summary>
    /// <param name="capacity">The most tasks kept. 1 to 10,000,000, default 100,000.</param>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 10,000,000.</exception>
    public InMemoryTaskRegistry(int capacity = 100_000)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 10_000_000);
        _capacity = capacity;
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The registry is full of open tasks.</exception>
    public async ValueTask CreateAsync(SellerTask task, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(task);
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_tasks.ContainsKey((task.Tenant, task.TaskId)))
            {
                throw new ArgumentException("The tenant has a task of this id.", nameof(task));
            }

            if (_tasks.Count >= _capacity)
            {
                _tasks.Remove(_terminal.TryDequeue(out (string Tenant, string TaskId) oldest) ? oldest : throw new InvalidOperationException("The task registry is full of open tasks."));
            }

            _tasks.Add((task.Tenant, task.TaskId), task);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask<SellerTask?> FindAsync(string tenant, string taskId, CancellationToken cancellationToken = default)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return _tasks.GetValueOrDefault((tenant, taskId));
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask<TaskTransition> TransitionAsync(
        string tenant, string taskId, AdcpTaskStatus status, ReadOnlyMemory<byte> result, Func<SellerTask, DbTransaction?, CancellationToken, ValueTask>? beforeCommit = null,
        CancellationToken cancellationToken = default)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_tasks.TryGetValue((tenant, taskId), out SellerTask? task))
            {
                return TaskTransition.Unknown;
            }

            if (TaskRules.Judge(task, status, result) is { } refusal)
            {
                return refusal;
            }

            SellerTask entered = task with { Status = status, Result = result };
            if (beforeCommit is not null)
            {
                await beforeCommit(entered, null, cancellationToken).ConfigureAwait(false);
            }

            _tasks[(tenant, taskId)] = entered;
            if (status.IsTerminal())
            {
                _terminal.Enqueue((tenant, taskId));
            }

            return TaskTransition.Entered;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();
}
