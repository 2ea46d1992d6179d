using System.Data.Common;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform;

/// <summary>
/// Keeps the tasks that calls were handed off to. A terminal status is entered once. The same status and result again
/// give <see cref="TaskTransition.Repeated"/>, others give <see cref="TaskTransition.Conflict"/>. Results are the same
/// if their canonical JSON (RFC 8785) is. Every method serves one tenant only. Implementations are safe for concurrent
/// use.
/// </summary>
public interface ITaskRegistry
{
    /// <summary>
    /// The maximum number of bytes in the contexts and results of a page's tasks, unless its first task alone holds
    /// more: 1 MiB.
    /// </summary>
    const int MaxPageBytes = 1 << 20;

    /// <summary>Keeps a new task.</summary>
    /// <param name="task">The task.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">
    /// The tenant has a task of this id, or an id breaks its rule (<see cref="StoreScope.Of"/>,
    /// <see cref="TaskFacts.IsTaskId"/>, not only blanks).
    /// </exception>
    /// <exception cref="AdcpErrorException">The tenant may keep no more tasks: <c>RATE_LIMITED</c>.</exception>
    ValueTask CreateAsync(SellerTask task, CancellationToken cancellationToken = default);

    /// <summary>Reads a task. A task of another tenant looks missing.</summary>
    /// <param name="tenant">The tenant that owns the task.</param>
    /// <param name="taskId">The task's id.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<SellerTask?> FindAsync(string tenant, string taskId, CancellationToken cancellationToken = default);

    /// <summary>
    /// Changes a task's status. If an exception follows after <paramref name="beforeCommit"/> has run, the status may
    /// or may not have been entered; <see cref="TaskHandOff"/> then reads the task.
    /// </summary>
    /// <param name="tenant">The tenant that owns the task.</param>
    /// <param name="taskId">The task's id.</param>
    /// <param name="status">The status to enter.</param>
    /// <param name="result">The result; empty for none.</param>
    /// <param name="beforeCommit">
    /// Runs after the status is written and before the commit, if the status is entered. Its writes in the transaction
    /// are committed with the status. If it throws, the status is rolled back. The transaction is <c>null</c> if the
    /// registry has none. <c>null</c> for nothing.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<TaskTransition> TransitionAsync(
        string tenant, string taskId, AdcpTaskStatus status, ReadOnlyMemory<byte> result,
        Func<SellerTask, DbTransaction?, CancellationToken, ValueTask>? beforeCommit = null,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// Runs a check in a transaction such as <see cref="TransitionAsync"/> gives to its caller, and rolls it back. By default nothing
    /// runs, because the registry has no transactions.
    /// </summary>
    /// <param name="check">The check.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask CheckTransactionAsync(
        Func<DbTransaction, CancellationToken, ValueTask> check, CancellationToken cancellationToken = default) => default;

    /// <summary>Registers A2A's own channel for a task that has not ended, or removes the registration.</summary>
    /// <param name="tenant">The tenant that owns the task.</param>
    /// <param name="taskId">The task's id.</param>
    /// <param name="registration">The registration; <c>null</c> to remove it.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>
    /// <see cref="TaskTransition.Entered"/>; <see cref="TaskTransition.Repeated"/> if there was none to remove;
    /// <see cref="TaskTransition.Conflict"/> if the task has ended or has a registration already, because a
    /// registration is a promise and is not replaced silently; <see cref="TaskTransition.Unknown"/>.
    /// </returns>
    ValueTask<TaskTransition> RegisterAsync(string tenant, string taskId, PushRegistration? registration,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// Reads a page of a tenant's tasks, the latest change first. A page ends early, with a token for the rest,
    /// before its tasks hold more than <see cref="MaxPageBytes"/>; it then still has one task.
    /// </summary>
    /// <param name="tenant">The tenant that owns the tasks.</param>
    /// <param name="query">The filter: a state is AdCP's name of a status, and a task's context is the task
    /// itself.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="PageTokenException">The page token is not for this registry, this tenant and these
    /// filters.</exception>
    ValueTask<TaskPage<SellerTask>> ListAsync(string tenant, TaskQuery query, CancellationToken cancellationToken = default);

    /// <summary>Counts the tasks that <paramref name="query"/> lists over all its pages.</summary>
    /// <param name="tenant">The tenant that owns the tasks.</param>
    /// <param name="query">The filter. Its page size and token are ignored.</param>
    /// <param name="limit">The number at which counting stops. At least 1.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<int> CountAsync(string tenant, TaskQuery query, int limit, CancellationToken cancellationToken = default);
}
