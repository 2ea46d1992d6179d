namespace Adcp.Aot.Receiving;

/// <summary>
/// Remembers the accepted webhooks and the right to process each: AdCP's binding of <c>(sender, idempotency_key)</c> to one payload
/// (AdCP webhooks, "receivers"). All endpoints and
/// processes that a sender can reach share one store. Implementations are safe for concurrent use.
/// </summary>
/// <remarks>
/// A binding is kept for the given retention from its first acceptance, even if it is claimed again or processing
/// fails. A claim is a lease: only its owner can renew, complete and release it, and only while the lease holds. When
/// <see cref="ClaimAsync"/> or <see cref="CompleteAsync"/> has returned, its effect survives a crash. If a call throws
/// or takes longer than <see cref="WebhookReceiverOptions.CallTimeout"/>, the state of the claim is unknown:
/// <see cref="WebhookIntake"/> tries again while the lease holds.
/// </remarks>
public interface IWebhookClaimStore
{
    /// <summary>Gets whether bindings survive the process. AdCP requires it in production.</summary>
    bool IsDurable { get; }

    /// <summary>Reads the store once, so that a missing table or an unreachable database is found at start.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    ValueTask CheckAsync(CancellationToken cancellationToken = default) => default;

    /// <summary>Binds the key to the payload if it is new, and takes the right to process it if it is free, in one step.</summary>
    /// <param name="sender">The authenticated sender.</param>
    /// <param name="idempotencyKey">The webhook's key.</param>
    /// <param name="fingerprint">The SHA-256 of the payload's canonical form, 32 bytes.</param>
    /// <param name="lease">The time for which the claim holds unless it is renewed.</param>
    /// <param name="retention">The time for which a new binding is kept.</param>
    /// <param name="cancellationToken">Ends the call. The claim may have been taken nevertheless; its lease then ends.</param>
    ValueTask<WebhookClaim> ClaimAsync(
        string sender, string idempotencyKey, ReadOnlyMemory<byte> fingerprint, TimeSpan lease, TimeSpan retention,
        CancellationToken cancellationToken);

    /// <summary>Extends the claim by another lease from now.</summary>
    /// <param name="claim">An owned claim.</param>
    /// <param name="lease">The time for which it holds.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>false</c> if the lease has ended or the claim is settled.</returns>
    ValueTask<bool> RenewAsync(WebhookClaim claim, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>Records that the webhook was processed.</summary>
    /// <param name="claim">An owned claim.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>
    /// <c>false</c> if the lease has ended or the claim was released: another caller processes the webhook. <c>true</c>
    /// also if an earlier call completed this claim, because the answer to that call may have been lost.
    /// </returns>
    ValueTask<bool> CompleteAsync(WebhookClaim claim, CancellationToken cancellationToken);

    /// <summary>Records that processing failed, so that a retry may be processed at once. The key stays bound to its payload.</summary>
    /// <param name="claim">An owned claim.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>
    /// <c>false</c> if the lease has ended or the claim was completed. <c>true</c> also if an earlier call released this
    /// claim and no caller has taken the webhook since.
    /// </returns>
    ValueTask<bool> ReleaseAsync(WebhookClaim claim, CancellationToken cancellationToken);
}
