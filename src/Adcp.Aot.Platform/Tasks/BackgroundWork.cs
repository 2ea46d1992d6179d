using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Adcp.Aot.Json;

namespace Adcp.Aot.Platform;

/// <summary>
/// Runs the work of tasks on the thread pool and ends each task with what its work returned or threw. Bounded in count, for each tenant
/// and in total. Thread-safe.
/// </summary>
/// <remarks>
/// A task ends only by its work. If a shutdown cuts the work short, the task keeps its status, because nothing else is known of it. If the
/// registry fails when a task should end, it is asked again for as long as the process lives.
/// </remarks>
internal sealed class BackgroundWork : IDisposable
{
    private const string SeveralEnds = "the task has ended otherwise";
    private const string UnknownTask = "the registry has no such task";

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    /// <summary>The time that work has to end after it was cancelled.</summary>
    private static readonly TimeSpan CancellationTimeout = TimeSpan.FromSeconds(1);

    private readonly HashSet<Item> _running = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationToken _stopToken;
    private readonly Lock _lock = new();
    private readonly TaskHandOff _tasks;
    private readonly PlatformOptions _options;
    private readonly TenantBudget _budget;
    private TaskCompletionSource? _idle;
    private bool _isDraining;

    internal BackgroundWork(TaskHandOff tasks, PlatformOptions options)
    {
        _tasks = tasks;
        _options = options;
        _budget = new TenantBudget(options.Limits.MaxWorkPerTenant, options.Limits.MaxWork);
        _stopToken = _stop.Token;
    }

    public void Dispose() => _stop.Dispose();

    /// <summary>Gets how many works are under way.</summary>
    internal int Count
    {
        get
        {
            lock (_lock)
            {
                return _running.Count;
            }
        }
    }

    /// <summary>Returns work that writes its result.</summary>
    internal static Func<CancellationToken, ValueTask<ReadOnlyMemory<byte>>> Writing<T>(
        Func<CancellationToken, ValueTask<T>> work, JsonTypeInfo<T> contract) =>
        async token => JsonSerializer.SerializeToUtf8Bytes(await work(token).ConfigureAwait(false), contract);

    /// <summary>Takes room for one work. The caller starts the work, or gives the room back with <see cref="Return"/>.</summary>
    /// <exception cref="AdcpErrorException">A bound is reached (<c>RATE_LIMITED</c>), or the seller is stopping.</exception>
    internal void Reserve(string tenant)
    {
        lock (_lock)
        {
            if (_isDraining)
            {
                throw new AdcpErrorException(new AdcpError(
                    "SERVICE_UNAVAILABLE", "The seller is stopping. Make the same request again.", null, ErrorRecovery.Transient));
            }
        }

        if (!_budget.TryTake(tenant))
        {
            string limit = _budget.IsFull ? nameof(PlatformLimits.MaxWork) : nameof(PlatformLimits.MaxWorkPerTenant);
            throw PlatformLimits.Reached(_options, tenant, limit, TimeSpan.FromSeconds(10));
        }
    }

    /// <summary>Gives back the room of a work that is not started.</summary>
    internal void Return(string tenant) => _budget.Return(tenant);

    /// <summary>Starts a work and returns at once.</summary>
    /// <param name="tenant">The tenant that owns the task.</param>
    /// <param name="taskId">The task's id.</param>
    /// <param name="work">The work, which returns the result in UTF-8 JSON.</param>
    /// <param name="isReserved">Whether there is room from <see cref="Reserve"/>. If not, room is taken although there may be none.</param>
    /// <returns>How the work ended. Never faulted.</returns>
    internal Task<WorkOutcome> Start(
        string tenant, string taskId, Func<CancellationToken, ValueTask<ReadOnlyMemory<byte>>> work, bool isReserved)
    {
        if (!isReserved)
        {
            _budget.Take(tenant, 0);
        }

        Item item = new(tenant, taskId);
        bool isTaken;
        lock (_lock)
        {
            isTaken = !_isDraining;
            if (isTaken)
            {
                _running.Add(item);
            }
        }

        if (isTaken)
        {
            return RunAsync(item, work);
        }

        _budget.Return(tenant);
        ReportCutShort(item);
        return Task.FromResult(default(WorkOutcome));
    }

    /// <summary>
    /// Takes no more work and waits for the works under way. When the time is over they are cancelled. The tasks of those that do not end
    /// are logged and keep their status. A second call does not wait again.
    /// </summary>
    internal async Task DrainAsync(TimeSpan patience)
    {
        Task idle;
        lock (_lock)
        {
            _isDraining = true;
            if (_running.Count == 0 || _stopToken.IsCancellationRequested)
            {
                return;
            }

            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            idle = _idle.Task;
        }

        if (await EndsAsync(idle, patience).ConfigureAwait(false))
        {
            return;
        }

        // Callbacks of the works may block or throw: they are not waited for.
        _ = CancelQuietlyAsync();
        if (await EndsAsync(idle, patience < CancellationTimeout ? patience : CancellationTimeout).ConfigureAwait(false))
        {
            return;
        }

        Item[] left;
        lock (_lock)
        {
            left = [.. _running];
        }

        foreach (Item item in left)
        {
            ReportCutShort(item);
        }
    }

