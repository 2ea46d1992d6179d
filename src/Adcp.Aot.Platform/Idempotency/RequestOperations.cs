namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// The operations on requests whose outcome is not known and that no <see cref="IRequestReconciler"/> resolves: operators count them, list
/// them, and resolve them by hand. Thread-safe.
/// </summary>
public sealed class RequestOperations
{
    /// <summary>The most requests of a list.</summary>
    internal const int MaxListed = 1_000;

    private const int MaxOperator = 128;

    private readonly PlatformOptions _options;
    private readonly IUnresolvedRequestStore? _store;

    internal RequestOperations(PlatformOptions options) => (_options, _store) = (options, options.Idempotency as IUnresolvedRequestStore);

    /// <summary>Gets whether the idempotency store can list its unresolved requests. The library's stores can.</summary>
    public bool IsSupported => _store is not null;

    /// <summary>Counts the unresolved requests of all tenants.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="NotSupportedException">The store cannot list them.</exception>
    public ValueTask<RequestsInDoubt> CountAsync(CancellationToken cancellationToken = default) =>
        Store.CountUnresolvedAsync(cancellationToken);

    /// <summary>Returns unresolved requests, the oldest first.</summary>
    /// <param name="limit">The most that are returned. 1 to 1,000.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="ArgumentOutOfRangeException">A limit outside 1 to 1,000.</exception>
    /// <exception cref="NotSupportedException">The store cannot list them.</exception>
    public ValueTask<IReadOnlyList<RequestInDoubt>> ListAsync(int limit = 100, CancellationToken cancellationToken = default) =>
        Store.ListUnresolvedAsync(Require.InRange(limit, 1, MaxListed, nameof(limit)), cancellationToken);

    /// <summary>
    /// Resolves a request by hand. As committed, its answer is kept, and the buyer gets it when the request comes again. As not committed,
    /// the request is performed when it comes again. Log event 2022 records operator, request and outcome.
    /// </summary>
    /// <param name="tenant">The request's tenant.</param>
    /// <param name="id">The request's <see cref="RequestInDoubt.Id"/>.</param>
    /// <param name="outcome">The outcome, as a reconciler states it. Not <see cref="Reconciliation.Unknown"/>.</param>
    /// <param name="operatorName">The name of the operator that decides, for the log. 1 to 128 characters.</param>
    /// <param name="cancellationToken">Ends the call. The request may have been resolved nevertheless.</param>
    /// <returns><c>false</c> if there is no such request, or if it is no longer unresolved.</returns>
    /// <exception cref="ArgumentException">An empty or too long name, or an outcome that resolves nothing.</exception>
    /// <exception cref="NotSupportedException">The store cannot resolve them.</exception>
    public async ValueTask<bool> ResolveAsync(
        string tenant, string id, Reconciliation outcome, string operatorName, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(tenant);
        ArgumentException.ThrowIfNullOrEmpty(id);
        ArgumentNullException.ThrowIfNull(outcome);
        ArgumentException.ThrowIfNullOrWhiteSpace(operatorName);
        if (operatorName.Length > MaxOperator || operatorName.Any(char.IsControl))
        {
            throw new ArgumentException($"At most {MaxOperator} characters without control characters.", nameof(operatorName));
        }

        if (outcome.Outcome == ReconciliationOutcome.Unknown)
        {
            throw new ArgumentException("State whether the request was committed: Unknown resolves nothing.", nameof(outcome));
        }

        string? answer = outcome.Reply is { } reply ? KeptAnswer.Write(reply) : null;
        bool isResolved = await Store.ResolveAsync(tenant, id, answer, cancellationToken).ConfigureAwait(false);
        if (isResolved)
        {
            PlatformLog.RequestResolved(_options.Log, operatorName, id, tenant, outcome.Outcome);
        }

        return isResolved;
    }

    private IUnresolvedRequestStore Store => _store
        ?? throw new NotSupportedException($"{_options.Idempotency.GetType().Name} does not implement IUnresolvedRequestStore.");
}
