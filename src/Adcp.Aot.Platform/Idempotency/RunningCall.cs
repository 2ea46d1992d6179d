namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// A request that this process is working on, until it is settled. It outlives its caller: if the caller closes the connection, the
/// request is still performed and its answer kept. Thread-safe.
/// </summary>
internal sealed class RunningCall(IdempotentRequest request)
{
    private readonly TaskCompletionSource<CallResult> _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<CallResult> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Reconciliation> _found = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal IdempotentRequest Request { get; } = request;

    /// <summary>Gets the claim, when it is held.</summary>
    internal HeldClaim? Held { get; set; }

    /// <summary>Gets whether its first caller waits no longer.</summary>
    internal bool IsAbandoned { get; set; }

    /// <summary>Gets the first result, which may come before the call is settled.</summary>
    internal Task<CallResult> First => _first.Task;

    /// <summary>Gets the result when the call is settled.</summary>
    internal Task<CallResult> Ended => _ended.Task;

    /// <summary>Gets the outcome that a repetition found while the tool was still running.</summary>
    internal Task<Reconciliation> Found => _found.Task;

    /// <summary>Gets the result of the first caller, if it is not that of the others.</summary>
    internal CallResult? FirstResult { get; set; }

    /// <summary>Answers the callers before the call is settled.</summary>
    internal void Answer(CallResult result) => _first.TrySetResult(result);

    /// <summary>Ends a call whose tool is still running by proof that it has committed.</summary>
    internal void Find(Reconciliation proof) => _found.TrySetResult(proof);

    internal void End(CallResult result)
    {
        _first.TrySetResult(FirstResult ?? result);
        _ended.SetResult(result);
    }
}
