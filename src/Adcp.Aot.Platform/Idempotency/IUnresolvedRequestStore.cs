namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// The unresolved requests of an idempotency store, for operators: they have no answer, and no process performs or reconciles them now.
/// Implementations are safe for concurrent use. <see cref="RequestOperations"/> uses it.
/// </summary>
public interface IUnresolvedRequestStore
{
    /// <summary>Counts the unresolved requests.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    ValueTask<RequestsInDoubt> CountUnresolvedAsync(CancellationToken cancellationToken = default);

    /// <summary>Returns unresolved requests, the oldest first.</summary>
    /// <param name="limit">The most that are returned. 1 to 1,000.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    ValueTask<IReadOnlyList<RequestInDoubt>> ListUnresolvedAsync(int limit, CancellationToken cancellationToken = default);

    /// <summary>Keeps the answer of an unresolved request, or forgets the request.</summary>
    /// <param name="tenant">The request's tenant.</param>
    /// <param name="id">The request's <see cref="RequestInDoubt.Id"/>.</param>
    /// <param name="answer">The answer; <c>null</c> to forget the request, so that it may be made again.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>false</c> if there is no such request, or if it is no longer unresolved.</returns>
    ValueTask<bool> ResolveAsync(string tenant, string id, string? answer, CancellationToken cancellationToken = default);
}
