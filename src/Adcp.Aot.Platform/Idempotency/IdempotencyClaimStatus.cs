namespace Adcp.Aot.Platform.Idempotency;

/// <summary>The result of a claim.</summary>
public enum IdempotencyClaimStatus
{
    /// <summary>The request is new. The caller owns the claim and performs the request.</summary>
    Owned = 0,

    /// <summary>Another caller holds the claim.</summary>
    InFlight = 1,

    /// <summary>The request was performed: <see cref="IdempotencyClaim.Answer"/>.</summary>
    Answered = 2,

    /// <summary>The key belongs to a request with other content.</summary>
    Conflict = 3,

    /// <summary>The request was performed, but its answer is no longer kept.</summary>
    Expired = 4,

    /// <summary>The store has reached its limit of requests.</summary>
    Full = 5,

    /// <summary>
    /// An earlier caller began the request, and its outcome is not known. The caller owns the claim and finds the outcome. It performs the
    /// request only if it is proven that nothing was committed.
    /// </summary>
    Unresolved = 6,
}
