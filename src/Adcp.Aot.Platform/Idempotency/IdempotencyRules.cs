namespace Adcp.Aot.Platform.Idempotency;

/// <summary>What a request that was made before is told, one law for every store.</summary>
internal static class IdempotencyRules
{
    /// <summary>Judges a claim of a request that is known.</summary>
    /// <param name="claim">The claim.</param>
    /// <param name="fingerprint">What the known request asks for.</param>
    /// <param name="answer">How it was answered; null while it is in flight.</param>
    /// <param name="isCurrent">Whether the lease, or the answer's time, is not over.</param>
    /// <returns><c>null</c> if the request is nobody's and may be taken.</returns>
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
