namespace Adcp.Aot.Verification;

/// <summary>
/// Remembers the used nonces of each key. A key is identified by its sender and its id together, because senders choose
/// the ids and two may choose the same one. All endpoints that one signer can reach share one cache:
/// <see cref="InMemoryReplayCache"/> for one process, and <c>SqlReplayCache</c> of Adcp.Aot.Storage for several.
/// Implementations are safe for concurrent use and never forget an entry before it expires.
/// </summary>
/// <remarks>
/// If a call throws or takes longer than <see cref="Rfc9421VerifierOptions.CallTimeout"/>, a verifier answers 503, so
/// that the sender tries again.
/// </remarks>
public interface IReplayCache
{
    /// <summary>Reads the cache once, so that a missing table or an unreachable database is found at start.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    ValueTask CheckAsync(CancellationToken cancellationToken = default) => default;

    /// <summary>
    /// Returns whether the key may have one more nonce. Called before any cryptography (AdCP's checklist, step 9a).
    /// Read-only.
    /// </summary>
    /// <param name="sender">The identity that the key belongs to; empty if the key source names none.</param>
    /// <param name="keyId">The key.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    ValueTask<bool> HasRoomAsync(string sender, string keyId, CancellationToken cancellationToken);

    /// <summary>Looks for the nonce and adds it in one step (AdCP's checklist, steps 12 and 13).</summary>
    /// <param name="sender">The identity that the key belongs to; empty if the key source names none.</param>
    /// <param name="keyId">The key.</param>
    /// <param name="nonce">The nonce's text, at least 22 characters of base64url. Valid only until the task completes.</param>
    /// <param name="expiresAt">The time when the entry may be forgotten.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    ValueTask<ReplayAdmission> TryAddAsync(
        string sender, string keyId, ReadOnlyMemory<char> nonce, DateTimeOffset expiresAt, CancellationToken cancellationToken);
}
