using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Verification;

/// <summary>
/// Verifies <c>Authorization: Bearer</c>. It proves that the sender knows the token, but nothing about the body. AdCP
/// has deprecated it. Compares in constant time for any length. Thread-safe.
/// </summary>
public sealed class BearerVerifier : SharedSecretVerifier
{
    private const int MaxHeaderLength = 8192;

    /// <summary>Creates a verifier for one registration.</summary>
    /// <param name="tokens">One to eight tokens; see <see cref="BearerToken"/>.</param>
    /// <param name="sender">The owner of the tokens, as <see cref="VerificationResult.Sender"/> names it.</param>
    /// <param name="maxBodyBytes">The largest body in bytes. At least 1, default 1 MiB.</param>
    /// <exception cref="ArgumentNullException"><paramref name="tokens"/> or one of them is null.</exception>
    /// <exception cref="ArgumentException">No token, too many, or one that is not valid. The message never shows
    /// it.</exception>
    public BearerVerifier(IReadOnlyList<string> tokens, string? sender = null, int maxBodyBytes = DefaultMaxBodyBytes)
        : base(
            tokens,
            static token => SHA256.HashData(new BearerToken(token).Token),
            "tokens",
            nameof(tokens),
            sender,
            maxBodyBytes,
            timeProvider: null)
    {
    }

    private protected override VerificationResult? CheckHeaders(InboundRequest request)
    {
        string? authorization = request.Header("authorization");
        if (authorization is null)
        {
            return Unauthenticated(request, "Authorization", "signature", "signature-input", "x-adcp-signature", "webhook-signature");
        }

        const string Scheme = "Bearer ";
        if (authorization.Length > MaxHeaderLength || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            || !Ascii.IsValid(authorization))
        {
            return Refused(VerificationError.HeaderMalformed, "Authorization is not a bearer token.");
        }

        // Digests are compared, so that timing does not reveal a token's length.
        Span<byte> said = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.ASCII.GetBytes(authorization[Scheme.Length..]), said);
        bool matches = false;
        foreach (byte[] expected in Keys)
        {
            matches |= CryptographicOperations.FixedTimeEquals(said, expected);
        }

        return matches ? null : Refused(VerificationError.SignatureInvalid, null);
    }

    /// <summary>Returns true: the token says nothing about the body.</summary>
    private protected override bool Matches(InboundRequest request, ReadOnlySpan<byte> body) => true;
}
