using System.Data.Common;
using Adcp.Aot.Json;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform;

/// <summary>
/// Keeps tasks in the memory of one process. They are lost when it ends. Bounded per tenant and in total. If a tenant
/// reaches its bound, its oldest ended task is removed; if all its tasks are open, a new one is refused. Thread-safe.
/// </summary>
public sealed class InMemoryTaskRegistry : ITaskRegistry, IDisposable
{
    private readonly Dictionary<StoreScope, Tenant> _tenants = [];
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly TimeProvider _time;
    private readonly InMemoryLimits _limits;
    private int _count;
    private long _bytes;

    /// <summary>Creates a registry.</summary>
    /// <param name="limits">The limits of memory; null for the defaults.</param>
    /// <param name="timeProvider">The clock of changes; null for the system's.</param>
    public InMemoryTaskRegistry(InMemoryLimits? limits = null, TimeProvider? timeProvider = null)
    {
        _limits = limits ?? new InMemoryLimits();
        _time = timeProvider ?? TimeProvider.System;
    }

    /// <inheritdoc/>
    /// <exception cref="AdcpErrorException">The tenant's share, or the registry, is full: <c>RATE_LIMITED</c>.</exception>
    public async ValueTask CreateAsync(SellerTask task, CancellationToken cancellationToken = default)
    {
        StoreScope scope = TaskRules.Checked(task);
        using Turn turn = await TakeAsync(cancellationToken).ConfigureAwait(false);
        Tenant? tenant = _tenants.GetValueOrDefault(scope);
        if (tenant?.Tasks.ContainsKey(task.TaskId) == true)
        {
            throw TaskRules.Taken();
        }

        long bytes = TaskRules.Bytes(task);
        while (!Fits(tenant, bytes))
        {
            if (tenant is null || !Evict(tenant))
            {
                throw new AdcpErrorException(AdcpError.RateLimited("Too many tasks are kept.", TimeSpan.FromMinutes(1)));
            }
        }

        if (tenant is null)
        {
            _tenants.Add(scope, tenant = new Tenant());
        }

        DateTimeOffset now = Now();
        tenant.Tasks.Add(task.TaskId, new StoredTask<SellerTask>(task with { UpdatedAt = now }, 1, now));
        _count++;
        Charge(tenant, bytes);
        Ended(tenant, task);
    }

    /// <inheritdoc/>
    public async ValueTask<SellerTask?> FindAsync(string tenant, string taskId, CancellationToken cancellationToken = default)
    {
        StoreScope scope = StoreScope.Of(tenant);
        using Turn turn = await TakeAsync(cancellationToken).ConfigureAwait(false);
        return Known(scope, taskId)?.Task;
    }

    /// <inheritdoc/>
    public async ValueTask<TaskTransition> TransitionAsync(
        string tenant, string taskId, AdcpTaskStatus status, ReadOnlyMemory<byte> result,
        Func<SellerTask, DbTransaction?, CancellationToken, ValueTask>? beforeCommit = null,
        CancellationToken cancellationToken = default)
    {
        StoreScope scope = StoreScope.Of(tenant);
        using Turn turn = await TakeAsync(cancellationToken).ConfigureAwait(false);
        if (Known(scope, taskId) is not { } known)
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
        return TaskTransition.Entered;
    }

    /// <inheritdoc/>
    public async ValueTask<TaskTransition> RegisterAsync(string tenant, string taskId, PushRegistration? registration,
        CancellationToken cancellationToken = default)
    {
        StoreScope scope = StoreScope.Of(tenant);
        using Turn turn = await TakeAsync(cancellationToken).ConfigureAwait(false);
        if (Known(scope, taskId) is not { } known)
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

        return TaskRules.Page(scope, query, page);
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

    private static void Ended(Tenant tenant, SellerTask task)
    {
        if (task.Status.IsTerminal())
        {
            tenant.Ended.Enqueue(task.TaskId);
        }
    }

    private StoredTask<SellerTask>? Known(StoreScope scope, string taskId) =>
        _tenants.GetValueOrDefault(scope)?.Tasks.GetValueOrDefault(taskId);

    private IEnumerable<StoredTask<SellerTask>> Matching(StoreScope scope, TaskQuery query) =>
        (_tenants.GetValueOrDefault(scope)?.Tasks.Values ?? Enumerable.Empty<StoredTask<SellerTask>>())
        .Where(stored => (query.ContextId is null || stored.Task.TaskId == query.ContextId)
            && (query.State is null || stored.Task.Status.ToWire() == query.State)
            && (query.UpdatedSince is not { } since || stored.UpdatedAt.ToUnixTimeMilliseconds() >= since.ToUnixTimeMilliseconds()));

    /// <summary>Sets the time of a change. It grows with every change, even if the clock does not.</summary>
    private void Change(StoreScope scope, StoredTask<SellerTask> known, SellerTask task)
    {
        DateTimeOffset now = Now();
        DateTimeOffset changed = now > known.UpdatedAt ? now : known.UpdatedAt.AddMilliseconds(1);
        Tenant tenant = _tenants[scope];
        tenant.Tasks[task.TaskId] = new StoredTask<SellerTask>(task with { UpdatedAt = changed }, known.Version + 1, changed);
        Charge(tenant, TaskRules.Bytes(task) - TaskRules.Bytes(known.Task));
        Ended(tenant, task);

        // A status is never refused for its size. Older tasks of the tenant are removed, and this one stays.
        while ((tenant.Bytes > _limits.MaxBytesPerTenant || _bytes > _limits.MaxBytes) && tenant.Ended.Count > 1 && Evict(tenant))
        {
        }
    }

    private bool Fits(Tenant? tenant, long bytes) =>
        _count < _limits.Capacity && (_count == 0 || _bytes + bytes <= _limits.MaxBytes)
        && (tenant is null || tenant.Tasks.Count == 0
            || (tenant.Tasks.Count < _limits.CapacityPerTenant && tenant.Bytes + bytes <= _limits.MaxBytesPerTenant));

    private bool Evict(Tenant tenant)
    {
        if (!tenant.Ended.TryDequeue(out string? oldest) || !tenant.Tasks.Remove(oldest, out StoredTask<SellerTask>? task))
        {
            return false;
        }

        _count--;
        Charge(tenant, -TaskRules.Bytes(task.Task));
        return true;
    }

    private void Charge(Tenant tenant, long bytes)
    {
        tenant.Bytes += bytes;
        _bytes += bytes;
    }

    private DateTimeOffset Now() => DateTimeOffset.FromUnixTimeMilliseconds(_time.GetUtcNow().ToUnixTimeMilliseconds());

    private async ValueTask<Turn> TakeAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        return new Turn(_turn);
    }

    private sealed class Tenant
    {
        internal Dictionary<string, StoredTask<SellerTask>> Tasks { get; } = new(StringComparer.Ordinal);

        internal Queue<string> Ended { get; } = new();

        internal long Bytes { get; set; }
    }

    private readonly struct Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
