namespace Adcp.Aot.Platform.Idempotency;

/// <summary>The result of a claim.</summary>
public enum IdempotencyClaimStatus
{
    /// <summary>The request is the caller's to perform.</summary>
    Owned = 0,

    /// <summary>Another performs it now.</summary>
    InFlight = 1,

    /// <summary>It was performed: <see cref="IdempotencyClaim.Answer"/>.</summary>
    Answered = 2,

    /// <summary>The key belongs to a request for something else.</summary>
    Conflict = 3,

    /// <summary>It was performed too long ago to say how it was answered.</summary>
    Expired = 4,

    /// <summary>The store keeps as many requests as it may.</summary>
    Full = 5,
}