    private async ValueTask<bool> EndsAsync(Task idle, TimeSpan patience)
    {
        if (patience <= TimeSpan.Zero)
        {
            return idle.IsCompleted;
        }

        try
        {
            await idle.WaitAsync(patience, _options.TimeProvider).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private async Task CancelQuietlyAsync() => await _stop.CancelAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async Task<WorkOutcome> RunAsync(Item item, Func<CancellationToken, ValueTask<ReadOnlyMemory<byte>>> work)
    {
        // The answer to the call must not wait for the work, even if the work blocks its thread.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            return await PerformAsync(item, work).ConfigureAwait(false) is var (status, result)
                ? await EndAsync(item, status, result).ConfigureAwait(false)
                : default;
        }
        finally
        {
            lock (_lock)
            {
                _running.Remove(item);
                if (_running.Count == 0)
                {
                    _idle?.TrySetResult();
                }
            }

            _budget.Return(item.Tenant);
        }
    }

    /// <returns>The status that the task ends with, and its result; null if the work was cut short.</returns>
    private async ValueTask<(AdcpTaskStatus Status, ReadOnlyMemory<byte> Result)?> PerformAsync(
        Item item, Func<CancellationToken, ValueTask<ReadOnlyMemory<byte>>> work)
    {
        try
        {
            return (AdcpTaskStatus.Completed, await work(_stopToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (IsDraining)
        {
            ReportCutShort(item);
            return null;
        }
        catch (AdcpErrorException fault)
        {
            return (AdcpTaskStatus.Failed, TaskHandOff.ResultOf(fault.Error));
        }
        catch (Exception fault)
        {
            return Failed(item, fault);
        }
    }

    /// <summary>Ends the task, and tries until the registry answers.</summary>
    private async ValueTask<WorkOutcome> EndAsync(Item item, AdcpTaskStatus status, ReadOnlyMemory<byte> result)
    {
        TimeSpan pause = FirstPause;
        while (true)
        {
            try
            {
                TaskTransition transition =
                    await _tasks.EnterAsync(item.Tenant, item.TaskId, status, result, null, CancellationToken.None).ConfigureAwait(false);
                if (transition is not (TaskTransition.Entered or TaskTransition.Repeated))
                {
                    ReportNotKept(item, status, transition == TaskTransition.Unknown ? UnknownTask : SeveralEnds, null);
                }

                return new WorkOutcome(status, transition);
            }
            catch (ArgumentException fault) when (status == AdcpTaskStatus.Completed)
            {
                // The result may not be sent: no JSON object, or too large.
                (status, result) = Failed(item, fault);
                continue;
            }
            catch (Exception fault)
            {
                bool isOver = _stopToken.IsCancellationRequested;
                if (isOver || !item.HasFailed)
                {
                    string next = isOver ? "the process ends" : "it is tried again until the process ends";
                    ReportNotKept(item, status, $"the registry threw {fault.GetType().Name}; {next}", fault);
                }

                item.HasFailed = true;
                if (isOver)
                {
                    return new WorkOutcome(status, null);
                }
            }

            try
            {
                await Task.Delay(pause, _options.TimeProvider, _stopToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // The process ends: one last try.
            }

            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private bool IsDraining
    {
        get
        {
            lock (_lock)
            {
                return _isDraining;
            }
        }
    }

    /// <summary>Logs a fault, which the buyer is not shown.</summary>
    private (AdcpTaskStatus Status, ReadOnlyMemory<byte> Result) Failed(Item item, Exception fault)
    {
        PlatformLog.WorkFailed(_options.Log, item.TaskId, item.Tenant, fault);

        return (AdcpTaskStatus.Failed, TaskHandOff.ResultOf(AdcpError.Internal()));
    }

    private void ReportCutShort(Item item)
    {
        lock (_lock)
        {
            if (item.IsReported)
            {
                return;
            }

            item.IsReported = true;
        }

        PlatformLog.WorkCutShort(_options.Log, item.TaskId, item.Tenant);
    }

    private void ReportNotKept(Item item, AdcpTaskStatus status, string reason, Exception? fault)
    {
        PlatformLog.WorkNotKept(_options.Log, item.TaskId, status.ToWire(), item.Tenant, reason, fault);
    }

    /// <summary>A work under way.</summary>
    private sealed class Item(string tenant, string taskId)
    {
        internal string Tenant { get; } = tenant;

        internal string TaskId { get; } = taskId;

        /// <summary>Gets whether a shutdown abandoned the work and it was logged. Guarded by the lock.</summary>
        internal bool IsReported { get; set; }

        /// <summary>
        /// Gets whether the registry failed for the work and it was logged. Only the work's own loop reads and writes
        /// it.
        /// </summary>
        internal bool HasFailed { get; set; }
    }
}
