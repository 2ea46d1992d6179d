using System.Data.Common;

namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// Remembers requests by their <c>idempotency_key</c> together with their answers (AdCP security, "request safety"). If
/// a request is repeated, it gets the kept answer and is not performed again. All processes of a seller share one
/// store. Implementations are safe for concurrent use.
/// </summary>
/// <remarks>
/// <para>
/// A request has three states. It is <em>active</em> while its claim, which is a lease, is held. It is <em>completed</em> when an answer is
/// kept. It is <em>unresolved</em> if the lease ended or was given up without an answer. An unresolved request is never forgotten and never
/// free: the next claim takes it over as <see cref="IdempotencyClaimStatus.Unresolved"/>. Only <see cref="ReleaseAsync"/> frees a request.
/// </para>
/// <para>
/// If another claim has taken a request over, the methods of the earlier claim have no effect. When a method of a
/// durable store has returned, its change survives a crash. A request's identity does not reveal its key, because a key
/// is a capability and must not be kept.
/// </para>
/// </remarks>
public interface IIdempotencyStore
{
    /// <summary>Gets whether answers survive the process. AdCP requires it in production.</summary>
    bool IsDurable { get; }

    /// <summary>
    /// Gets the time for which an answer is repeated, as <c>adcp.idempotency.replay_ttl_seconds</c> of the capabilities
    /// states it. 1 hour to 7 days.
    /// </summary>
    TimeSpan ReplayTimeToLive { get; }

    /// <summary>
    /// Takes the right to perform a request if it is new, or to find its outcome if it is unresolved, in one step.
    /// </summary>
    /// <param name="tenant">The authenticated caller.</param>
    /// <param name="request">The request's identity, from its key and account: 64 hexadecimal digits.</param>
    /// <param name="fingerprint">The fingerprint of the request's content, 64 hexadecimal digits.</param>
    /// <param name="lease">The lease's length.</param>
    /// <param name="cancellationToken">Ends the call. The claim may have been taken nevertheless; then it becomes
    /// unresolved.</param>
    ValueTask<IdempotencyClaim> ClaimAsync(string tenant, string request, string fingerprint, TimeSpan lease,
        CancellationToken cancellationToken = default);

    /// <summary>Returns whether a claim of the request was taken and not released. Changes nothing.</summary>
    /// <param name="tenant">The authenticated caller.</param>
    /// <param name="request">The request's identity.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    ValueTask<bool> IsKnownAsync(string tenant, string request, CancellationToken cancellationToken = default);

    /// <summary>Extends the lease of a claim.</summary>
    /// <param name="claim">A claim that is owned.</param>
    /// <param name="lease">The lease's length from now.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>false</c> if another claim has taken the request over.</returns>
    ValueTask<bool> RenewAsync(IdempotencyClaim claim, TimeSpan lease, CancellationToken cancellationToken = default);

    /// <summary>Keeps the id of the task that the request is about to open, for a claim that follows after a crash.</summary>
    /// <param name="claim">A claim that is owned.</param>
    /// <param name="taskId">The task's id.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>false</c> if another claim has taken the request over.</returns>
    ValueTask<bool> NoteTaskAsync(IdempotencyClaim claim, string taskId, CancellationToken cancellationToken = default);

    /// <summary>Reads the store once, so that a missing table or an unreachable database is found at boot.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    ValueTask CheckAsync(CancellationToken cancellationToken = default) => default;

    /// <summary>Keeps the answer of a request that was performed.</summary>
    /// <param name="claim">A claim that is owned.</param>
    /// <param name="answer">The answer, which is returned unchanged.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>
    /// <c>false</c> if another claim has taken the request over. <c>true</c> also if an earlier call kept this answer,
    /// because that call's own answer may have been lost.
    /// </returns>
    ValueTask<bool> CompleteAsync(IdempotencyClaim claim, string answer, CancellationToken cancellationToken = default);

    /// <summary>Keeps the answer in the caller's own transaction, so that it is committed together with the caller's changes.</summary>
    /// <param name="claim">A claim that is owned.</param>
    /// <param name="answer">The answer.</param>
    /// <param name="transaction">A transaction on the store's database.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>false</c> if another claim has taken the request over: the caller rolls back.</returns>
    /// <exception cref="NotSupportedException">The store has no database.</exception>
    ValueTask<bool> CompleteAsync(
        IdempotencyClaim claim, string answer, DbTransaction transaction, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException($"{GetType().Name} keeps no answers in a transaction. Use SqlIdempotencyStore.");

    /// <summary>
    /// Forgets a request that is proven to have committed nothing, so that it may be made again with the same key. If a transaction that
    /// keeps the answer is under way, this method waits for its end.
    /// </summary>
    /// <param name="claim">A claim that is owned.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>false</c> if the request has an answer, or if another claim has taken it over.</returns>
    ValueTask<bool> ReleaseAsync(IdempotencyClaim claim, CancellationToken cancellationToken = default);

    /// <summary>
    /// Gives a claim up whose outcome is not known, so that the next claim need not wait for the end of the lease. If the claim was
    /// <see cref="IdempotencyClaimStatus.Unresolved"/>, the request returns to <see cref="IdempotencyClaim.EarlierFence"/>, so that an
    /// earlier caller that is still alive can complete it.
    /// </summary>
    /// <param name="claim">A claim that is owned.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>false</c> if the request has an answer, or if another claim has taken it over.</returns>
    ValueTask<bool> SuspendAsync(IdempotencyClaim claim, CancellationToken cancellationToken = default);
}
