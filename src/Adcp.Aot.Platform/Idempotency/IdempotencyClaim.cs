namespace Adcp.Aot.Platform.Idempotency;

/// <summary>The answer of <see cref="IIdempotencyStore.ClaimAsync"/>.</summary>
/// <param name="Tenant">The authenticated caller.</param>
/// <param name="Request">The request's identity.</param>
/// <param name="Fingerprint">The fingerprint of its content.</param>
/// <param name="Status">The result of the claim.</param>
/// <param name="Fence">A number that identifies this claim among all claims of the request. The store assigns
/// it.</param>
/// <param name="Answer">The kept answer; null for none.</param>
public sealed record IdempotencyClaim(string Tenant, string Request, string Fingerprint, IdempotencyClaimStatus Status,
    long Fence = 0, string? Answer = null)
{
    /// <summary>Returns the status only.</summary>
    public override string ToString() => Status.ToString();
}
