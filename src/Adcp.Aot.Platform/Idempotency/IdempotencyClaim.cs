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
    /// <summary>
    /// Gets the fence of the earlier claim that an <see cref="IdempotencyClaimStatus.Unresolved"/> claim took over; 0 for none.
    /// </summary>
    public long EarlierFence { get; init; }

    /// <summary>Gets the id of the task that the earlier caller was about to open; <c>null</c> for none.</summary>
    public string? TaskId { get; init; }

    /// <summary>Gets the rest of the lease of a claim that is <see cref="IdempotencyClaimStatus.InFlight"/>.</summary>
    public TimeSpan Wait { get; init; }

    /// <summary>Returns the status only.</summary>
    public override string ToString() => Status.ToString();
}
