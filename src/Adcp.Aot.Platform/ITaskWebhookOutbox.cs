using System.Data.Common;
using Adcp.Aot.Delivery;
using Adcp.Aot.Payloads;
using Adcp.Aot.Sending;

namespace Adcp.Aot.Platform;

/// <summary>
/// A durable outbox of task webhooks. It is called where a task enters a status, inside the registry's own transaction: webhook and status are kept together or not at all. Implementations
/// are safe for concurrent use.
/// </summary>
public interface ITaskWebhookOutbox
{
    /// <summary>How long a key is retried; null where nothing is promised.</summary>
    TimeSpan? RetryHorizon { get; }

    /// <summary>Keeps a webhook to be delivered after the commit.</summary>
    /// <param name="destination">The registration.</param>
    /// <param name="payload">The envelope.</param>
    /// <param name="options">The breaker's key.</param>
    /// <param name="transaction">The registry's transaction; null where the registry has none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask EnqueueAsync(
        WebhookDestination destination, WebhookPayload payload, DeliveryOptions options, DbTransaction? transaction, CancellationToken cancellationToken = default);
}
