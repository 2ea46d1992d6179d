namespace Adcp.Aot.Platform.Idempotency;

/// <summary>The answer of <see cref="IIdempotencyStore.ClaimAsync"/>.</summary>
/// <param name="Tenant">The authenticated caller.</param>
/// <param name="Request">The request's identity.</param>
/// <param name="Fingerprint">What it asks for.</param>
/// <param name="Status">The result of the claim.</param>
/// <param name="Fence">What tells this claim from every other of the request; the store's own.</param>
/// <param name="Answer">The kept answer; null for none.</param>
public sealed record IdempotencyClaim(string Tenant, string Request, string Fingerprint, IdempotencyClaimStatus Status,
    long Fence = 0, string? Answer = null)
{
    /// <summary>Names the status only.</summary>
    public override string ToString() => Status.ToString();
}
