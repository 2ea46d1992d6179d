using Adcp.Aot.Sending;
using Adcp.Aot.Signing;

namespace Adcp.Aot;

/// <summary>
/// A registration's <c>authentication</c>. If it is present, it replaces the sender's own scheme for that registration
/// (AdCP security, "webhook callbacks"). Immutable; never printed, logged or returned when a registration is read.
/// </summary>
public sealed class WebhookAuthentication
{
    private const int MinCredentials = 32;

    /// <summary>Creates an authentication.</summary>
    /// <param name="scheme">The scheme.</param>
    /// <param name="credentials">32 to 4096 characters; <c>token68</c> for <see cref="AuthenticationScheme.Bearer"/>,
    /// random and at most 4096 bytes of UTF-8 for <see cref="AuthenticationScheme.HmacSha256"/>.</param>
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

    /// <summary>Creates an authentication from the members of a registration.</summary>
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

    /// <summary>The credentials, a secret. Only for a store that keeps them encrypted.</summary>
    public string Credentials { get; }

    internal WebhookAuthenticator Authenticator { get; }

    /// <summary>Returns the scheme only.</summary>
    public override string ToString() => Scheme.ToString();
}
