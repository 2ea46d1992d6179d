using Adcp.Aot.Json;

namespace Adcp.Aot.Verification;

/// <summary>
/// Verifies webhooks by the one authentication scheme of their registration: <see cref="Rfc9421Verifier"/>,
/// <see cref="LegacyHmacVerifier"/>, <see cref="BearerVerifier"/> or <see cref="StandardWebhooksVerifier"/>. It never
/// tries another scheme: if a message uses another one, it is refused with
/// <see cref="VerificationError.ModeMismatch"/>. Thread-safe; keep one for each registration or sender.
/// </summary>
public abstract class WebhookVerifier
{
    private readonly int _maxBodyBytes;

    private protected WebhookVerifier(int maxBodyBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBodyBytes, 1);
        _maxBodyBytes = maxBodyBytes;
    }

    /// <summary>The default of <see cref="MaxBodyBytes"/>: 1 MiB.</summary>
    public const int DefaultMaxBodyBytes = 1 << 20;

    /// <summary>The largest body in bytes. Read no more than this, and answer 413 if there is more.</summary>
    public int MaxBodyBytes => _maxBodyBytes;

    /// <summary>
    /// Verifies a webhook. Completes synchronously if the keys are in memory and the replay cache is local.
    /// </summary>
    /// <param name="request">The request as it arrived.</param>
    /// <param name="body">The body's bytes as they arrived, before any parser.</param>
    /// <param name="bodySha256">The SHA-256 of the body if it was computed while reading: 32 bytes. If empty, it is
    /// computed when it is needed.</param>
    /// <param name="cancellationToken">Ends the reading of keys.</param>
    /// <exception cref="ArgumentException"><paramref name="bodySha256"/> is neither empty nor 32 bytes.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public ValueTask<VerificationResult> VerifyAsync(
        InboundRequest request, ReadOnlyMemory<byte> body, ReadOnlyMemory<byte> bodySha256 = default,
        CancellationToken cancellationToken = default)
    {
        if (bodySha256.Length is not (0 or 32))
        {
            throw new ArgumentException("A SHA-256 has 32 bytes.", nameof(bodySha256));
        }

        return VerifyCoreAsync(request, body, bodySha256, cancellationToken);
    }

    /// <summary>
    /// Gets the sender for verifiers that know one sender only; <c>null</c> if the sender comes with the key, or has no
    /// name.
    /// </summary>
    internal virtual string? FixedSender => null;

    /// <summary>
    /// Checks that the replay cache can be read. Completes synchronously for verifiers that have none.
    /// </summary>
    internal virtual ValueTask CheckAsync(CancellationToken cancellationToken) => default;

    /// <summary>
    /// Performs the checks that need no body, in the checklist's order. No nonce is used up:
    /// <see cref="VerifyBodyAsync"/> does that.
    /// </summary>
    /// <param name="request">The request as it arrived.</param>
    /// <param name="contentLength">The body's length in bytes; <c>null</c> if it is not announced.</param>
    /// <param name="cancellationToken">Ends the reading of keys.</param>
    internal ValueTask<HeaderCheck> CheckHeadersAsync(InboundRequest request, long? contentLength, CancellationToken cancellationToken) =>
        Precheck(request, contentLength) is { } refusal ? new(HeaderCheck.Refused(refusal)) : CheckHeadersCoreAsync(request,
            cancellationToken);

    /// <summary>Performs the checks that need the body, for headers that passed.</summary>
    internal ValueTask<VerificationResult> VerifyBodyAsync(
        HeaderCheck headers, ReadOnlyMemory<byte> body, ReadOnlyMemory<byte> bodySha256, CancellationToken cancellationToken) =>
        body.Length > _maxBodyBytes ? new(TooLarge()) : VerifyBodyCoreAsync(headers, body, bodySha256, cancellationToken);

    /// <summary>Returns the refusal of a body that is larger than allowed.</summary>
    internal VerificationResult TooLarge() =>
        VerificationResult.Refused(VerificationError.BodyTooLarge, "0", $"The body has more than {_maxBodyBytes} bytes.");

    private protected abstract ValueTask<HeaderCheck> CheckHeadersCoreAsync(InboundRequest request, CancellationToken cancellationToken);

    private protected abstract ValueTask<VerificationResult> VerifyBodyCoreAsync(
        HeaderCheck headers, ReadOnlyMemory<byte> body, ReadOnlyMemory<byte> bodySha256, CancellationToken cancellationToken);

    /// <summary>
    /// Returns the code for a message without this scheme's headers: a mismatch if it has another scheme's.
    /// </summary>
    private protected static VerificationResult Unauthenticated(InboundRequest request, string missing,
        params ReadOnlySpan<string> otherWays)
    {
        foreach (string other in otherWays)
        {
            if (request.Header(other) is not null)
            {
                return VerificationResult.Refused(VerificationError.ModeMismatch, "0",
                    "The message is authenticated in another way than the registration says.");
            }
        }

        return VerificationResult.Refused(VerificationError.HeaderMalformed, "1", $"The message has no {missing}.");
    }

    /// <summary>
    /// For the schemes without a step 14: refuses duplicate names only. The schema layer decides whether a body is JSON
    /// at all.
    /// </summary>
    private protected static VerificationResult Accept(ReadOnlySpan<byte> body, string? sender) =>
        JsonBodyCheck.FindDuplicates(body) is { } duplicates
            ? VerificationResult.Refused(VerificationError.BodyMalformed, "14", duplicates, sender: sender)
            : VerificationResult.Verified(null, sender);

    private async ValueTask<VerificationResult> VerifyCoreAsync(
        InboundRequest request, ReadOnlyMemory<byte> body, ReadOnlyMemory<byte> bodySha256, CancellationToken cancellationToken)
    {
        HeaderCheck headers = await CheckHeadersAsync(request, body.Length, cancellationToken).ConfigureAwait(false);
        return headers.Refusal ?? await VerifyBodyCoreAsync(headers, body, bodySha256, cancellationToken).ConfigureAwait(false);
    }

    private VerificationResult? Precheck(InboundRequest request, long? length)
    {
        if (length > _maxBodyBytes)
        {
            return TooLarge();
        }

        string? type = request.Header("content-type");
        if (type is not null && type.Contains(',', StringComparison.Ordinal))
        {
            return VerificationResult.Refused(VerificationError.HeaderMalformed, "1", "Content-Type has more than one value.");
        }

        ReadOnlySpan<char> media = type.AsSpan();
        int parameters = media.IndexOf(';');
        media = (parameters < 0 ? media : media[..parameters]).Trim(" \t");
        return media.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            ? null
            : VerificationResult.Refused(VerificationError.UnsupportedContentType, "0", "Content-Type is not application/json.");
    }
}
