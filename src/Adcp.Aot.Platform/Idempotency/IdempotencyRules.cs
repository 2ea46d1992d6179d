namespace Adcp.Aot.Platform.Idempotency;

/// <summary>Decides the answer to a claim of a known request. Every store uses it.</summary>
internal static class IdempotencyRules
{
    /// <summary>Decides a claim of a known request.</summary>
    /// <param name="isSame">Whether it has the same fingerprint.</param>
    /// <param name="isAnswered">Whether an answer is kept.</param>
    /// <param name="isCurrent">Whether the lease, or the time of the answer, has not ended.</param>
    /// <returns><see cref="IdempotencyClaimStatus.Unresolved"/> if the request may be taken over.</returns>
    internal static IdempotencyClaimStatus Judge(bool isSame, bool isAnswered, bool isCurrent) => (isAnswered, isCurrent) switch
    {
        (true, false) => IdempotencyClaimStatus.Expired,
        _ when !isSame => IdempotencyClaimStatus.Conflict,
        (true, true) => IdempotencyClaimStatus.Answered,
        (false, true) => IdempotencyClaimStatus.InFlight,
        _ => IdempotencyClaimStatus.Unresolved,
    };

    /// <summary>Returns the part of a request's identity that logs and operators see.</summary>
    internal static string Label(string request) => request.Length > 16 ? request[..16] : request;
}
