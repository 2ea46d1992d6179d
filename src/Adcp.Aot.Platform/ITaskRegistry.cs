using System.Data.Common;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Platform;

/// <summary>
/// Keeps the tasks that calls were handed off to. A terminal status is entered once: the same status and result again is <see cref="TaskTransition.Repeated"/>, another is
/// <see cref="TaskTransition.Conflict"/>, and results are the same where their canonical JSON (RFC 8785) is. Implementations are safe for concurrent use.
/// </summary>
public interface ITaskRegistry
{
    /// <summary>Keeps a new task.</summary>
    /// <param name="task">The task.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">The tenant has a task of this id.</exception>
    ValueTask CreateAsync(SellerTask task, CancellationToken cancellationToken = default);

    /// <summary>Reads a task; another tenant's looks missing.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="taskId">Which.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<SellerTask?> FindAsync(string tenant, string taskId, CancellationToken cancellationToken = default);

    /// <summary>Changes a task's status.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="taskId">Which.</param>
    /// <param name="status">The status to enter.</param>
    /// <param name="result">The result; empty for none.</param>
    /// <param name="beforeCommit">
    /// Runs where the status is entered, after it is written and before it is committed: what it writes under the transaction stands or falls with the status, and what it throws takes the status
    /// back. The transaction is null where the registry has none. Null for nothing.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<TaskTransition> TransitionAsync(
        string tenant, string taskId, AdcpTaskStatus status, ReadOnlyMemory<byte> result, Func<SellerTask, DbTransaction?, CancellationToken, ValueTask>? beforeCommit = null,
        CancellationToken cancellationToken = default);
}
