namespace Adcp.Aot.Signing;

/// <summary>
/// A remote key that signs: in a KMS, an HSM, a signing service. Implementations are safe for concurrent use.
/// </summary>
public interface IRemoteSigner
{
    /// <summary>Reads the public key of the key that signs.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>A DER <c>SubjectPublicKeyInfo</c>, as the key services return it.</returns>
    ValueTask<ReadOnlyMemory<byte>> GetPublicKeyAsync(CancellationToken cancellationToken);

    /// <summary>Signs a message: ed25519 (pure), or ECDSA on P-256 over its SHA-256.</summary>
    /// <param name="message">The message, not its digest.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>64 bytes, or for P-256 the DER form that key services return.</returns>
    ValueTask<ReadOnlyMemory<byte>> SignAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken);
}
