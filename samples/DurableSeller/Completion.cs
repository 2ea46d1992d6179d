using System.Data.Common;
using System.Diagnostics;
using Adcp.Aot.Storage;

namespace DurableSeller;

/// <summary>Waits until the outbox is empty.</summary>
internal static class Completion
{
    /// <summary>A run without progress for this time has lost something.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Returns when nothing waits any more, or nothing moves.</summary>
    public static async Task<OutboxStatus> WaitAsync(
        SqlWebhookOutbox outbox, Func<int> progress, Action check, CancellationToken cancellationToken)
    {
        OutboxStatus status = new();
        int last = -1;
        long moved = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(moved) < Patience)
        {
            check();
            if (progress() is int now && now != last)
            {
                last = now;
                moved = Stopwatch.GetTimestamp();
            }

            try
            {
                status = await outbox.GetStatusAsync(cancellationToken);
                if (status is { Waiting: 0, Parked: 0 })
                {
                    return status;
                }
            }
            catch (Exception fault) when (fault is DbException or IOException or InvalidOperationException or TimeoutException)
            {
                // The server is restarting.
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
        }

        return status;
    }
}
