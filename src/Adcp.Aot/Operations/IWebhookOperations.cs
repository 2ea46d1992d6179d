using Adcp.Aot.Auditing;

namespace Adcp.Aot.Operations;

/// <summary>
/// The operator's view of webhooks: the state of deliveries, endpoints and attempts, and the actions on them. The operator page, its API
/// and the command line use this interface only. Implementations are thread-safe, and none of their answers shows a secret.
/// </summary>
public interface IWebhookOperations
{
    /// <summary>Gets the parts that this implementation has. A member of another part throws <see cref="NotSupportedException"/>.</summary>
    OperationsFeatures Features { get; }

    /// <summary>
    /// Returns the state of deliveries. Costs at most one query of the store in five seconds, however often it is called.
    /// </summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    ValueTask<OperationsStatus> GetStatusAsync(CancellationToken cancellationToken = default);

    /// <summary>Lists endpoints: isolated ones first, then open and half-open ones, then failing ones, then the others, by name.</summary>
    /// <param name="query">The query; <see langword="null"/> for the first 100.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException"><see cref="EndpointQuery.After"/> is not the <c>Next</c> of a page.</exception>
    ValueTask<OperationsPage<EndpointStatus>> ListEndpointsAsync(
        EndpointQuery? query = null, CancellationToken cancellationToken = default);

    /// <summary>Refuses every delivery to an endpoint until it is reset.</summary>
    /// <param name="endpointId">The <see cref="EndpointStatus.Id"/>.</param>
    /// <param name="action">The person or program that acts, and the reason.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The endpoint afterwards; <see langword="null"/> if it is not known.</returns>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    ValueTask<EndpointStatus?> IsolateAsync(string endpointId, OperatorAction action, CancellationToken cancellationToken = default);

    /// <summary>Closes the circuit of an endpoint and forgets its failures.</summary>
    /// <param name="endpointId">The <see cref="EndpointStatus.Id"/>.</param>
    /// <param name="action">The person or program that acts, and the reason.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The endpoint afterwards; <see langword="null"/> if it is not known.</returns>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    ValueTask<EndpointStatus?> ResetAsync(string endpointId, OperatorAction action, CancellationToken cancellationToken = default);

    /// <summary>Lists attempts, the newest first.</summary>
    /// <param name="query">The query; <see langword="null"/> for the newest 100.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException"><see cref="AttemptQuery.After"/> is not the <c>Next</c> of a page.</exception>
    /// <exception cref="NotSupportedException">No history of attempts is kept.</exception>
    ValueTask<OperationsPage<DeliveryAttemptSnapshot>> ListAttemptsAsync(
        AttemptQuery? query = null, CancellationToken cancellationToken = default);

    /// <summary>Lists the newest 1,000 actions that operators took in this process, the newest first.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    ValueTask<IReadOnlyList<ActionRecord>> ListActionsAsync(CancellationToken cancellationToken = default);
}
