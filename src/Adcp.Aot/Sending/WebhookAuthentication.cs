using Adcp.Aot.Sending;
using Adcp.Aot.Signing;

namespace Adcp.Aot;

/// <summary>
/// A registration's <c>authentication</c>. Its presence switches that registration from the sender's own way to this
/// one, exclusively (AdCP security, "webhook callbacks"). Immutable; never printed, logged or given back on reads.
/// </summary>
public sealed class WebhookAuthentication
{
    private const int MinCredentials = 32;

    /// <summary>Takes scheme and credentials.</summary>
    /// <param name="scheme">The scheme.</param>
    /// <param name="credentials">At least 32 characters; for <see cref="AuthenticationScheme.Bearer"/> of
    /// <c>token68</c>, for <see cref="AuthenticationScheme.HmacSha256"/> random.</param>
    /// <exception cref="ArgumentNullException"><paramref name="credentials"/> is null.</exception>
    /// <exception cref="ArgumentException">The credentials break their rule. The message never shows them.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Not a scheme.</exception>
    public WebhookAuthentication(AuthenticationScheme scheme, string credentials)
    {
        ArgumentNullException.ThrowIfNull(credentials);
        if (credentials.Length < MinCredentials)
        {
            throw new ArgumentException("Credentials have at least 32 characters.", nameof(credentials));
        }

        Authenticator = scheme switch
        {
            AuthenticationScheme.Bearer => new BearerToken(credentials),
            AuthenticationScheme.HmacSha256 => new LegacyHmacSigner(credentials),
            _ => throw new ArgumentOutOfRangeException(nameof(scheme), scheme, "Not a scheme."),
        };
        Scheme = scheme;
        Credentials = credentials;
    }

    /// <summary>Takes the members of a registration as they came.</summary>
    /// <param name="schemes">Exactly one of <c>Bearer</c> and <c>HMAC-SHA256</c>.</param>
    /// <param name="credentials">See the constructor.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">Not exactly one known scheme, or credentials that break their rule.</exception>
    public static WebhookAuthentication FromRegistration(IReadOnlyList<string> schemes, string credentials)
    {
        ArgumentNullException.ThrowIfNull(schemes);
        return schemes is not [var scheme]
            ? throw new ArgumentException("A registration's authentication names exactly one scheme.", nameof(schemes))
            : scheme switch
            {
                "Bearer" => new WebhookAuthentication(AuthenticationScheme.Bearer, credentials),
                "HMAC-SHA256" => new WebhookAuthentication(AuthenticationScheme.HmacSha256, credentials),
                _ => throw new ArgumentException("A registration's authentication scheme is 'Bearer' or 'HMAC-SHA256'.", nameof(schemes)),
            };
    }

    /// <summary>The scheme.</summary>
    public AuthenticationScheme Scheme { get; }

    /// <summary>The credentials, a secret: for the store that keeps them encrypted, and nothing else.</summary>
    public string Credentials { get; }

    internal WebhookAuthenticator Authenticator { get; }

    /// <summary>Returns the scheme only.</summary>
    public override string ToString() => Scheme.ToString();
}
