using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>Names the webhooks that wait in an outbox when its last worker stops.</summary>
internal static partial class OutboxRemainder
{
    /// <summary>The most webhooks that are named.</summary>
    internal const int MaxListed = 100;

    /// <summary>
    /// Returns the report with the webhooks that no worker is left to deliver, and logs each of them. Never throws: the worker has
    /// stopped, and the rows are safe if the database does not answer.
    /// </summary>
    /// <param name="report">The report so far.</param>
    /// <param name="outbox">The outbox.</param>
    /// <param name="self">The rows of this worker that are still counted among the workers: 0 or 1.</param>
    /// <param name="logger">The log.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    internal static async ValueTask<OutboxStopReport> AddAsync(
        OutboxStopReport report, SqlWebhookOutbox outbox, int self, ILogger logger, CancellationToken cancellationToken)
    {
        try
        {
            OutboxCounts counts = await outbox.Store.CountAsync(cancellationToken).ConfigureAwait(false);
            long left = counts.Workers > self ? 0 : counts.Waiting + counts.Parked;
            if (left == 0)
            {
                return report with { Left = 0 };
            }

            IReadOnlyList<WaitingWebhook> waiting = await outbox.ListWaitingAsync(MaxListed, cancellationToken).ConfigureAwait(false);
            foreach (WaitingWebhook each in waiting)
            {
                Waits(
                    logger, each.IdempotencyKey ?? "(unreadable)", each.TaskId ?? each.NotificationType ?? "(none)",
                    each.Tenant ?? "(unreadable)", each.Authority ?? "(unreadable)", each.Attempts);
            }

            LeftBehind(logger, left, waiting.Count);
            return report with { Left = left, Waiting = waiting };
        }
        catch (Exception fault)
        {
            Unknown(logger, fault.GetType().Name);
            return report;
        }
    }

    [LoggerMessage(
        StorageEventIds.OutboxWebhookWaits, LogLevel.Warning,
        "Webhook {IdempotencyKey} of task or notification {Subject} of tenant {Tenant} to {Endpoint} waits in the outbox after {Attempts} "
        + "attempts. It is delivered when a worker starts.")]
    private static partial void Waits(
        ILogger logger, string idempotencyKey, string subject, string tenant, string endpoint, int attempts);

    [LoggerMessage(
        StorageEventIds.OutboxLeft, LogLevel.Warning,
        "The outbox has no worker any more. {Count} webhooks wait in it until a worker starts; the lines before this one name {Listed} "
        + "of them.")]
    private static partial void LeftBehind(ILogger logger, long count, int listed);

    [LoggerMessage(
        StorageEventIds.OutboxLeftUnknown, LogLevel.Warning,
        "The outbox worker stopped, and the database did not say which webhooks wait: {Fault}. Those that do are delivered when a worker "
        + "starts.")]
    private static partial void Unknown(ILogger logger, string fault);
}
