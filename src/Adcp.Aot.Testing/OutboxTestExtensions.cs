using Adcp.Aot.Delivery;
using Adcp.Aot.Storage;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Testing;

/// <summary>Waits for outboxes.</summary>
public static class OutboxTestExtensions
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(5);

    /// <summary>
    /// Waits until the outbox holds no webhook any more, also none that is due later: each one is delivered, or is a dead letter. If the
    /// outbox has a test clock (<see cref="TestClockExtensions.UseTestClock"/>), the clock is moved on to the next attempt whenever the
    /// worker has nothing to do, so that the wait takes no real time. A worker must run in this process, or in another one if there is no
    /// test clock.
    /// </summary>
    /// <param name="outbox">
    /// The outbox: a <see cref="SqlWebhookOutbox"/>, as the container gives it for <see cref="IWebhookOutbox"/>.
    /// </param>
    /// <param name="timeout">The longest wait in real time. Default 30 seconds.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The state at the end. Dead letters are in it.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="outbox"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="outbox"/> is of another type.</exception>
    /// <exception cref="TimeoutException">Webhooks are left. The message has the state.</exception>
    public static async Task<OutboxStatus> DrainAsync(
        this IWebhookOutbox outbox, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(outbox);
        SqlWebhookOutbox tables = outbox as SqlWebhookOutbox ?? throw new ArgumentException(
            $"DrainAsync cannot read a {outbox.GetType().Name}: it needs the SqlWebhookOutbox that delivers.", nameof(outbox));
        long started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            OutboxStatus status = await tables.GetStatusAsync(cancellationToken).ConfigureAwait(false);
            if (status.Waiting + status.Parked == 0)
            {
                return status;
            }

            if (TimeProvider.System.GetElapsedTime(started) > (timeout ?? TimeSpan.FromSeconds(30)))
            {
                string clock = tables.Clock is { } test ? $" The test clock shows {test.GetUtcNow():O}." : "";
                throw new TimeoutException($"The outbox was not empty in time: {status}.{clock}");
            }

            if (tables.Clock is FakeTimeProvider time && tables.QuietTime is { } quiet && quiet > TimeSpan.Zero)
            {
                time.Advance(quiet);
            }
            else
            {
                await Task.Delay(Interval, TimeProvider.System, cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
