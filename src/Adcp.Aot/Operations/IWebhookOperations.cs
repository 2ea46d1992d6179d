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

    /// <summary>
    /// Refuses every delivery to an endpoint until it is reset. With an outbox, it holds for all workers and after a restart, and the
    /// endpoint's webhooks wait. Other workers apply it when they renew their lease.
    /// </summary>
    /// <param name="endpointId">The <see cref="EndpointStatus.Id"/>.</param>
    /// <param name="action">The person or program that acts, and the reason.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The endpoint afterwards; <see langword="null"/> if it is not known.</returns>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    ValueTask<EndpointStatus?> IsolateAsync(string endpointId, OperatorAction action, CancellationToken cancellationToken = default);

    /// <summary>
    /// Closes the circuit of an endpoint, forgets its failures, and ends its isolation. With an outbox, it holds for all workers.
    /// </summary>
    /// <param name="endpointId">The <see cref="EndpointStatus.Id"/>.</param>
    /// <param name="action">The person or program that acts, and the reason.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The endpoint afterwards; <see langword="null"/> if it is not known.</returns>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    ValueTask<EndpointStatus?> ResetAsync(string endpointId, OperatorAction action, CancellationToken cancellationToken = default);

    /// <summary>
    /// Pauses all deliveries until <see cref="ResumeAsync"/>: no worker starts an attempt. It holds for all workers and after a restart.
    /// Webhooks are enqueued, and their horizon continues. Other workers apply it when they renew their lease.
    /// </summary>
    /// <param name="action">The person or program that acts, and the reason.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The state afterwards.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="action"/> is null.</exception>
    /// <exception cref="NotSupportedException">There is no outbox.</exception>
    ValueTask<OperationsStatus> PauseAsync(OperatorAction action, CancellationToken cancellationToken = default);

    /// <summary>Ends the pause of all deliveries. Isolated endpoints stay isolated.</summary>
    /// <param name="action">The person or program that acts, and the reason.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The state afterwards.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="action"/> is null.</exception>
    /// <exception cref="NotSupportedException">There is no outbox.</exception>
    ValueTask<OperationsStatus> ResumeAsync(OperatorAction action, CancellationToken cancellationToken = default);

    /// <summary>Lists attempts, the newest first.</summary>
    /// <param name="query">The query; <see langword="null"/> for the newest 100.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException"><see cref="AttemptQuery.After"/> is not the <c>Next</c> of a page.</exception>
    /// <exception cref="NotSupportedException">No history of attempts is kept.</exception>
    ValueTask<OperationsPage<DeliveryAttemptSnapshot>> ListAttemptsAsync(
        AttemptQuery? query = null, CancellationToken cancellationToken = default);

    /// <summary>Returns the story of a delivery.</summary>
    /// <param name="query">The delivery.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The story; <see langword="null"/> if neither the history nor the store knows the delivery.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="query"/> is null.</exception>
    /// <exception cref="NotSupportedException">Neither a history of attempts nor a store is there.</exception>
    ValueTask<DeliveryStory?> FindDeliveryAsync(DeliveryQuery query, CancellationToken cancellationToken = default);

    /// <summary>Lists dead letters, the newest first.</summary>
    /// <param name="query">The query; <see langword="null"/> for the newest 100.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="NotSupportedException">There is no outbox.</exception>
    ValueTask<OperationsPage<DeadLetter>> ListDeadLettersAsync(
        DeadLetterQuery? query = null, CancellationToken cancellationToken = default);

    /// <summary>Counts dead letters: exactly up to 10,000, then perhaps as an estimate.</summary>
    /// <param name="query">The query, of which <c>Before</c> and <c>Limit</c> are ignored; <see langword="null"/> for all.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="NotSupportedException">There is no outbox.</exception>
    ValueTask<DeadLetterCount> CountDeadLettersAsync(DeadLetterQuery? query = null, CancellationToken cancellationToken = default);

    /// <summary>Returns a dead letter.</summary>
    /// <param name="id">The <see cref="DeadLetter.Id"/>.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The dead letter; <see langword="null"/> if it is not there.</returns>
    /// <exception cref="NotSupportedException">There is no outbox.</exception>
    ValueTask<DeadLetter?> FindDeadLetterAsync(long id, CancellationToken cancellationToken = default);

    /// <summary>
    /// Starts to deliver dead letters again, or to count those that would be (<see cref="RedriveOptions.IsDryRun"/>). The job runs in this
    /// process until it has ended, is cancelled, or the process stops. If the same job runs already, that one is returned.
    /// </summary>
    /// <param name="query">The dead letters. <see cref="DeadLetterQuery.Limit"/> is the number of rows of one step.</param>
    /// <param name="options">Dry run, new keys and rate. If no rate is set, it is 200 a second.</param>
    /// <param name="action">The person or program that acts, and the reason. A dry run is not recorded.</param>
    /// <param name="cancellationToken">Cancels the start, not the job.</param>
    /// <returns>The job; <see langword="null"/> if 8 jobs run already.</returns>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="NotSupportedException">There is no outbox.</exception>
    ValueTask<DeadLetterJob?> StartRedriveAsync(
        DeadLetterQuery query, RedriveOptions options, OperatorAction action, CancellationToken cancellationToken = default);

    /// <summary>
    /// Starts to delete dead letters permanently, or to count them. The job runs in this process as a redrive does, in steps of 500 and at
    /// most 5,000 a second. If the same job runs already, that one is returned.
    /// </summary>
    /// <param name="query">The dead letters. <see cref="DeadLetterQuery.Limit"/> is ignored.</param>
    /// <param name="isDryRun">Whether only to count.</param>
    /// <param name="action">The person or program that acts, and the reason. A dry run is not recorded.</param>
    /// <param name="cancellationToken">Cancels the start, not the job.</param>
    /// <returns>The job; <see langword="null"/> if 8 jobs run already.</returns>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="NotSupportedException">There is no outbox.</exception>
    ValueTask<DeadLetterJob?> StartDiscardAsync(
        DeadLetterQuery query, bool isDryRun, OperatorAction action, CancellationToken cancellationToken = default);

    /// <summary>Lists the newest 100 jobs of this process on dead letters, the newest first.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="NotSupportedException">There is no outbox.</exception>
    ValueTask<IReadOnlyList<DeadLetterJob>> ListDeadLetterJobsAsync(CancellationToken cancellationToken = default);

    /// <summary>Ends a redrive or a discard after the step under way.</summary>
    /// <param name="id">The <see cref="DeadLetterJob.Id"/>.</param>
    /// <param name="action">The person or program that acts, and the reason.</param>
    /// <param name="cancellationToken">Cancels the wait for the end of the job.</param>
    /// <returns>The job after its end; <see langword="null"/> if this process has none with this id.</returns>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="NotSupportedException">There is no outbox.</exception>
    ValueTask<DeadLetterJob?> CancelDeadLetterJobAsync(string id, OperatorAction action, CancellationToken cancellationToken = default);

    /// <summary>
    /// Opens the body of a dead letter, which may contain secrets and personal data. Each opening is recorded before the body is returned.
    /// Ask for a permission of its own before this call.
    /// </summary>
    /// <param name="id">The <see cref="DeadLetter.Id"/>.</param>
    /// <param name="action">The person or program that acts, and the reason.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The body; <see langword="null"/> if the dead letter is not there or cannot be read.</returns>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="NotSupportedException">There is no outbox.</exception>
    ValueTask<ReadOnlyMemory<byte>?> OpenBodyAsync(long id, OperatorAction action, CancellationToken cancellationToken = default);

    /// <summary>Lists the workers of the outbox and their lanes.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="NotSupportedException">There is no outbox.</exception>
    ValueTask<WorkersStatus> ListWorkersAsync(CancellationToken cancellationToken = default);

    /// <summary>Lists the newest 1,000 actions that operators took in this process, the newest first.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    ValueTask<IReadOnlyList<ActionRecord>> ListActionsAsync(CancellationToken cancellationToken = default);
}
