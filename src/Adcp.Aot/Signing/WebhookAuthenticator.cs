namespace Adcp.Aot.Signing;

/// <summary>
/// Authenticates the attempts of a sender. AdCP knows four schemes, and one registration uses exactly one of them:
/// <see cref="Rfc9421Signer"/>, <see cref="LegacyHmacSigner"/>, <see cref="BearerToken"/> and
/// <see cref="StandardWebhooksSigner"/>. Thread-safe.
/// </summary>
public abstract class WebhookAuthenticator
{
    private protected WebhookAuthenticator()
    {
    }

    /// <summary>Gets whether the attempt carries <c>Content-Digest</c>.</summary>
    internal virtual bool SendsContentDigest => false;

    /// <summary>The AdCP name of a scheme that AdCP has deprecated; null for the others.</summary>
    internal virtual string? Deprecated => null;

    /// <summary>
    /// Writes the headers of one attempt. If the key is local, completes synchronously and allocates nothing.
    /// </summary>
    internal abstract ValueTask AuthenticateAsync(UnsignedAttempt attempt, AttemptHeaders headers, CancellationToken cancellationToken);
}
