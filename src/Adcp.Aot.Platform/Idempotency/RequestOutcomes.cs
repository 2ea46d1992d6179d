namespace Adcp.Aot.Platform.Idempotency;

/// <summary>Finds the outcome of requests that are unresolved: by the task that they opened, and by asking the seller.</summary>
internal sealed class RequestOutcomes(PlatformOptions options, IRequestReconciler? reconciler)
{
    /// <summary>The time that a reconciler has to answer. A retry is answered in seconds.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>Returns the outcome, <see cref="Reconciliation.Unknown"/> if it cannot be found now. Never throws.</summary>
    internal async Task<Reconciliation> FindAsync(IdempotentRequest request, string? taskId)
    {
        // Not disposed: a reconciler that does not return may still use its token.
        CancellationTokenSource late = new();
        try
        {
            return await AskAsync(request, taskId, late.Token).AsTask()
                .WaitAsync(Patience, options.TimeProvider).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            // A reconciler is the seller's code and may throw anything.
            PlatformLog.ReconcilerFailed(options.Log, request.Tool.Name, request.Tenant, fault);
            await late.CancelAsync().ConfigureAwait(false);
            return Reconciliation.Unknown;
        }
    }

    private async ValueTask<Reconciliation> AskAsync(IdempotentRequest request, string? taskId, CancellationToken cancellationToken)
    {
        // The platform's own record: if the task exists, the call was handed off to it.
        if (taskId is not null
            && await options.Tasks.FindAsync(request.Tenant, taskId, cancellationToken).ConfigureAwait(false) is not null)
        {
            return Reconciliation.HandedOff(taskId);
        }

        return reconciler is null
            ? Reconciliation.Unknown
            : await reconciler.ReconcileAsync(
                new UnresolvedRequest(request.Tool.Name, request.Tenant, request.Identity.Key, request.Identity.Request, request.Arguments),
                cancellationToken).ConfigureAwait(false) ?? Reconciliation.Unknown;
    }
}
