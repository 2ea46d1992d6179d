using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Verification;

/// <summary>
/// Verifies <c>Authorization: Bearer</c>. It proves that the sender knows the token and nothing about the body; AdCP
/// has deprecated it. Compares in constant time, whatever the lengths. Thread-safe.
/// </summary>
public sealed class BearerVerifier : WebhookVerifier
{
    private const int MaxHeaderLength = 8192;

    private readonly byte[][] _expected;
    private readonly string? _sender;

    /// <summary>Creates a verifier for one registration.</summary>
    /// <param name="tokens">One to eight tokens; see <see cref="BearerToken"/>.</param>
    /// <param name="sender">Whose tokens these are, as <see cref="VerificationResult.Sender"/> will name it.</param>
    /// <param name="maxBodyBytes">The largest body in bytes. At least 1, default 1 MiB.</param>
    /// <exception cref="ArgumentNullException"><paramref name="tokens"/> or one of them is null.</exception>
    /// <exception cref="ArgumentException">No token, too many, or one that is none. The message never shows it.</exception>
    public BearerVerifier(IReadOnlyList<string> tokens, string? sender = null, int maxBodyBytes = DefaultMaxBodyBytes)
        : base(maxBodyBytes)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        if (tokens.Count is 0 or > LegacyHmacVerifier.MaxSecrets)
        {
            throw new ArgumentException("One to eight tokens are needed.", nameof(tokens));
        }

        _expected = [.. tokens.Select(static token => SHA256.HashData(new BearerToken(token).Token))];
        _sender = sender;
    }

    internal override string? FixedSender => _sender;

    private protected override ValueTask<HeaderCheck> CheckHeadersCoreAsync(InboundRequest request, CancellationToken cancellationToken) =>
        new(Refuse(request) is { } refusal ? HeaderCheck.Refused(refusal) : HeaderCheck.Passed(request));

    private protected override ValueTask<VerificationResult> VerifyBodyCoreAsync(
        HeaderCheck headers, ReadOnlyMemory<byte> body, ReadOnlyMemory<byte> bodySha256, CancellationToken cancellationToken) =>
        new(Accept(body.Span, _sender));

    private VerificationResult? Refuse(InboundRequest request)
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
            return VerificationResult.Refused(VerificationError.HeaderMalformed, "1", "Authorization is not a bearer token.",
                sender: _sender);
        }

        // Digests are compared, so that a token's length shows in no timing.
        Span<byte> said = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.ASCII.GetBytes(authorization[Scheme.Length..]), said);
        bool matches = false;
        foreach (byte[] expected in _expected)
        {
            matches |= CryptographicOperations.FixedTimeEquals(said, expected);
        }

        return matches ? null : VerificationResult.Refused(VerificationError.SignatureInvalid, "1", null, sender: _sender);
    }
}
