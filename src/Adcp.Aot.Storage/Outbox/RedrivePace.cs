using Adcp.Aot.Operations;

namespace Adcp.Aot.Storage;

/// <summary>
/// Keeps redrives from slowing down fresh webhooks, by the rows of the log alone: the process that runs a redrive may have no worker. For
/// one redrive at a time.
/// </summary>
/// <remarks>
/// <para>
/// The next step begins when attempts at three quarters of the step before have ended. So the redrive goes at the speed of the workers,
/// and adds one step at most if they stand still. A quarter is left out because slow endpoints must not hold up all others.
/// </para>
/// <para>
/// While other webhooks wait in the log, the redrive then pauses for up to 19 times as long as the step took. So its work loads database
/// and workers for a twentieth of the time, whatever a step costs on this machine. The pause grows with the number of webhooks that wait,
/// up to that of the step, because some are always under way in an outbox that is not busy. The number counts in full at once, and is
/// forgotten by halves: a busy outbox is empty for a moment now and then. A pause never takes the rate below
/// <see cref="MinRowsPerSecond"/>.
/// </para>
/// </remarks>
internal sealed class RedrivePace(OutboxDeadTable dead, TimeProvider time)
{
    /// <summary>The longest pause, in times of the step before it.</summary>
    private const int MaxPause = 19;

    /// <summary>The rows a second for which the pauses of a redrive leave room.</summary>
    private const int MinRowsPerSecond = 10;

    private static readonly TimeSpan FirstPoll = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LongestPoll = TimeSpan.FromSeconds(1);

    private int _others;

    /// <summary>
    /// Gets the turn that a redrive has from the beginning of a step to the end of the wait after it, so that several redrives together
    /// load the workers as one does. Never disposed: it has no wait handle unless a caller asks for one.
    /// </summary>
    internal SemaphoreSlim Turn { get; } = new(1, 1);

    /// <summary>Waits after a step until the next one may begin, or until the cancellation.</summary>
    /// <param name="step">The rows of the step.</param>
    /// <param name="began">The timestamp at which the step began.</param>
    /// <param name="report">Called with the reason of a wait that is noticeable.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    internal async ValueTask WaitAsync(OutboxRedriven step, long began, Action<RedriveWait> report, CancellationToken cancellationToken)
    {
        int moved = step.Ids.Count;
        if (moved == 0)
        {
            return;
        }

        // Counts are not cancelled: a connection that is cancelled within a statement is lost.
        TimeSpan poll = FirstPoll;
        while (await dead.CountLeftAsync(step, CancellationToken.None).ConfigureAwait(false) > moved / 4)
        {
            if (time.GetElapsedTime(began) >= LongestPoll)
            {
                report(RedriveWait.Workers);
            }

            await DelayAsync(poll, cancellationToken).ConfigureAwait(false);
            if (cancellationToken.IsCancellationRequested)
            {
                return;
            }

            poll = poll * 2 < LongestPoll ? poll * 2 : LongestPoll;
        }

        int others = await dead.CountOthersAsync(step, moved, CancellationToken.None).ConfigureAwait(false);
        _others = Math.Min(Math.Max(others, _others / 2), moved);
        TimeSpan pause = time.GetElapsedTime(began) * MaxPause * _others / moved;
        TimeSpan most = TimeSpan.FromSeconds(1) * moved / MinRowsPerSecond;
        report(_others > 0 ? RedriveWait.FreshDeliveries : RedriveWait.None);
        await DelayAsync(pause < most ? pause : most, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits for a time, in whole milliseconds, or until the cancellation.</summary>
    internal async ValueTask DelayAsync(TimeSpan wait, CancellationToken cancellationToken)
    {
        if (wait > TimeSpan.Zero)
        {
            // Rounded up: a delay drops the rest of a millisecond.
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds)), time, cancellationToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
