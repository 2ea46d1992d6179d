using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <content>The log lines.</content>
internal sealed partial class OutboxDelivery
{
    [LoggerMessage(
        StorageEventIds.OutboxKeyUnknown, LogLevel.Error,
        "Webhooks in the outbox wait for encryption key {KeyId}, which this process does not have. Give the key to "
            + "SecretsAtRest.EncryptedWith among the older ones. Not logged before this line: {Skipped}")]
    private static partial void KeyUnknown(ILogger logger, string keyId, int skipped);

    [LoggerMessage(
        StorageEventIds.OutboxRowUnreadable, LogLevel.Error,
        "Row {Id} of the outbox cannot be read: {Reason}. It is kept as a dead letter.")]
    private static partial void RowUnreadable(ILogger logger, long id, string reason);

    [LoggerMessage(
        StorageEventIds.OutboxOwnFault, LogLevel.Error,
        "The attempt of row {Id} of the outbox failed by a fault of this process: {Fault}. It is made again and does not count.")]
    private static partial void OwnFault(ILogger logger, long id, string fault);

    [LoggerMessage(
        StorageEventIds.OutboxPassedOver, LogLevel.Warning,
        "Webhook {IdempotencyKey} of tenant {Tenant} has blocked its ordered stream for {Limit}. The stream continues without it; it is "
            + "still retried, and may arrive out of order.")]
    private static partial void PassedOver(ILogger logger, string idempotencyKey, string tenant, TimeSpan limit);

    [LoggerMessage(
        StorageEventIds.OutboxDeadLetter, LogLevel.Warning,
        "Webhook {IdempotencyKey} to {Endpoint} of tenant {Tenant} ended undelivered after {Attempts} attempts: {Reason}, last status "
        + "{Status}. "
            + "It is kept as dead letter {Id}; redrive it when the receiver is repaired.")]
    private static partial void DeadLetter(
        ILogger logger, string idempotencyKey, string endpoint, string tenant, int attempts, string reason, int status, long id);
}
