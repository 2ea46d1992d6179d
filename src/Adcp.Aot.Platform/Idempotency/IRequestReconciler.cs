namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// Finds out whether a request whose outcome is not known was performed: its tool exceeded the timeout, threw an unexpected exception, or
/// died with its process. Implement it on the platform class, or set <see cref="PlatformOptions.Reconciler"/>. Safe for concurrent use.
/// </summary>
/// <remarks>
/// <para>
/// Keep <see cref="ToolCall.IdempotencyKey"/>, or an id derived from it, in the transaction of each change, and look for it here. If the
/// tool calls another system, ask that system by the id that was sent to it.
/// </para>
/// <para>
/// The method is asked when an attempt fails without proof and when the request is made again. It may be asked several times, and by
/// several processes. It changes nothing. An exception, or no answer within three seconds, counts as <see cref="Reconciliation.Unknown"/>.
/// </para>
/// </remarks>
public interface IRequestReconciler
{
    /// <summary>Returns whether a request was performed, with its answer.</summary>
    /// <param name="request">The request.</param>
    /// <param name="cancellationToken">Is cancelled when the answer comes too late.</param>
    ValueTask<Reconciliation> ReconcileAsync(UnresolvedRequest request, CancellationToken cancellationToken);
}
