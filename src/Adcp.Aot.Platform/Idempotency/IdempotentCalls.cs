namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// Performs a request once. A repeated request waits for the first one, which may run in another process, and gets its
/// answer; if the first failed, it is performed. A call that exceeds its time has failed. A claim is a short lease that
/// is renewed while the call runs, so that a request can be repeated within seconds if its process died.
/// </summary>
internal sealed class IdempotentCalls : IDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The lease of a claim that is not renewed. After that time, a request can be repeated if its process died.
    /// </summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(8);

    private static readonly TimeSpan RenewalInterval = Lease / 4;
    private static readonly TimeSpan PauseAfterFault = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// The time that a caller waits until its answer is kept. After that the caller gets it, and it is kept when the
    /// store is back.
    /// </summary>
    private static readonly TimeSpan PatienceOfCaller = TimeSpan.FromSeconds(2);

    private readonly Dictionary<(string Tenant, string Request),
        (string Fingerprint, TaskCompletionSource<ToolReply?> Answer)> _running = [];
    private readonly HashSet<Task> _settling = [];
    private readonly PlatformOptions _options;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationToken _stopToken;
    private readonly Lock _lock = new();

    internal IdempotentCalls(PlatformOptions options)
    {
        _options = options;
        _stopToken = _stop.Token;
    }

    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
    }

    /// <param name="tool">The tool's name.</param>
    /// <param name="tenant">The caller.</param>
    /// <param name="request">The request.</param>
    /// <param name="perform">Performs it.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="AdcpErrorException">The key was used for another request, or its answer has expired; the store
    /// is full; the call took too long; or <paramref name="perform"/> threw it.</exception>
    internal async ValueTask<ToolReply> OnceAsync(
        string tool, string tenant, RequestIdentity request, Func<CancellationToken, ValueTask<ToolReply>> perform,
        CancellationToken cancellationToken)
    {
        while (true)
        {
            (string, string) id = (tenant, request.Request);
            TaskCompletionSource<ToolReply?> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
            Task<ToolReply?>? earlier = null;
            lock (_lock)
            {
                if (!_running.TryGetValue(id, out (string Fingerprint, TaskCompletionSource<ToolReply?> Answer) running))
                {
                    _running.Add(id, (request.Fingerprint, answer));
                }
                else if (running.Fingerprint == request.Fingerprint)
                {
                    earlier = running.Answer.Task;
                }
                else
                {
                    throw Conflict();
                }
            }

            if (earlier is not null)
            {
                if (await earlier.WaitAsync(cancellationToken).ConfigureAwait(false) is { } known)
                {
                    return known.AsReplay();
                }

                continue;
            }

            ToolReply? reply = null;
            try
            {
                return reply = await ClaimAsync(tool, tenant, request, perform, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                lock (_lock)
                {
                    _running.Remove(id);
                }

                answer.SetResult(reply);
            }
        }
    }

    /// <summary>
    /// Waits until answers are kept. When the time is over, each one that is left is tried once more.
    /// </summary>
    internal async ValueTask DrainAsync(TimeSpan patience)
    {
        Task[] settling;
        lock (_lock)
        {
            settling = [.. _settling];
        }

        try
        {
            await Task.WhenAll(settling).WaitAsync(patience, _options.TimeProvider).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            await _stop.CancelAsync().ConfigureAwait(false);
        }
    }

    private static AdcpErrorException Conflict() =>
        new(new AdcpError("IDEMPOTENCY_CONFLICT",
            "The idempotency_key was used for another request. Send that one, or this one with a new key."));

    private async ValueTask<ToolReply> ClaimAsync(
        string tool, string tenant, RequestIdentity request, Func<CancellationToken, ValueTask<ToolReply>> perform,
        CancellationToken cancellationToken)
    {
        for (TimeSpan pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            IdempotencyClaim claim = await _options.Idempotency
                .ClaimAsync(tenant, request.Request, request.Fingerprint, Lease, cancellationToken).AsTask()
                .WaitAsync(_options.CallTimeout, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
            switch (claim.Status)
            {
                case IdempotencyClaimStatus.Owned:
                    return await PerformAsync(tool, claim, perform, cancellationToken).ConfigureAwait(false);
                case IdempotencyClaimStatus.Answered:
                    return KeptAnswer.Read(claim.Answer!).AsReplay();
                case IdempotencyClaimStatus.InFlight:
                    await Task.Delay(pause, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
                    break;
                case IdempotencyClaimStatus.Conflict:
                    throw Conflict();
                case IdempotencyClaimStatus.Expired:
                    throw new AdcpErrorException(new AdcpError(
                        "IDEMPOTENCY_EXPIRED", "The request was made before and its answer is no longer kept. Look for what it made "
                        + "before you make it again with a new key."));
                default:
                    throw new AdcpErrorException(
                        AdcpError.RateLimited("Too many of your requests are remembered.", TimeSpan.FromMinutes(1)));
            }
        }
    }

    private async ValueTask<ToolReply> PerformAsync(string tool, IdempotencyClaim claim,
        Func<CancellationToken, ValueTask<ToolReply>> perform, CancellationToken cancellationToken)
    {
        ToolReply? reply = null;
        using CancellationTokenSource limit = new(_options.CallTimeout, _options.TimeProvider);

        // Not disposed: a renewal that does not return in time may still cancel it.
        CancellationTokenSource lost = new();
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, lost.Token, cancellationToken);
        CancellationTokenSource performed = new();
        Task renewed = RenewAsync(tool, claim, lost, performed.Token);
        try
        {
            // If a tool continues although it was cancelled, it is abandoned: it must not keep its request from being
            // repeated.
            return reply = await perform(either.Token).AsTask().WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
            when ((limit.IsCancellationRequested || lost.IsCancellationRequested) && !cancellationToken.IsCancellationRequested)
        {
            if (limit.IsCancellationRequested)
            {
                PlatformLog.CallTimedOut(_options.Log, tool, _options.CallTimeout);
            }

            string reason = limit.IsCancellationRequested ? "The seller took too long." : "The call was interrupted.";
            throw new AdcpErrorException(
                new AdcpError("SERVICE_UNAVAILABLE", reason + " Make the same request again.", null, ErrorRecovery.Transient));
        }
        finally
        {
            Task settled = SettleAsync(tool, claim, reply, renewed, performed);
            await WaitBrieflyAsync(settled).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Renews the lease while the call runs. If the store fails, it is asked again until the lease has ended. Then the
    /// call is cancelled, because another process may have taken it over.
    /// </summary>
    private async Task RenewAsync(string tool, IdempotencyClaim claim, CancellationTokenSource lost, CancellationToken performed)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        long renewed = _options.TimeProvider.GetTimestamp();
        Exception? last = null;
        try
        {
            while (true)
            {
                await Task.Delay(last is null ? RenewalInterval : PauseAfterFault, _options.TimeProvider, performed).ConfigureAwait(false);
                long now = _options.TimeProvider.GetTimestamp();
                try
                {
                    if (!await _options.Idempotency.RenewAsync(claim, Lease, performed).ConfigureAwait(false))
                    {
                        break;
                    }

                    (renewed, last) = (now, null);
                }
                catch (Exception fault) when (!performed.IsCancellationRequested)
                {
                    last = fault;
                    if (_options.TimeProvider.GetElapsedTime(renewed) >= Lease)
                    {
                        break;
                    }
                }
            }

            if (!performed.IsCancellationRequested)
            {
                PlatformLog.LeaseLost(_options.Log, tool, last);
            }

            await lost.CancelAsync().ConfigureAwait(false);
        }
        catch (Exception) when (performed.IsCancellationRequested)
        {
            // The call has ended. The effect of a cancelled renewal on the row is read when the claim is settled.
        }
    }

    /// <summary>
    /// Keeps the answer, or forgets the request, and retries for the time that a call may take. The caller gets the
    /// answer in any case. If the store stays away, the same request would be performed again, and that is logged.
    /// </summary>
    private async Task SettleAsync(string tool, IdempotencyClaim claim, ToolReply? reply, Task renewed, CancellationTokenSource performed)
    {
        await performed.CancelAsync().ConfigureAwait(false);
        try
        {
            await renewed.WaitAsync(Lease, _options.TimeProvider).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // A store that does not return is abandoned.
        }

        string? answer = reply is { Error: null } ? KeptAnswer.Write(reply) : null;
        long started = _options.TimeProvider.GetTimestamp();
        for (TimeSpan pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                ValueTask<bool> settling = answer is null
                    ? _options.Idempotency.ReleaseAsync(claim, CancellationToken.None)
                    : _options.Idempotency.CompleteAsync(claim, answer, CancellationToken.None);

                // A store that does not return is abandoned, and its answer counts as not kept.
                bool isSettled = await settling.AsTask()
                    .WaitAsync(_options.CallTimeout, _options.TimeProvider, CancellationToken.None).ConfigureAwait(false);
                if (!isSettled && answer is not null)
                {
                    PlatformLog.AnswerNotKept(_options.Log, tool, null);
                }

                return;
            }
            catch (Exception fault)
            {
                // A user's store may throw anything. The call was performed all the same.
                if (_stopToken.IsCancellationRequested || _options.TimeProvider.GetElapsedTime(started) >= _options.CallTimeout)
                {
                    PlatformLog.AnswerNotKept(_options.Log, tool, fault);

                    return;
                }
            }

            try
            {
                await Task.Delay(pause, _options.TimeProvider, _stopToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // The process ends: one last try.
            }
        }
    }

    /// <summary>
    /// Waits until an answer is kept, but no longer than a caller should wait for it. The rest continues in the
    /// background.
    /// </summary>
    private async ValueTask WaitBrieflyAsync(Task settled)
    {
        try
        {
            await settled.WaitAsync(PatienceOfCaller, _options.TimeProvider).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            lock (_lock)
            {
                _settling.Add(settled);
            }

            _ = settled.ContinueWith(
                done =>
                {
                    lock (_lock)
                    {
                        _settling.Remove(done);
                    }
                },
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }
    }
}
