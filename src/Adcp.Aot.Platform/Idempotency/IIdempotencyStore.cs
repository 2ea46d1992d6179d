namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// Remembers requests by their <c>idempotency_key</c> together with their answers (AdCP security, "request safety"). If
/// a request is repeated, it gets the kept answer and is not performed again. All processes of a seller share one
/// store. Implementations are safe for concurrent use.
/// </summary>
/// <remarks>
/// A claim is a lease. Its owner performs the request and then completes or releases the claim. If another process has
/// taken the claim over, neither has an effect. When <see cref="ClaimAsync"/> or <see cref="CompleteAsync"/> of a
/// durable store has returned, its change survives a crash. A request's identity does not reveal its key, because a key
/// is a capability and must not be kept.
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
    /// Takes the right to perform a request if it is new and no other caller has that right, in one step.
    /// </summary>
    /// <param name="tenant">The authenticated caller.</param>
    /// <param name="request">The request's identity, from its key and account: 64 hexadecimal digits.</param>
    /// <param name="fingerprint">The fingerprint of the request's content, 64 hexadecimal digits.</param>
    /// <param name="lease">The lease's length.</param>
    /// <param name="cancellationToken">Ends the call. The claim may have been taken nevertheless; then it
    /// expires.</param>
    ValueTask<IdempotencyClaim> ClaimAsync(string tenant, string request, string fingerprint, TimeSpan lease,
        CancellationToken cancellationToken = default);

    /// <summary>Extends the lease of a claim while its request is performed.</summary>
    /// <param name="claim">A claim that is owned.</param>
    /// <param name="lease">The lease's length from now.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>false</c> if another process has taken the claim over.</returns>
    ValueTask<bool> RenewAsync(IdempotencyClaim claim, TimeSpan lease, CancellationToken cancellationToken = default);

    /// <summary>Reads the store once, so that a missing table or an unreachable database is found at boot.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    ValueTask CheckAsync(CancellationToken cancellationToken = default) => default;

    /// <summary>Keeps the answer of a request that was performed.</summary>
    /// <param name="claim">A claim that is owned.</param>
    /// <param name="answer">The answer, which is returned unchanged.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>
    /// <c>false</c> if another process has taken the claim over. <c>true</c> also if an earlier call kept this answer,
    /// because that call's own answer may have been lost.
    /// </returns>
    ValueTask<bool> CompleteAsync(IdempotencyClaim claim, string answer, CancellationToken cancellationToken = default);

    /// <summary>Forgets a request that failed, so that it may be made again with the same key.</summary>
    /// <param name="claim">A claim that is owned.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>false</c> if another process has taken the claim over.</returns>
    ValueTask<bool> ReleaseAsync(IdempotencyClaim claim, CancellationToken cancellationToken = default);
}
