using Adcp.Aot.Storage;

namespace Adcp.Aot.Testing;

/// <summary>Waits for outboxes.</summary>
public static class OutboxTestExtensions
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(10);

    /// <summary>Waits until the outbox holds no webhook that waits or is parked. A worker must run.</summary>
    /// <param name="outbox">The outbox.</param>
    /// <param name="timeout">The longest wait. Default 30 seconds.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The state at the end. Dead letters are in it.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="outbox"/> is null.</exception>
    /// <exception cref="TimeoutException">Webhooks are left. The message has the state.</exception>
    public static async Task<OutboxStatus> DrainAsync(
        this SqlWebhookOutbox outbox, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(outbox);
        long started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            OutboxStatus status = await outbox.GetStatusAsync(cancellationToken).ConfigureAwait(false);
            if (status.Waiting + status.Parked == 0)
            {
                return status;
            }

            if (TimeProvider.System.GetElapsedTime(started) > (timeout ?? TimeSpan.FromSeconds(30)))
            {
                throw new TimeoutException($"The outbox was not empty in time: {status}");
            }

            await Task.Delay(Interval, TimeProvider.System, cancellationToken).ConfigureAwait(false);
        }
    }
}
