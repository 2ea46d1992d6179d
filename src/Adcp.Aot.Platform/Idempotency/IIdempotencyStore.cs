namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// Remembers requests by their <c>idempotency_key</c> and what they were answered (AdCP security, "request safety"), so
/// that a request that is made again is answered again and performed once. All processes of a seller share one store.
/// Implementations are safe for concurrent use.
/// </summary>
/// <remarks>
/// A claim is a lease: its owner performs the request and then completes or releases the claim, and can do neither once
/// another has taken it over. Once <see cref="ClaimAsync"/> or <see cref="CompleteAsync"/> of a durable store has
/// returned, what it did survives a crash. A request's identity says nothing about its key, so that keys, which are
/// capabilities, are not kept.
/// </remarks>
public interface IIdempotencyStore
{
    /// <summary>Gets whether answers survive the process. AdCP allows nothing else in production.</summary>
    bool IsDurable { get; }

    /// <summary>
    /// How long an answer is given again; what <c>adcp.idempotency.replay_ttl_seconds</c> of the capabilities says. 1
    /// hour to 7 days.
    /// </summary>
    TimeSpan ReplayTimeToLive { get; }

    /// <summary>Takes the right to perform a request where nobody has it and nobody had, in one step.</summary>
    /// <param name="tenant">The authenticated caller.</param>
    /// <param name="request">The request's identity: of its key and account, 64 hexadecimal digits.</param>
    /// <param name="fingerprint">What the request asks for, 64 hexadecimal digits.</param>
    /// <param name="lease">How long the claim holds.</param>
    /// <param name="cancellationToken">Ends the call. The claim may have been taken nevertheless; it then lapses.</param>
    ValueTask<IdempotencyClaim> ClaimAsync(string tenant, string request, string fingerprint, TimeSpan lease,
        CancellationToken cancellationToken = default);

    /// <summary>Extends the lease of a claim while its request is performed.</summary>
    /// <param name="claim">A claim that is owned.</param>
    /// <param name="lease">How long the claim holds from now on.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>False if another has taken the claim over.</returns>
    ValueTask<bool> RenewAsync(IdempotencyClaim claim, TimeSpan lease, CancellationToken cancellationToken = default);

    /// <summary>Reads the store once, so that a missing table or an unreachable database is found at boot.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    ValueTask CheckAsync(CancellationToken cancellationToken = default) => default;

    /// <summary>Keeps the answer of a request that was performed.</summary>
    /// <param name="claim">A claim that is owned.</param>
    /// <param name="answer">The answer, given back as it is.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>
    /// False if another has taken the claim over. True also if an earlier call kept this answer, since that call's
    /// own answer may have been lost.
    /// </returns>
    ValueTask<bool> CompleteAsync(IdempotencyClaim claim, string answer, CancellationToken cancellationToken = default);

    /// <summary>Forgets a request that failed, so that it may be made again with the same key.</summary>
    /// <param name="claim">A claim that is owned.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>false</c> if another has taken the claim over.</returns>
    ValueTask<bool> ReleaseAsync(IdempotencyClaim claim, CancellationToken cancellationToken = default);
}
