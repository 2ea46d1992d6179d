using System.Data.Common;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform;

/// <summary>
/// Keeps the tasks that calls were handed off to. A terminal status is entered once: the same status and result again
/// is <see cref="TaskTransition.Repeated"/>, another is <see cref="TaskTransition.Conflict"/>, and results are the same
/// where their canonical JSON (RFC 8785) is. Every method answers for one tenant only. Implementations are safe for
/// concurrent use.
/// </summary>
public interface ITaskRegistry
{
    /// <summary>
    /// How many bytes the contexts and results of a page's tasks hold at most, unless its first task alone holds
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

    /// <summary>Reads a task; another tenant's looks missing.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="taskId">Which.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<SellerTask?> FindAsync(string tenant, string taskId, CancellationToken cancellationToken = default);

    /// <summary>
    /// Changes a task's status. An exception after <paramref name="beforeCommit"/> has run says that the status may
    /// or may not have been entered: <see cref="TaskHandOff"/> then reads the task.
    /// </summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="taskId">Which.</param>
    /// <param name="status">The status to enter.</param>
    /// <param name="result">The result; empty for none.</param>
    /// <param name="beforeCommit">
    /// Runs where the status is entered, after it is written and before it is committed: what it writes under the
    /// transaction stands or falls with the status, and what it throws takes the status back. The transaction is
    /// <c>null</c> if the registry has none. Null for nothing.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<TaskTransition> TransitionAsync(
        string tenant, string taskId, AdcpTaskStatus status, ReadOnlyMemory<byte> result,
        Func<SellerTask, DbTransaction?, CancellationToken, ValueTask>? beforeCommit = null,
        CancellationToken cancellationToken = default);

    /// <summary>Registers A2A's own channel for a task that has not ended, or takes the registration back.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="taskId">Which.</param>
    /// <param name="registration">The registration; null to take it back.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>
    /// <see cref="TaskTransition.Entered"/>; <see cref="TaskTransition.Repeated"/> where there was none to take back;
    /// <see cref="TaskTransition.Conflict"/> where the task has ended or has one already, which is a promise and not
    /// replaced in silence; <see cref="TaskTransition.Unknown"/>.
    /// </returns>
    ValueTask<TaskTransition> RegisterAsync(string tenant, string taskId, PushRegistration? registration,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// Reads a page of a tenant's tasks, the latest change first. A page ends early, with a token for the rest,
    /// before its tasks hold more than <see cref="MaxPageBytes"/>; it then still has one task.
    /// </summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="query">Which: a state is AdCP's name of a status, and a task's context is the task itself.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="PageTokenException">The page token is none of this registry's for this tenant and these filters.</exception>
    ValueTask<TaskPage<SellerTask>> ListAsync(string tenant, TaskQuery query, CancellationToken cancellationToken = default);

    /// <summary>Counts what <paramref name="query"/> lists over all its pages.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="query">Which; its size and token do not matter.</param>
    /// <param name="limit">Where to stop counting. At least 1.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<int> CountAsync(string tenant, TaskQuery query, int limit, CancellationToken cancellationToken = default);
}
