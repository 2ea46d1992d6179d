namespace Adcp.Aot.Verification;

/// <summary>Finds one sender's public keys. Implementations are safe for concurrent use.</summary>
public interface IVerificationKeySource
{
    /// <summary>Finds a key. Completes synchronously if the key is in memory.</summary>
    /// <remarks>
    /// If the call throws or takes longer than <see cref="Rfc9421VerifierOptions.CallTimeout"/>, a verifier answers
    /// 503, so that the sender tries again.
    /// </remarks>
    /// <param name="keyId">The <c>keyid</c> of a signature, untrusted.</param>
    /// <param name="cancellationToken">Ends the reading of keys.</param>
    /// <returns>The key, or <see cref="KeyLookup.Unavailable"/> for faults of the network. Return
    /// <see cref="KeyLookup.Unknown"/> only if the keys were read after the call began.</returns>
    ValueTask<KeyLookup> FindAsync(ReadOnlyMemory<char> keyId, CancellationToken cancellationToken);
}
