using System.Data.Common;

namespace Adcp.Aot.Delivery;

/// <summary>
/// Keeps webhooks in a store until they are delivered, so that they survive the process. A webhook is enqueued in the caller's own
/// transaction: the change that it reports and the webhook are committed together or not at all. Implementations are safe for
/// concurrent use.
/// </summary>
public interface IWebhookOutbox
{
    /// <summary>
    /// Gets the time for which a webhook is retried after its first attempt; <see langword="null"/> if nothing is
    /// promised.
    /// </summary>
    TimeSpan? RetryHorizon { get; }

    /// <summary>
    /// Gets the sender that freezes the webhooks; <see langword="null"/> if unknown, and its wiring is then not checked at boot. Its guard
    /// judges registrations.
    /// </summary>
    IWebhookSender? Sender => null;

    /// <summary>
    /// Checks that the store can be used, so that a missing table or an unreachable database is found at boot. By default it does nothing.
    /// </summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="InvalidOperationException">A table is missing, or does not fit this program.</exception>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    ValueTask CheckAsync(CancellationToken cancellationToken = default) => default;

    /// <summary>
    /// Checks that webhooks can be enqueued in a transaction, so that two databases which cannot commit together are found at boot. By
    /// default it does nothing.
    /// </summary>
    /// <param name="transaction">An open transaction of the caller.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="ArgumentException">The transaction is completed, or is not on the outbox's database.</exception>
    /// <exception cref="DbException">A database cannot be reached.</exception>
    ValueTask CheckTransactionAsync(DbTransaction transaction, CancellationToken cancellationToken = default) => default;

    /// <summary>Enqueues webhooks, all of them or none.</summary>
    /// <param name="transaction">
    /// The caller's open transaction on the outbox's database. Delivery begins after its commit. <see langword="null"/> if the caller has
    /// none: the webhooks are then committed before the call returns.
    /// </param>
    /// <param name="items">The webhooks. One at least.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A receipt for each webhook, in the same order.</returns>
    /// <exception cref="ArgumentException">
    /// A webhook breaks a rule of the wire or of the outbox. None is enqueued, and the transaction can still be used. If the parameter
    /// name of the exception is "transaction", the transaction is completed or is not on the outbox's database.
    /// </exception>
    ValueTask<IReadOnlyList<OutboxReceipt>> EnqueueAsync(
        DbTransaction? transaction, IReadOnlyList<OutboxItem> items, CancellationToken cancellationToken = default);

    /// <summary>Returns the state of a delivery.</summary>
    /// <param name="tenant">The tenant of the delivery.</param>
    /// <param name="deliveryId">The caller's own id of the delivery.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns><see langword="null"/> if the id is unknown: it was never enqueued, or it was forgotten.</returns>
    /// <exception cref="ArgumentException">An id is null or empty.</exception>
    ValueTask<OutboxDeliveryState?> FindAsync(string tenant, string deliveryId, CancellationToken cancellationToken = default);

    /// <summary>
    /// Says that a transaction with webhooks was committed, so that delivery begins at once. A hint: without it the webhooks are found
    /// a moment later. By default it does nothing.
    /// </summary>
    void Wake()
    {
    }

    /// <summary>Enqueues one webhook.</summary>
    /// <param name="transaction">See the other overload.</param>
    /// <param name="destination">The registration that the webhook goes to.</param>
    /// <param name="payload">The payload.</param>
    /// <param name="options">Tenant, delivery id and times.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">The webhook breaks a rule of the wire or of the outbox.</exception>
    /// <exception cref="InvalidOperationException">The implementation did not return exactly one receipt.</exception>
    async ValueTask<OutboxReceipt> EnqueueAsync(
        DbTransaction? transaction,
        WebhookDestination destination,
        WebhookPayload payload,
        OutboxOptions options,
        CancellationToken cancellationToken = default)
    {
        IReadOnlyList<OutboxReceipt> receipts =
            await EnqueueAsync(transaction, [new OutboxItem(destination, payload, options)], cancellationToken).ConfigureAwait(false);
        return receipts is [var receipt]
            ? receipt
            : throw new InvalidOperationException(
                $"{GetType().Name} returned {receipts?.Count ?? 0} receipts for one webhook. An outbox returns one for each, in order.");
    }
}
