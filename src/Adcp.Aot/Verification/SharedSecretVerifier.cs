using System.Globalization;

namespace Adcp.Aot.Verification;

/// <summary>
/// The base of verifiers whose sender and receiver share a secret: <see cref="LegacyHmacVerifier"/>, <see
/// cref="StandardWebhooksVerifier"/> and <see cref="BearerVerifier"/>.
/// </summary>
public abstract class SharedSecretVerifier : WebhookVerifier
{
    /// <summary>The most secrets at a time.</summary>
    internal const int MaxSecrets = 8;

    internal const int WindowSeconds = 300;

    /// <summary>The most digits of a time stamp.</summary>
    private protected const int MaxTimestampLength = 15;

    private readonly string? _sender;
    private readonly TimeProvider _time;

    private protected SharedSecretVerifier(
        IReadOnlyList<string> secrets,
        Func<string, byte[]> keyOf,
        string kind,
        string parameter,
        string? sender,
        int maxBodyBytes,
        TimeProvider? timeProvider)
        : base(maxBodyBytes)
    {
        ArgumentNullException.ThrowIfNull(secrets, parameter);
        if (secrets.Count is 0 or > MaxSecrets)
        {
            throw new ArgumentException($"One to eight {kind} are needed.", parameter);
        }

        Keys = [.. secrets.Select(keyOf)];
        _sender = sender;
        _time = timeProvider ?? TimeProvider.System;
    }

    internal override string? FixedSender => _sender;

    /// <summary>Gets the keys of the secrets, of which any may match.</summary>
    private protected byte[][] Keys { get; }

    private protected override ValueTask<HeaderCheck> CheckHeadersCoreAsync(InboundRequest request, CancellationToken cancellationToken) =>
        new(CheckHeaders(request) is { } refusal ? HeaderCheck.Refused(refusal) : HeaderCheck.Passed(request));

    private protected override ValueTask<VerificationResult> VerifyBodyCoreAsync(
        HeaderCheck headers, ReadOnlyMemory<byte> body, ReadOnlyMemory<byte> bodySha256, CancellationToken cancellationToken) =>
        new(Matches(headers.Request, body.Span)
            ? Accept(body.Span, _sender)
            : Refused(VerificationError.SignatureInvalid, null));

    /// <summary>Judges the headers alone.</summary>
    /// <returns>The refusal; <c>null</c> if they are sound.</returns>
    private protected abstract VerificationResult? CheckHeaders(InboundRequest request);

    /// <summary>Returns whether the signature is that of the body, after <see cref="CheckHeaders"/>.</summary>
    private protected abstract bool Matches(InboundRequest request, ReadOnlySpan<byte> body);

    /// <summary>Judges a time stamp in seconds since 1970, which may be 300 s away.</summary>
    /// <param name="name">The header's name, for the detail of the refusal.</param>
    /// <param name="header">The header; <c>null</c> if it is missing.</param>
    /// <returns>The refusal; <c>null</c> if it is sound.</returns>
    private protected VerificationResult? CheckTimestamp(string name, string? header)
    {
        if (!TryReadSeconds(header, out long seconds))
        {
            return Refused(VerificationError.HeaderMalformed, name + " is not a number of seconds.");
        }

        return Math.Abs(_time.GetUtcNow().ToUnixTimeSeconds() - seconds) > WindowSeconds
            ? Refused(VerificationError.WindowInvalid, name + " is more than 300 s away.")
            : null;
    }

    private protected VerificationResult Refused(VerificationError error, string? detail) =>
        VerificationResult.Refused(error, "1", detail, sender: _sender);

    /// <summary>Reads digits only: no sign, no space, no point.</summary>
    private static bool TryReadSeconds(ReadOnlySpan<char> digits, out long seconds)
    {
        seconds = 0;
        return digits.Length is > 0 and <= MaxTimestampLength && !digits.ContainsAnyExceptInRange('0', '9')
            && long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out seconds);
    }
}
