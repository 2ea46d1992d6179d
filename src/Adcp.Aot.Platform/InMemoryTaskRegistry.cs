using System.Data.Common;
using Adcp.Aot.Payloads;
using Adcp.Aot.Storage.A2A;

namespace Adcp.Aot.Platform;

/// <summary>Tasks of one process, which end with it. Bounded: the oldest terminal task makes room, and where all are open a new one is refused. Thread-safe.</summary>
public sealed class InMemoryTaskRegistry : ITaskRegistry, IDisposable
{
    private readonly Dictionary<(StoreScope Scope, string TaskId), StoredTask<SellerTask>> _tasks = [];
    private readonly Queue<(StoreScope Scope, string TaskId)> _terminal = new();
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly TimeProvider _time;
    private readonly int _capacity;

    /// <summary>Creates a registry.</summary>
    /// <param name="capacity">The most tasks kept. 1 to 10,000,000, default 100,000.</param>
    /// <param name="timeProvider">The clock of changes; null for the system's.</param>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 10,000,000.</exception>
    public InMemoryTaskRegistry(int capacity = 100_000, TimeProvider? timeProvider = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 10_000_000);
        _capacity = capacity;
        _time = timeProvider ?? TimeProvider.System;
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The registry is full of open tasks.</exception>
    public async ValueTask CreateAsync(SellerTask task, CancellationToken cancellationToken = default)
    {
        StoreScope scope = TaskRules.Checked(task);
        using Turn turn = await TakeAsync(cancellationToken).ConfigureAwait(false);
        if (_tasks.ContainsKey((scope, task.TaskId)))
        {
            throw TaskRules.Taken();
        }

        if (_tasks.Count >= _capacity)
        {
            _tasks.Remove(_terminal.TryDequeue(out (StoreScope Scope, string TaskId) oldest) ? oldest : throw new InvalidOperationException("The task registry is full of open tasks."));
        }

        _tasks.Add((scope, task.TaskId), new StoredTask<SellerTask>(task, 1, Now()));
        Ended(scope, task);
    }

    /// <inheritdoc/>
    public async ValueTask<SellerTask?> FindAsync(string tenant, string taskId, CancellationToken cancellationToken = default)
    {
        StoreScope scope = StoreScope.Of(tenant);
        using Turn turn = await TakeAsync(cancellationToken).ConfigureAwait(false);
        return _tasks.GetValueOrDefault((scope, taskId))?.Task;
    }

    /// <inheritdoc/>
    public async ValueTask<TaskTransition> TransitionAsync(
        string tenant, string taskId, AdcpTaskStatus status, ReadOnlyMemory<byte> result, Func<SellerTask, DbTransaction?, CancellationToken, ValueTask>? beforeCommit = null,
        CancellationToken cancellationToken = default)
    {
        StoreScope scope = StoreScope.Of(tenant);
        using Turn turn = await TakeAsync(cancellationToken).ConfigureAwait(false);
        if (!_tasks.TryGetValue((scope, taskId), out StoredTask<SellerTask>? known))
        {
            return TaskTransition.Unknown;
        }

        if (TaskRules.Judge(known.Task, status, result) is { } refusal)
        {
            return refusal;
        }

        SellerTask entered = known.Task with { Status = status, Result = result };
        if (beforeCommit is not null)
        {
            await beforeCommit(entered, null, cancellationToken).ConfigureAwait(false);
        }

        Change(scope, known, entered);
        Ended(scope, entered);
        return TaskTransition.Entered;
    }

    /// <inheritdoc/>
    public async ValueTask<TaskTransition> RegisterAsync(string tenant, string taskId, PushRegistration? registration, CancellationToken cancellationToken = default)
    {
        StoreScope scope = StoreScope.Of(tenant);
        using Turn turn = await TakeAsync(cancellationToken).ConfigureAwait(false);
        if (!_tasks.TryGetValue((scope, taskId), out StoredTask<SellerTask>? known))
        {
            return TaskTransition.Unknown;
        }

        if (TaskRules.JudgeRegistration(known.Task, registration) is { } refusal)
        {
            return refusal;
        }

        Change(scope, known, known.Task with { A2ARegistration = registration });
        return TaskTransition.Entered;
    }

    /// <inheritdoc/>
    public async ValueTask<TaskPage<SellerTask>> ListAsync(string tenant, TaskQuery query, CancellationToken cancellationToken = default)
    {
        StoreScope scope = StoreScope.Of(tenant);
        ArgumentNullException.ThrowIfNull(query);
        PageToken? after = PageToken.Decode(scope, query);
        StoredTask<SellerTask>[] page;
        using (await TakeAsync(cancellationToken).ConfigureAwait(false))
        {
            page =
            [
                .. Matching(scope, query)
                    .Where(task => after is not { } place || Compare(task, place) < 0)
                    .OrderByDescending(task => task.UpdatedAt).ThenByDescending(task => task.Task.TaskId, StringComparer.Ordinal)
                    .Take(query.PageSize + 1),
            ];
        }

        if (page.Length <= query.PageSize)
        {
            return new TaskPage<SellerTask>(page, null);
        }

        StoredTask<SellerTask> last = page[query.PageSize - 1];
        return new TaskPage<SellerTask>(page[..query.PageSize], new PageToken(last.UpdatedAt.ToUnixTimeMilliseconds(), last.Task.TaskId).Encode(scope, query));
    }

    /// <inheritdoc/>
    public async ValueTask<int> CountAsync(string tenant, TaskQuery query, int limit, CancellationToken cancellationToken = default)
    {
        StoreScope scope = StoreScope.Of(tenant);
        ArgumentNullException.ThrowIfNull(query);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        using Turn turn = await TakeAsync(cancellationToken).ConfigureAwait(false);
        return Matching(scope, query).Take(limit).Count();
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    private static int Compare(StoredTask<SellerTask> task, PageToken place)
    {
        int byTime = task.UpdatedAt.ToUnixTimeMilliseconds().CompareTo(place.UpdatedAt);
        return byTime != 0 ? byTime : string.CompareOrdinal(task.Task.TaskId, place.TaskId);
    }

    private IEnumerable<StoredTask<SellerTask>> Matching(StoreScope scope, TaskQuery query) => _tasks
        .Where(entry => entry.Key.Scope.Equals(scope)
            && (query.ContextId is null || entry.Key.TaskId == query.ContextId)
            && (query.State is null || entry.Value.Task.Status.ToWire() == query.State)
            && (query.UpdatedSince is not { } since || entry.Value.UpdatedAt.ToUnixTimeMilliseconds() >= since.ToUnixTimeMilliseconds()))
        .Select(entry => entry.Value);

    /// <summary>The moment of a change grows with every one, also where the clock does not.</summary>
    private void Change(StoreScope scope, StoredTask<SellerTask> known, SellerTask task)
    {
        DateTimeOffset now = Now();
        _tasks[(scope, task.TaskId)] = new StoredTask<SellerTask>(task, known.Version + 1, now > known.UpdatedAt ? now : known.UpdatedAt.AddMilliseconds(1));
    }

    private void Ended(StoreScope scope, SellerTask task)
    {
        if (task.Status.IsTerminal())
        {
            _terminal.Enqueue((scope, task.TaskId));
        }
    }

    private DateTimeOffset Now() => DateTimeOffset.FromUnixTimeMilliseconds(_time.GetUtcNow().ToUnixTimeMilliseconds());

    private async ValueTask<Turn> TakeAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        return new Turn(_turn);
    }

    private readonly struct Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
