namespace Adcp.Aot.Platform.Idempotency;

/// <summary>The result of a claim.</summary>
public enum IdempotencyClaimStatus
{
    /// <summary>The caller performs the request.</summary>
    Owned = 0,

    /// <summary>Another caller performs it now.</summary>
    InFlight = 1,

    /// <summary>The request was performed: <see cref="IdempotencyClaim.Answer"/>.</summary>
    Answered = 2,

    /// <summary>The key belongs to a request with other content.</summary>
    Conflict = 3,

    /// <summary>The request was performed, but its answer is no longer kept.</summary>
    Expired = 4,

    /// <summary>The store has reached its limit of requests.</summary>
    Full = 5,
}
