namespace Adcp.Aot.AspNetCore.Receiving;

/// <summary>
/// Remembers which webhooks were accepted and who processes them: AdCP's binding of <c>(sender, idempotency_key)</c> to one payload (AdCP webhooks, "receivers"). All endpoints and
/// processes that a sender can reach share one store. Implementations are safe for concurrent use.
/// </summary>
/// <remarks>
/// A binding is kept for the given retention from its first acceptance, however often it is claimed again, and also where processing fails. A claim is a lease: it can be
/// renewed, completed and released by its owner only, and only while it has not lapsed. Once <see cref="ClaimAsync"/> or <see cref="CompleteAsync"/> has returned, what it did survives a crash.
/// </remarks>
public interface IWebhookClaimStore
{
    /// <summary>True where bindings survive the process. AdCP allows nothing else in production.</summary>
    bool IsDurable { get; }

    /// <summary>Binds the key to the payload if it is new, and takes the right to process it if nobody has it, in one step.</summary>
    /// <param name="sender">The authenticated sender.</param>
    /// <param name="idempotencyKey">The webhook's key.</param>
    /// <param name="fingerprint">The SHA-256 of the payload's canonical form, 32 bytes.</param>
    /// <param name="lease">How long the claim holds unless it is renewed.</param>
    /// <param name="retention">How long a new binding is kept.</param>
    /// <param name="cancellationToken">Ends the call. The claim may have been taken nevertheless; it then lapses.</param>
    ValueTask<WebhookClaim> ClaimAsync(
        string sender, string idempotencyKey, ReadOnlyMemory<byte> fingerprint, TimeSpan lease, TimeSpan retention, CancellationToken cancellationToken);

    /// <summary>Holds the claim for another lease from now.</summary>
    /// <param name="claim">A claim that is owned.</param>
    /// <param name="lease">How long it holds.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>False where the claim has lapsed or is settled.</returns>
    ValueTask<bool> RenewAsync(WebhookClaim claim, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>Says that the webhook was processed.</summary>
    /// <param name="claim">A claim that is owned.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>False where the claim has lapsed or is settled: the webhook is or will be another's to process.</returns>
    ValueTask<bool> CompleteAsync(WebhookClaim claim, CancellationToken cancellationToken);

    /// <summary>Says that processing failed, so that a retry may be processed at once. The key stays bound to its payload.</summary>
    /// <param name="claim">A claim that is owned.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>False where the claim has lapsed or is settled.</returns>
    ValueTask<bool> ReleaseAsync(WebhookClaim claim, CancellationToken cancellationToken);
}
