using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>
/// Keeps A2A tasks, of the adopter's own type or of an SDK's. <see cref="TaskStoreAttribute{TTask}"/> generates one.
/// Every method serves one scope only; a task of another scope looks missing. Implementations are safe for concurrent
/// use, also by several processes on one database.
/// </summary>
/// <typeparam name="TTask">The task.</typeparam>
public interface ITaskStore<TTask>
    where TTask : class
{
    /// <summary>Reads a task.</summary>
    /// <param name="scope">The caller's scope.</param>
    /// <param name="taskId">The task's id, untrusted.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>null</c> if the scope has no such task.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="scope"/> or <paramref name="taskId"/> is null.</exception>
    /// <exception cref="AnonymousScopeException">The scope is anonymous and the store refuses such callers.</exception>
    ValueTask<StoredTask<TTask>?> GetAsync(StoreScope scope, string taskId, CancellationToken cancellationToken = default);

    /// <summary>
    /// Stores a task if no other save came after <paramref name="expectedVersion"/>. No update is ever lost, and a task
    /// in a terminal state never changes again.
    /// </summary>
    /// <param name="scope">The caller's scope.</param>
    /// <param name="task">The task.</param>
    /// <param name="expectedVersion">The version that was read; 0 for a new task.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="ArgumentNullException"><paramref name="scope"/> or <paramref name="task"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="expectedVersion"/> is negative.</exception>
    /// <exception cref="ArgumentException">A fact of the task breaks its rule.</exception>
    /// <exception cref="AnonymousScopeException">The scope is anonymous and the store refuses such callers.</exception>
    ValueTask<TaskSave> SaveAsync(StoreScope scope, TTask task, long expectedVersion, CancellationToken cancellationToken = default);

    /// <summary>Stores a task in one transaction with the caller's own writes: both are stored, or neither.</summary>
    /// <param name="scope">The caller's scope.</param>
    /// <param name="task">The task.</param>
    /// <param name="expectedVersion">The version that was read; 0 for a new task.</param>
    /// <param name="beforeCommit">
    /// Runs after the task is written and before the commit, and not if the task is not saved. It writes by commands of
    /// the transaction and its connection, and neither commits nor ends them. If it throws, the save is rolled back and
    /// the exception is rethrown. <c>null</c> for nothing.
    /// </param>
    /// <param name="cancellationToken">Ends the call before the commit.</param>
    /// <inheritdoc cref="SaveAsync(StoreScope, TTask, long, CancellationToken)"/>
    ValueTask<TaskSave> SaveAsync(
        StoreScope scope, TTask task, long expectedVersion, Func<DbTransaction, CancellationToken, ValueTask>? beforeCommit,
        CancellationToken cancellationToken);

    /// <summary>Deletes a task with its push configurations.</summary>
    /// <param name="scope">The caller's scope.</param>
    /// <param name="taskId">The task's id, untrusted.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>false</c> if the scope had no such task.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="scope"/> or <paramref name="taskId"/> is null.</exception>
    /// <exception cref="AnonymousScopeException">The scope is anonymous and the store refuses such callers.</exception>
    ValueTask<bool> DeleteAsync(StoreScope scope, string taskId, CancellationToken cancellationToken = default);

    /// <summary>
    /// Reads a page. A page after a million tasks costs as much as the first. If a task does not change while a caller
    /// reads the pages, it is seen once; if it changes, it moves to the front.
    /// </summary>
    /// <param name="scope">The caller's scope.</param>
    /// <param name="query">Selects the tasks.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="ArgumentNullException"><paramref name="scope"/> or <paramref name="query"/> is null.</exception>
    /// <exception cref="PageTokenException">The page token is not for this store, this scope and these
    /// filters.</exception>
    /// <exception cref="AnonymousScopeException">The scope is anonymous and the store refuses such callers.</exception>
    ValueTask<TaskPage<TTask>> ListAsync(StoreScope scope, TaskQuery query, CancellationToken cancellationToken = default);

    /// <summary>
    /// Counts the tasks that <paramref name="query"/> lists over all its pages. Its page size and token are ignored.
    /// </summary>
    /// <param name="scope">The caller's scope.</param>
    /// <param name="query">Selects the tasks.</param>
    /// <param name="limit">The number at which counting stops, so that the cost is bounded. At least 1.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>At most <paramref name="limit"/>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="scope"/> or <paramref name="query"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="limit"/> is less than 1.</exception>
    /// <exception cref="AnonymousScopeException">The scope is anonymous and the store refuses such callers.</exception>
    ValueTask<int> CountAsync(StoreScope scope, TaskQuery query, int limit, CancellationToken cancellationToken = default);
}
