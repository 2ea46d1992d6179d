namespace Adcp.Aot.Platform.Idempotency;

/// <summary>The progress of a call. The platform writes it while it performs the call.</summary>
/// <param name="openingTask">Runs before the call opens a task, with the task's id; null for nothing.</param>
internal sealed class CallProgress(Func<string, CancellationToken, ValueTask>? openingTask = null)
{
    /// <summary>Gets whether the seller's code was called. An error before that proves that nothing was committed.</summary>
    internal bool IsInvoked { get; set; }

    /// <summary>Gets the tool's answer when it has returned: proof that it committed.</summary>
    internal ToolReply? Reply { get; set; }

    /// <summary>Gets the claim, if the call has one.</summary>
    internal HeldClaim? Claim { get; set; }

    /// <summary>Notes the task that the call is about to open.</summary>
    /// <exception cref="AdcpErrorException">The call may not open a task.</exception>
    internal ValueTask OpeningTaskAsync(string taskId, CancellationToken cancellationToken) =>
        openingTask?.Invoke(taskId, cancellationToken) ?? default;
}
