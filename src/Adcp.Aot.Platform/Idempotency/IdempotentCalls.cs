using System.Runtime.ExceptionServices;

namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// Performs a request once. Thread-safe.
/// </summary>
/// <remarks>
/// <para>The states of a request:</para>
/// <list type="table">
/// <item><term>new</term><description>is claimed and performed</description></item>
/// <item><term>active</term><description>repetitions wait for a few seconds, then <c>IDEMPOTENCY_IN_FLIGHT</c></description></item>
/// <item><term>completed</term><description>repetitions get the kept answer</description></item>
/// <item><term>unresolved</term><description>a repetition asks for the outcome (<see cref="RequestOutcomes"/>): committed completes the
/// request, not committed performs it, unknown is <c>IDEMPOTENCY_IN_FLIGHT</c></description></item>
/// </list>
/// <para>
/// An active request becomes completed if its tool returns. It becomes new again only by proof that nothing was committed: an error before
/// the tool was called, an <see cref="AdcpErrorException.IsBeforeCommit"/> error of the tool, or the seller's word. Anything else (a
/// timeout, another exception, the end of the process) makes it unresolved. In AdCP 3.0 and 3.1, every error that ends the tool makes the
/// request new, as those versions demand, unless the seller says that it was committed.
/// </para>
/// </remarks>
internal sealed class IdempotentCalls : IDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    /// <summary>The time that a repetition waits for the first call. It covers the lease of a process that died.</summary>
    private static readonly TimeSpan PatienceOfRepetition = HeldClaim.Lease;

    /// <summary>The time that a tool has to react to the cancellation of its call.</summary>
    private static readonly TimeSpan PatienceWithTool = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// The time that a caller waits until its answer is kept. After that the caller gets it, and it is kept when the
    /// store is back.
    /// </summary>
    private static readonly TimeSpan PatienceOfCaller = TimeSpan.FromSeconds(2);

    /// <summary>The time until a buyer asks again for a request whose outcome is not known.</summary>
    private static readonly TimeSpan RetryUnresolvedAfter = TimeSpan.FromSeconds(5);

    private readonly Dictionary<(string Tenant, string Request), RunningCall> _running = [];
    private readonly PlatformOptions _options;
    private readonly RequestOutcomes _outcomes;
    private readonly InsertBudget _inserts;
    private readonly InsertBudget _readInserts;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationToken _stopToken;
    private readonly Lock _lock = new();

    internal IdempotentCalls(PlatformOptions options, IRequestReconciler? reconciler)
    {
        _options = options;
        _outcomes = new RequestOutcomes(options, reconciler);
        PlatformLimits limits = options.Limits;
        _inserts = new InsertBudget(limits.MaxNewRequestsPerSecond, limits.MaxNewRequestBurst, options.TimeProvider);
        _readInserts = new InsertBudget(limits.MaxNewRequestsPerSecond, limits.MaxNewRequestBurst, options.TimeProvider);
        _stopToken = _stop.Token;
    }

    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
    }

    /// <summary>Performs a request that may change something.</summary>
    /// <param name="request">The request.</param>
    /// <param name="perform">Performs it.</param>
    /// <param name="cancellationToken">Ends the wait of the caller. The request is still performed.</param>
    /// <exception cref="AdcpErrorException">The key was used for another request, or its answer has expired; the store
    /// is full; the outcome is not known; or <paramref name="perform"/> threw it.</exception>
    internal async ValueTask<ToolReply> OnceAsync(
        IdempotentRequest request, Func<CallProgress, CancellationToken, ValueTask<ToolReply>> perform,
        CancellationToken cancellationToken)
    {
        long started = _options.TimeProvider.GetTimestamp();
        TimeSpan patience = _options.Version == AdcpVersion.V30 ? _options.CallTimeout : PatienceOfRepetition;
        for (TimeSpan pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            (RunningCall call, bool isFirst) = Join(request);
            CallResult result;
            if (isFirst)
            {
                _ = LiveAsync(call, perform);
                result = await FirstAsync(call, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                result = await JoinedAsync(call, Left(), cancellationToken).ConfigureAwait(false);
            }

            switch (result.Kind)
            {
                case CallResultKind.Performed:
                    return isFirst ? result.Reply! : result.Reply!.AsReplay();
                case CallResultKind.Known:
                    return result.Reply!.AsReplay();
                case CallResultKind.Failed when isFirst:
                    ExceptionDispatchInfo.Throw(result.Fault!);
                    break;
                case CallResultKind.Failed:
                    // Nothing was committed: this caller performs the request.
                    break;
                case CallResultKind.Unresolved:
                    throw NotKnown();
                default:
                    if (Left() <= TimeSpan.Zero)
                    {
                        throw InFlight(result.Wait);
                    }

                    await Task.Delay(pause, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
                    break;
            }
        }

        TimeSpan Left() => patience - _options.TimeProvider.GetElapsedTime(started);
    }

    /// <summary>
    /// Performs a request that only reads, unless it opens a task: then the request is claimed before, and its answer is kept. A plain
    /// answer is not kept.
    /// </summary>
    /// <inheritdoc cref="OnceAsync"/>
    internal async ValueTask<ToolReply> ReadAsync(
        IdempotentRequest request, Func<CallProgress, CancellationToken, ValueTask<ToolReply>> perform,
        CancellationToken cancellationToken)
    {
        if (await _options.Idempotency.IsKnownAsync(request.Tenant, request.Identity.Request, cancellationToken).AsTask()
            .WaitAsync(_options.CallTimeout, _options.TimeProvider, cancellationToken).ConfigureAwait(false))
        {
            return await OnceAsync(request, perform, cancellationToken).ConfigureAwait(false);
        }

        HeldClaim? held = null;
        bool isTaken = false;
        CallProgress? progress = null;
        progress = new CallProgress(OpeningTaskAsync);
        try
        {
            ToolReply reply = await perform(progress, cancellationToken).ConfigureAwait(false);
            if (held is not null)
            {
                await WaitBrieflyAsync(reply.Error is null ? held.KeepAsync(reply) : held.SuspendAsync()).ConfigureAwait(false);
            }

            return reply;
        }
        catch (Exception) when (isTaken)
        {
            // A call with the same key came first: its answer is this one's too.
            return await OnceAsync(request, perform, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception fault) when (held is not null)
        {
            await WaitBrieflyAsync(IsProof(fault, progress) || Releases ? held.ReleaseAsync() : held.SuspendAsync())
                .ConfigureAwait(false);
            throw;
        }

        async ValueTask OpeningTaskAsync(string taskId, CancellationToken token)
        {
            (IdempotencyClaim claim, bool isOwned) = await ClaimAsync(request).ConfigureAwait(false);
            if (!isOwned)
            {
                isTaken = true;
                await _options.Idempotency.SuspendAsync(claim, token).ConfigureAwait(false);
                throw new OperationCanceledException("The request was made before with the same idempotency_key.");
            }

            progress!.Claim = held = new HeldClaim(_options, request.Tool.Name, claim, _stopToken);
            await held.NoteTaskAsync(taskId, token).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Waits until calls are settled, also those whose callers have closed the connection. When the time is over, tools are cancelled, and
    /// each call that is left is settled once more.
    /// </summary>
    internal async ValueTask DrainAsync(TimeSpan patience)
    {
        if (_stopToken.IsCancellationRequested)
        {
            return;
        }

        Task[] running;
        lock (_lock)
        {
            running = [.. _running.Values.Select(call => call.Ended)];
        }

        try
        {
            await Task.WhenAll(running).WaitAsync(patience, _options.TimeProvider).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            await _stop.CancelAsync().ConfigureAwait(false);
        }
    }

    private static AdcpErrorException Conflict() =>
        new(new AdcpError("IDEMPOTENCY_CONFLICT",
            "The idempotency_key was used for another request. Send that one, or this one with a new key."));

    /// <summary>Returns whether an exception proves that nothing was committed.</summary>
    private static bool IsProof(Exception fault, CallProgress progress) =>
        !progress.IsInvoked || fault is AdcpErrorException { IsBeforeCommit: true };

    private static async ValueTask<CallResult> FirstAsync(RunningCall call, CancellationToken cancellationToken)
    {
        try
        {
            return await call.First.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            call.IsAbandoned = true;
            throw;
        }
    }

    private (RunningCall Call, bool IsFirst) Join(IdempotentRequest request)
    {
        lock (_lock)
        {
            (string, string) id = (request.Tenant, request.Identity.Request);
            if (!_running.TryGetValue(id, out RunningCall? call))
            {
                _running.Add(id, call = new RunningCall(request));
                return (call, true);
            }

            return call.Request.Identity.Fingerprint == request.Identity.Fingerprint ? (call, false) : throw Conflict();
        }
    }

    /// <summary>
    /// Waits for a call that another caller of this process began. If its tool has exceeded its time and is still running, the seller is
    /// asked for the outcome.
    /// </summary>
    private async ValueTask<CallResult> JoinedAsync(RunningCall call, TimeSpan patience, CancellationToken cancellationToken)
    {
        CallResult first;
        try
        {
            first = await WaitAsync(call.First).ConfigureAwait(false);
            if (first.Kind is CallResultKind.Unresolved && !call.Ended.IsCompleted)
            {
                Reconciliation found = await _outcomes.FindAsync(call.Request, call.Held?.TaskId).ConfigureAwait(false);
                if (found.Reply is null)
                {
                    return first;
                }

                call.Find(found);
            }

            return first.Kind is CallResultKind.Failed or CallResultKind.Unresolved
                ? await WaitAsync(call.Ended).ConfigureAwait(false)
                : first;
        }
        catch (TimeoutException)
        {
            throw InFlight(TimeSpan.Zero);
        }

        Task<CallResult> WaitAsync(Task<CallResult> result) =>
            result.WaitAsync(patience > TimeSpan.Zero ? patience : TimeSpan.Zero, _options.TimeProvider, cancellationToken);
    }

    /// <summary>Performs a call from its claim to its settlement. Never throws.</summary>
    private async Task LiveAsync(RunningCall call, Func<CallProgress, CancellationToken, ValueTask<ToolReply>> perform)
    {
        CallResult result;
        try
        {
            result = await RunAsync(call, perform).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            result = CallResult.Failed(fault);
        }

        lock (_lock)
        {
            _running.Remove((call.Request.Tenant, call.Request.Identity.Request));
        }

        call.End(result);
    }

    private async Task<CallResult> RunAsync(RunningCall call, Func<CallProgress, CancellationToken, ValueTask<ToolReply>> perform)
    {
        IdempotentRequest request = call.Request;
        (IdempotencyClaim claim, _) = await ClaimAsync(request).ConfigureAwait(false);
        switch (claim.Status)
        {
            case IdempotencyClaimStatus.Owned or IdempotencyClaimStatus.Unresolved:
                break;
            case IdempotencyClaimStatus.Answered:
                return CallResult.Known(KeptAnswer.Read(claim.Answer!));
            case IdempotencyClaimStatus.InFlight:
                return new CallResult(CallResultKind.Busy, Wait: claim.Wait);
            case IdempotencyClaimStatus.Conflict:
                throw Conflict();
            case IdempotencyClaimStatus.Expired:
                throw new AdcpErrorException(new AdcpError("IDEMPOTENCY_EXPIRED",
                    "The request was made before and its answer is no longer kept. Look for its result before making it again."));
            default:
                throw new AdcpErrorException(AdcpError.RateLimited("Too many of your requests are remembered.", TimeSpan.FromMinutes(1)));
        }

        HeldClaim held = new(_options, request.Tool.Name, claim, _stopToken);
        call.Held = held;
        if (claim.Status == IdempotencyClaimStatus.Unresolved)
        {
            Reconciliation found = await _outcomes.FindAsync(request, claim.TaskId).ConfigureAwait(false);
            if (found.Reply is { } reply)
            {
                return await KeepAsync(call, held, CallResult.Known(reply)).ConfigureAwait(false);
            }

            if (found.Outcome != ReconciliationOutcome.NotCommitted)
            {
                await SuspendAsync(call, held, "the process that performed it ended, or lost its lease").ConfigureAwait(false);
                return CallResult.Unresolved;
            }
        }

        return await PerformAsync(call, held, perform).ConfigureAwait(false);
    }

    /// <summary>Claims a request, if its account may add one.</summary>
    /// <returns>The claim, and whether the caller may perform the request.</returns>
    private async ValueTask<(IdempotencyClaim Claim, bool IsOwned)> ClaimAsync(IdempotentRequest request)
    {
        InsertBudget inserts = request.Tool.IsMutating ? _inserts : _readInserts;
        string account = request.Identity.Account;
        bool isCounted = inserts.TryTake(request.Tenant, account);
        if (!isCounted
            && !await _options.Idempotency.IsKnownAsync(request.Tenant, request.Identity.Request, _stopToken).AsTask()
                .WaitAsync(_options.CallTimeout, _options.TimeProvider).ConfigureAwait(false))
        {
            throw PlatformLimits.Reached(
                _options, request.Tenant, nameof(PlatformLimits.MaxNewRequestsPerSecond), TimeSpan.FromSeconds(1));
        }

        IdempotencyClaim claim = await AskStoreAsync(request).ConfigureAwait(false);
        if (isCounted && claim.Status != IdempotencyClaimStatus.Owned)
        {
            inserts.Return(request.Tenant, account);
        }

        return (claim, claim.Status == IdempotencyClaimStatus.Owned);
    }

    private Task<IdempotencyClaim> AskStoreAsync(IdempotentRequest request) => _options.Idempotency
        .ClaimAsync(request.Tenant, request.Identity.Request, request.Identity.Fingerprint, HeldClaim.Lease, _stopToken).AsTask()
        .WaitAsync(_options.CallTimeout, _options.TimeProvider);

    private async Task<CallResult> PerformAsync(
        RunningCall call, HeldClaim held, Func<CallProgress, CancellationToken, ValueTask<ToolReply>> perform)
    {
        CallProgress progress = new(held.NoteTaskAsync) { Claim = held };

        // Not disposed before the tool has ended: a tool that ignores its cancellation may still use the token.
        CancellationTokenSource limit = new(_options.CallTimeout, _options.TimeProvider);
        CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, held.Lost, _stopToken);
        Task<ToolReply> tool = StartAsync();
        if (!await HasEndedAsync(tool, either.Token).ConfigureAwait(false))
        {
            Reconciliation found = await _outcomes.FindAsync(call.Request, held.TaskId).ConfigureAwait(false);
            if (found.Reply is null)
            {
                // The claim is held until the tool ends, so that no other caller performs the request meanwhile.
                call.Answer(Interrupted(call, limit.IsCancellationRequested, isUnresolved: true));
                await Task.WhenAny(tool, call.Found).ConfigureAwait(false);
                found = call.Found.IsCompletedSuccessfully ? await call.Found.ConfigureAwait(false) : found;
            }

            if (found.Reply is { } committed && !tool.IsCompletedSuccessfully)
            {
                _ = tool.ContinueWith(
                    static ended => ended.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
                return await KeepAsync(call, held, CallResult.Performed(committed)).ConfigureAwait(false);
            }
        }

        bool isTimeout = limit.IsCancellationRequested;
        try
        {
            ToolReply reply = await tool.ConfigureAwait(false);
            either.Dispose();
            limit.Dispose();
            return reply.Error is null
                ? await KeepAsync(call, held, CallResult.Performed(reply)).ConfigureAwait(false)
                : await FailedAsync(call, held, progress, new AdcpErrorException(reply.Error), isTimeout).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            either.Dispose();
            limit.Dispose();
            return await FailedAsync(call, held, progress, fault, isTimeout).ConfigureAwait(false);
        }

        async Task<ToolReply> StartAsync() => await perform(progress, either.Token).ConfigureAwait(false);
    }

    /// <summary>Settles a call whose tool threw.</summary>
    private async Task<CallResult> FailedAsync(
        RunningCall call, HeldClaim held, CallProgress progress, Exception fault, bool isTimeout)
    {
        bool isInterrupted = fault is OperationCanceledException
            && (isTimeout || held.Lost.IsCancellationRequested || _stopToken.IsCancellationRequested);
        if (call.IsAbandoned && !isInterrupted && fault is not AdcpErrorException)
        {
            PlatformLog.ToolFailed(_options.Log, call.Request.Tool.Name, fault);
        }

        if (progress.Reply is { } reply)
        {
            // The tool had returned: what failed came after it.
            call.FirstResult = CallResult.Failed(fault);
            return await KeepAsync(call, held, CallResult.Performed(reply)).ConfigureAwait(false);
        }

        if (IsProof(fault, progress))
        {
            return await ReleaseAsync(call, held, CallResult.Failed(fault)).ConfigureAwait(false);
        }

        if (held.IsEnlisted)
        {
            // The answer and the tool's changes are committed together: the row tells which it was.
            if (await held.ReleaseAsync().ConfigureAwait(false))
            {
                return isInterrupted ? Interrupted(call, isTimeout, isUnresolved: false) : CallResult.Failed(fault);
            }

            IdempotencyClaim kept = await AskStoreAsync(call.Request).ConfigureAwait(false);
            if (kept is { Status: IdempotencyClaimStatus.Answered })
            {
                return CallResult.Performed(KeptAnswer.Read(kept.Answer!));
            }
        }

        // A task of a tool that threw is no answer yet: its caller gets the error, and a repetition the task.
        Reconciliation found = await _outcomes.FindAsync(call.Request, isInterrupted ? held.TaskId : null).ConfigureAwait(false);
        if (found.Reply is { } committed)
        {
            return await KeepAsync(call, held, CallResult.Performed(committed)).ConfigureAwait(false);
        }

        bool isFree = found.Outcome == ReconciliationOutcome.NotCommitted || Releases;
        CallResult result = isInterrupted ? Interrupted(call, isTimeout, !isFree) : CallResult.Failed(fault);
        if (isFree)
        {
            return await ReleaseAsync(call, held, result).ConfigureAwait(false);
        }

        call.FirstResult = result;
        await SuspendAsync(call, held, $"the tool ended with {fault.GetType().Name}").ConfigureAwait(false);
        return CallResult.Unresolved;
    }

    /// <summary>Returns whether an error makes a request new although nothing is proven: before AdCP 3.2 every error does.</summary>
    private bool Releases => _options.Version < AdcpVersion.V32;

    /// <summary>Returns the result of a call that was cancelled.</summary>
    private CallResult Interrupted(RunningCall call, bool isTimeout, bool isUnresolved)
    {
        if (isTimeout && !call.First.IsCompleted)
        {
            PlatformLog.CallTimedOut(_options.Log, call.Request.Tool.Name, _options.CallTimeout);
        }

        if (isUnresolved)
        {
            return CallResult.Unresolved;
        }

        string reason = isTimeout ? "The seller took too long." : "The call was interrupted.";
        return CallResult.Failed(new AdcpErrorException(
            new AdcpError("SERVICE_UNAVAILABLE", reason + " Make the same request again.", null, ErrorRecovery.Transient)
            {
                RetryAfter = TimeSpan.FromSeconds(1),
            }));
    }

    private async Task<CallResult> KeepAsync(RunningCall call, HeldClaim held, CallResult result)
    {
        await SettledAsync(call, held.KeepAsync(result.Reply!), result).ConfigureAwait(false);
        return result;
    }

    private async Task<CallResult> ReleaseAsync(RunningCall call, HeldClaim held, CallResult result)
    {
        await SettledAsync(call, held.ReleaseAsync(), result).ConfigureAwait(false);
        return result;
    }

    private async Task SuspendAsync(RunningCall call, HeldClaim held, string reason)
    {
        IdempotentRequest request = call.Request;
        PlatformLog.RequestUnresolved(
            _options.Log, request.Tool.Name, request.Tenant, IdempotencyRules.Label(request.Identity.Request), reason);
        await SettledAsync(call, held.SuspendAsync(), CallResult.Unresolved).ConfigureAwait(false);
    }

    /// <summary>Waits until a call is settled. If that takes long, its callers are answered before.</summary>
    private async Task SettledAsync(RunningCall call, Task settled, CallResult result)
    {
        await WaitBrieflyAsync(settled).ConfigureAwait(false);
        if (!settled.IsCompleted)
        {
            call.Answer(call.FirstResult ?? result);
        }

        await settled.ConfigureAwait(false);
    }

    /// <summary>Waits until a tool ends, or has not reacted to its cancellation.</summary>
    private async Task<bool> HasEndedAsync(Task tool, CancellationToken cancelled)
    {
        TaskCompletionSource cut = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration registration = cancelled.Register(cut.SetResult);
        await Task.WhenAny(tool, cut.Task).ConfigureAwait(false);
        if (!tool.IsCompleted)
        {
            await Task.WhenAny(tool, Task.Delay(PatienceWithTool, _options.TimeProvider, CancellationToken.None)).ConfigureAwait(false);
        }

        return tool.IsCompleted;
    }

    /// <summary>
    /// Waits until a call is settled, but no longer than a caller should wait for it. The rest continues in the background.
    /// </summary>
    private async ValueTask WaitBrieflyAsync(Task settled)
    {
        try
        {
            await settled.WaitAsync(PatienceOfCaller, _options.TimeProvider).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // The caller is answered before.
        }
    }

    private AdcpErrorException InFlight(TimeSpan wait) => Pending(
        "An earlier attempt of the request is still being performed. Send the same request with the same idempotency_key again; do not "
        + "use a new key.",
        wait > TimeSpan.FromSeconds(1) ? wait : TimeSpan.FromSeconds(1));

    private AdcpErrorException NotKnown() => Pending(
        "It is not known whether an earlier attempt of the request was performed, and it is not performed again. Reconcile: read the "
        + "current state, or send the same request with the same idempotency_key again later. Do not use a new key before that.",
        RetryUnresolvedAfter);

    /// <summary>AdCP 3.0 has no code of its own for it.</summary>
    private AdcpErrorException Pending(string message, TimeSpan wait) => new(
        new AdcpError(
            _options.Version == AdcpVersion.V30 ? "SERVICE_UNAVAILABLE" : "IDEMPOTENCY_IN_FLIGHT", message, null, ErrorRecovery.Transient)
        {
            RetryAfter = wait,
        });
}
