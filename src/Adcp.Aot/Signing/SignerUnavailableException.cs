namespace Adcp.Aot.Signing;

/// <summary>
/// A remote key could not be reached. If a key answers wrongly, the exception is a
/// <see cref="System.Security.Cryptography.CryptographicException"/> instead, and another attempt does not help.
/// </summary>
internal sealed class SignerUnavailableException(Exception fault) : Exception("signer unavailable: " + fault.GetType().Name, fault);
