namespace Adcp.Aot.Platform.Idempotency;

/// <summary>Decides the answer to a repeated request. Every store uses it.</summary>
internal static class IdempotencyRules
{
    /// <summary>Decides a claim of a known request.</summary>
    /// <param name="claim">The claim.</param>
    /// <param name="fingerprint">The known request's fingerprint.</param>
    /// <param name="answer">Its answer; <c>null</c> while it is in flight.</param>
    /// <param name="isCurrent">Whether the lease, or the time of the answer, has not ended.</param>
    /// <returns><c>null</c> if the request is free and may be taken.</returns>
    internal static IdempotencyClaim? Judge(IdempotencyClaim claim, string fingerprint, string? answer, bool isCurrent) =>
        (answer, isCurrent) switch
        {
            (null, false) => null,
            (not null, false) => claim with { Status = IdempotencyClaimStatus.Expired },
            _ when claim.Fingerprint != fingerprint => claim with { Status = IdempotencyClaimStatus.Conflict },
            (null, true) => claim with { Status = IdempotencyClaimStatus.InFlight },
            _ => claim with { Status = IdempotencyClaimStatus.Answered, Answer = answer },
        };
}
