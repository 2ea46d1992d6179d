namespace Adcp.Aot.Signing;

/// <summary>
/// A key that is kept elsewhere could not be asked. A key that answers wrongly is a
/// <see cref="System.Security.Cryptography.CryptographicException"/> instead, which no other attempt mends.
/// </summary>
internal sealed class SignerUnavailableException(Exception fault) : Exception("signer unavailable: " + fault.GetType().Name, fault);
