using System.Data.Common;

namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// A claim that this process owns. Its lease is renewed until it is settled, so that the lease can be short: if the process dies, the
/// request is free for reconciliation within seconds. Thread-safe.
/// </summary>
#pragma warning disable CA1001 // Neither source has a timer, and a renewal that does not return in time may still use them.
internal sealed class HeldClaim
#pragma warning restore CA1001
{
    /// <summary>The lease of a claim that is not renewed. After that time, another caller may reconcile the request.</summary>
    internal static readonly TimeSpan Lease = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan RenewalInterval = Lease / 4;
    private static readonly TimeSpan PauseAfterFault = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly PlatformOptions _options;
    private readonly string _tool;
    private readonly CancellationToken _stop;
    private readonly CancellationTokenSource _settling = new();
    private readonly CancellationTokenSource _lost = new();
    private readonly Task _renewed;

    internal HeldClaim(PlatformOptions options, string tool, IdempotencyClaim claim, CancellationToken stop)
    {
        _options = options;
        _tool = tool;
        _stop = stop;
        Claim = claim;
        TaskId = claim.TaskId;
        _renewed = RenewAsync(_settling.Token);
    }

    internal IdempotencyClaim Claim { get; }

    /// <summary>Gets the id of the task that the request opened, or was about to open; <c>null</c> for none.</summary>
    internal string? TaskId { get; private set; }

    /// <summary>Gets a token that is cancelled when another caller may have taken the request over.</summary>
    internal CancellationToken Lost => _lost.Token;

    /// <summary>Gets whether the tool has kept its answer in a transaction of its own.</summary>
    internal bool IsEnlisted { get; private set; }

    /// <summary>Notes the task that the request is about to open.</summary>
    internal async ValueTask NoteTaskAsync(string taskId, CancellationToken cancellationToken)
    {
        if (!await _options.Idempotency.NoteTaskAsync(Claim, taskId, cancellationToken).ConfigureAwait(false))
        {
            throw new OperationCanceledException("Another process has taken the request over.");
        }

        TaskId = taskId;
    }

    /// <summary>
    /// Keeps an answer, and retries for the time that a call may take. If the store stays away, the request becomes unresolved, and that is
    /// logged.
    /// </summary>
    internal async Task KeepAsync(ToolReply reply)
    {
        string answer = KeptAnswer.Write(reply);
        (bool isKept, Exception? fault) = await SettleAsync(
            () => _options.Idempotency.CompleteAsync(Claim, answer, CancellationToken.None)).ConfigureAwait(false);
        if (!isKept)
        {
            PlatformLog.AnswerNotKept(_options.Log, _tool, fault);
        }
    }

    /// <summary>Keeps an answer in a transaction of the tool's.</summary>
    internal async ValueTask KeepAsync(ToolReply reply, DbTransaction transaction, CancellationToken cancellationToken)
    {
        IsEnlisted = true;
        if (!await _options.Idempotency.CompleteAsync(Claim, KeptAnswer.Write(reply), transaction, cancellationToken).ConfigureAwait(false))
        {
            throw new OperationCanceledException("Another process has taken the request over: roll the transaction back.");
        }
    }

    /// <summary>Forgets a request that is proven to have committed nothing.</summary>
    /// <returns><c>false</c> if the request has an answer, or if another caller has it.</returns>
    internal async Task<bool> ReleaseAsync() =>
        (await SettleAsync(() => _options.Idempotency.ReleaseAsync(Claim, CancellationToken.None)).ConfigureAwait(false)).IsDone;

    /// <summary>Leaves a request whose outcome is not known to a later caller.</summary>
    internal async Task SuspendAsync() =>
        await SettleAsync(() => _options.Idempotency.SuspendAsync(Claim, CancellationToken.None)).ConfigureAwait(false);

    private async Task<(bool IsDone, Exception? Fault)> SettleAsync(Func<ValueTask<bool>> settle)
    {
        await _settling.CancelAsync().ConfigureAwait(false);
        try
        {
            await _renewed.WaitAsync(Lease, _options.TimeProvider).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // A store that does not return is abandoned.
        }

        long started = _options.TimeProvider.GetTimestamp();
        for (TimeSpan pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                return (await settle().AsTask()
                    .WaitAsync(_options.CallTimeout, _options.TimeProvider, CancellationToken.None).ConfigureAwait(false), null);
            }
            catch (Exception fault)
            {
                // A user's store may throw anything. The call has its outcome all the same.
                if (_stop.IsCancellationRequested || _options.TimeProvider.GetElapsedTime(started) >= _options.CallTimeout)
                {
                    return (false, fault);
                }
            }

            try
            {
                await Task.Delay(pause, _options.TimeProvider, _stop).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // The process ends: one last try.
            }
        }
    }

    /// <summary>
    /// Renews the lease. If the store fails, it is asked again until the lease has ended. Then the call is cancelled, because another
    /// process may reconcile the request.
    /// </summary>
    private async Task RenewAsync(CancellationToken settling)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        long renewed = _options.TimeProvider.GetTimestamp();
        Exception? last = null;
        try
        {
            while (true)
            {
                await Task.Delay(last is null ? RenewalInterval : PauseAfterFault, _options.TimeProvider, settling).ConfigureAwait(false);
                long now = _options.TimeProvider.GetTimestamp();
                try
                {
                    if (!await _options.Idempotency.RenewAsync(Claim, Lease, settling).ConfigureAwait(false) && !IsEnlisted)
                    {
                        break;
                    }

                    (renewed, last) = (now, null);
                }
                catch (Exception fault) when (!settling.IsCancellationRequested)
                {
                    last = fault;
                    if (_options.TimeProvider.GetElapsedTime(renewed) >= Lease)
                    {
                        break;
                    }
                }
            }

            if (!settling.IsCancellationRequested)
            {
                PlatformLog.LeaseLost(_options.Log, _tool, last);
            }

            await _lost.CancelAsync().ConfigureAwait(false);
        }
        catch (Exception) when (settling.IsCancellationRequested)
        {
            // The call has ended. The effect of a cancelled renewal on the row is read when the claim is settled.
        }
    }
}
