namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// Performs a request once: whoever makes it again waits for the first, which may run in another process, and gets its answer, or performs it where the first failed. A call that outlasts its time
/// has failed.
/// </summary>
internal sealed class IdempotentCalls(PlatformOptions options)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    /// <summary>What a claim outlasts its call by, so that an answer in time is never too late to be kept.</summary>
    private static readonly TimeSpan LeaseMargin = TimeSpan.FromMinutes(1);

    private readonly Dictionary<(string Tenant, string Request), (string Fingerprint, TaskCompletionSource<ToolReply?> Answer)> _running = [];
    private readonly Lock _lock = new();

    /// <param name="tool">The tool's name.</param>
    /// <param name="tenant">The caller.</param>
    /// <param name="request">The request.</param>
    /// <param name="perform">Performs it.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="AdcpErrorException">The key was used for something else, or its answer has expired; the store is full; the call took too long; or what <paramref name="perform"/> throws.</exception>
    internal async ValueTask<ToolReply> OnceAsync(
        string tool, string tenant, RequestIdentity request, Func<CancellationToken, ValueTask<ToolReply>> perform, CancellationToken cancellationToken)
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

    private static AdcpErrorException Conflict() => new(new AdcpError("IDEMPOTENCY_CONFLICT", "The idempotency_key was used for another request. Send that one, or this one with a new key."));

    private async ValueTask<ToolReply> ClaimAsync(
        string tool, string tenant, RequestIdentity request, Func<CancellationToken, ValueTask<ToolReply>> perform, CancellationToken cancellationToken)
    {
        for (TimeSpan pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            IdempotencyClaim claim = await options.Idempotency.ClaimAsync(tenant, request.Request, request.Fingerprint, options.CallTimeout + LeaseMargin, cancellationToken).ConfigureAwait(false);
            switch (claim.Status)
            {
                case IdempotencyClaimStatus.Owned:
                    return await PerformAsync(tool, claim, perform, cancellationToken).ConfigureAwait(false);
                case IdempotencyClaimStatus.Answered:
                    return KeptAnswer.Read(claim.Answer!).AsReplay();
                case IdempotencyClaimStatus.InFlight:
                    await Task.Delay(pause, options.TimeProvider, cancellationToken).ConfigureAwait(false);
                    break;
                case IdempotencyClaimStatus.Conflict:
                    throw Conflict();
                case IdempotencyClaimStatus.Expired:
                    throw new AdcpErrorException(new AdcpError(
                        "IDEMPOTENCY_EXPIRED", "The request was made before and its answer is no longer kept. Look for what it made before you make it again with a new key."));
                default:
                    throw new AdcpErrorException(new AdcpError("RATE_LIMITED", "Too many requests are remembered.", null, ErrorRecovery.Transient) { RetryAfter = TimeSpan.FromMinutes(1) });
            }
        }
    }

    private async ValueTask<ToolReply> PerformAsync(string tool, IdempotencyClaim claim, Func<CancellationToken, ValueTask<ToolReply>> perform, CancellationToken cancellationToken)
    {
        ToolReply? reply = null;
        using CancellationTokenSource limit = new(options.CallTimeout, options.TimeProvider);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            // A tool that goes on although it was cancelled is left behind: it may not keep its request from being made again.
            return reply = await perform(either.Token).AsTask().WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            if (options.Logger is { } logger)
            {
                PlatformLog.CallTimedOut(logger, tool, options.CallTimeout);
            }

            throw new AdcpErrorException(new AdcpError("SERVICE_UNAVAILABLE", "The seller took too long. Make the same request again.", null, ErrorRecovery.Transient));
        }
        finally
        {
            await SettleAsync(tool, claim, reply).ConfigureAwait(false);
        }
    }

    /// <summary>Keeps the answer, or forgets the request. The caller is answered whatever becomes of it: what cannot be kept can be made again when the claim has lapsed, and is logged.</summary>
    private async ValueTask SettleAsync(string tool, IdempotencyClaim claim, ToolReply? reply)
    {
        try
        {
            if (reply is not { Error: null })
            {
                await options.Idempotency.ReleaseAsync(claim, CancellationToken.None).ConfigureAwait(false);
            }
            else if (!await options.Idempotency.CompleteAsync(claim, KeptAnswer.Write(reply), CancellationToken.None).ConfigureAwait(false) && options.Logger is { } logger)
            {
                PlatformLog.AnswerNotKept(logger, tool, null);
            }
        }
        catch (Exception fault)
        {
            // A store that is not ours may throw anything; the call was performed.
            if (options.Logger is { } logger)
            {
                PlatformLog.AnswerNotKept(logger, tool, fault);
            }
        }
    }
}
