namespace Adcp.Aot.Verification;

/// <summary>
/// Remembers which nonces of which key were used. All endpoints that one signer can reach share one cache: with more than one process, implement this over a store that they
/// share. Implementations are safe for concurrent use and never forget an entry before it expires.
/// </summary>
public interface IReplayCache
{
    /// <summary>True where the key may have one more nonce. Asked before any cryptography; changes nothing (AdCP's checklist, step 9a).</summary>
    /// <param name="keyId">The key.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    ValueTask<bool> HasRoomAsync(string keyId, CancellationToken cancellationToken);

    /// <summary>Looks for the pair and adds it in one step (AdCP's checklist, steps 12 and 13).</summary>
    /// <param name="keyId">The key.</param>
    /// <param name="nonce">The nonce's text, at least 22 characters of base64url. Valid only until the task completes.</param>
    /// <param name="expiresAt">When the entry may be forgotten.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    ValueTask<ReplayAdmission> TryAddAsync(string keyId, ReadOnlyMemory<char> nonce, DateTimeOffset expiresAt, CancellationToken cancellationToken);
}
