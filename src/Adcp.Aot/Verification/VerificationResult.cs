namespace Adcp.Aot.Verification;

/// <summary>
/// The result of a verification. It holds no secret, and of the body only sanitised names. <see cref="KeyId"/> may be
/// text that an attacker sent: escape it in logs.
/// </summary>
public readonly struct VerificationResult
{
    private static readonly string[] Codes =
    [
        "", "webhook_signature_header_malformed", "webhook_signature_params_incomplete", "webhook_signature_tag_invalid",
        "webhook_signature_alg_not_allowed",
        "webhook_signature_window_invalid", "webhook_signature_components_incomplete", "webhook_signature_key_unknown",
        "webhook_signature_key_purpose_invalid",
        "webhook_signature_key_revoked", "webhook_signature_revocation_stale", "webhook_signature_rate_abuse",
        "webhook_target_uri_malformed",
        "webhook_signature_invalid", "webhook_signature_digest_mismatch", "webhook_signature_replayed", "webhook_body_malformed",
        "webhook_mode_mismatch",
    ];

    private VerificationResult(VerificationError error, string failedStep, string? detail, string? keyId, string? sender)
    {
        Error = error;
        FailedStep = failedStep;
        Detail = detail;
        KeyId = keyId;
        Sender = sender;
    }

    /// <summary>Gets whether the webhook is authentic and unaltered.</summary>
    public bool Ok => Error == VerificationError.None;

    /// <summary>The reason for the refusal.</summary>
    public VerificationError Error { get; }

    /// <summary>AdCP's code of <see cref="Error"/>; <c>null</c> if there is none.</summary>
    public string? ErrorCode => Error is VerificationError.None or > VerificationError.ModeMismatch ? null : Codes[(int)Error];

    /// <summary>
    /// The step of AdCP's checklist that failed, <c>1</c> to <c>14</c> with <c>9a</c>; empty if none did, <c>0</c> for
    /// checks before the first.
    /// </summary>
    public string FailedStep => field ?? "";

    /// <summary>A sentence that explains the fault; <c>null</c> if the code says it all.</summary>
    public string? Detail { get; }

    /// <summary>
    /// The <c>keyid</c> of the signature as far as it was read; null for schemes without one. Unverified unless
    /// <see cref="Ok"/>.
    /// </summary>
    public string? KeyId { get; }

    /// <summary>
    /// The signer: the owner of the key or secret, never a claim of the message. Null unless the key was found.
    /// </summary>
    public string? Sender { get; }

    /// <summary>The time after which the sender may succeed, for the answer's <c>Retry-After</c>; <c>null</c> if unknown.</summary>
    public TimeSpan? RetryAfter { get; private init; }

    /// <summary>The exception of the key source or replay cache that made verification impossible; <c>null</c> if none did.</summary>
    public Exception? Fault { get; private init; }

    /// <summary>The HTTP status of the answer: 200 if verified, otherwise 401, 413, 415 or 503.</summary>
    public int StatusCode => Error switch
    {
        VerificationError.None => 200,
        VerificationError.UnsupportedContentType => 415,
        VerificationError.BodyTooLarge => 413,
        VerificationError.KeysUnavailable or VerificationError.ReplayCacheUnavailable => 503,
        _ => 401,
    };

    /// <summary>The value of <c>WWW-Authenticate</c> for a 401; null for other answers.</summary>
    public string? Challenge => ErrorCode is { } code ? $"Signature error=\"{code}\"" : null;

    /// <summary>Returns code, step and key id.</summary>
    public override string ToString() =>
        Ok ? $"verified {KeyId}" : $"{ErrorCode ?? Error.ToString()} at step {FailedStep}, key {KeyId ?? "-"}";

    internal static VerificationResult Verified(string? keyId, string? sender) => new(VerificationError.None, "", null, keyId, sender);

    internal static VerificationResult Refused(VerificationError error, string step, string? detail = null, string? keyId = null,
        string? sender = null) =>
        new(error, step, detail, keyId, sender);

    /// <summary>Creates a temporary refusal that is not the sender's fault.</summary>
    internal static VerificationResult Unavailable(
        VerificationError error, string step, string detail, string? keyId, string? sender = null, TimeSpan? retryAfter = null,
        Exception? fault = null) =>
        new(error, step, detail, keyId, sender) { RetryAfter = retryAfter, Fault = fault };
}
