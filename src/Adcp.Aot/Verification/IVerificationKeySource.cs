namespace Adcp.Aot.Verification;

/// <summary>Finds one sender's public keys. Implementations are safe for concurrent use.</summary>
public interface IVerificationKeySource
{
    /// <summary>Finds a key. Completes at once where the key is at hand.</summary>
    /// <param name="keyId">The <c>keyid</c> of a signature, untrusted.</param>
    /// <param name="cancellationToken">Ends the reading of keys.</param>
    /// <returns>What is known; faults of the network are <see cref="KeyLookup.Unavailable"/>, not exceptions.</returns>
    ValueTask<KeyLookup> FindAsync(ReadOnlyMemory<char> keyId, CancellationToken cancellationToken);
}
