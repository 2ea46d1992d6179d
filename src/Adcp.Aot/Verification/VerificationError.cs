namespace Adcp.Aot.Verification;

/// <summary>
/// The reason for a refusal: AdCP's seventeen codes (AdCP security, "webhook error taxonomy"), then reasons that have
/// no code there.
/// </summary>
public enum VerificationError
{
    /// <summary>The webhook was verified.</summary>
    None = 0,

    /// <summary><c>webhook_signature_header_malformed</c>, step 1.</summary>
    HeaderMalformed = 1,

    /// <summary><c>webhook_signature_params_incomplete</c>, step 2.</summary>
    ParamsIncomplete = 2,

    /// <summary><c>webhook_signature_tag_invalid</c>, step 3.</summary>
    TagInvalid = 3,

    /// <summary><c>webhook_signature_alg_not_allowed</c>, step 4.</summary>
    AlgNotAllowed = 4,

    /// <summary><c>webhook_signature_window_invalid</c>, step 5.</summary>
    WindowInvalid = 5,

    /// <summary><c>webhook_signature_components_incomplete</c>, step 6.</summary>
    ComponentsIncomplete = 6,

    /// <summary><c>webhook_signature_key_unknown</c>, step 7.</summary>
    KeyUnknown = 7,

    /// <summary><c>webhook_signature_key_purpose_invalid</c>, step 8.</summary>
    KeyPurposeInvalid = 8,

    /// <summary><c>webhook_signature_key_revoked</c>, step 9.</summary>
    KeyRevoked = 9,

    /// <summary><c>webhook_signature_revocation_stale</c>, step 9.</summary>
    RevocationStale = 10,

    /// <summary><c>webhook_signature_rate_abuse</c>, steps 9a and 13.</summary>
    RateAbuse = 11,

    /// <summary><c>webhook_target_uri_malformed</c>, step 10.</summary>
    TargetUriMalformed = 12,

    /// <summary><c>webhook_signature_invalid</c>, step 10.</summary>
    SignatureInvalid = 13,

    /// <summary><c>webhook_signature_digest_mismatch</c>, step 11.</summary>
    DigestMismatch = 14,

    /// <summary><c>webhook_signature_replayed</c>, step 12.</summary>
    Replayed = 15,

    /// <summary><c>webhook_body_malformed</c>, step 14.</summary>
    BodyMalformed = 16,

    /// <summary><c>webhook_mode_mismatch</c>: authenticated by another scheme than the registration states.</summary>
    ModeMismatch = 17,

    /// <summary>Not <c>application/json</c>; answer 415. No AdCP code.</summary>
    UnsupportedContentType = 18,

    /// <summary>The body is larger than allowed; answer 413. No AdCP code.</summary>
    BodyTooLarge = 19,

    /// <summary>
    /// The sender's keys cannot be read now, or were not read recently enough to call a key unknown. Answer 503, so
    /// that the sender tries again. No AdCP code: any <c>webhook_</c> code in a 401 ends the delivery.
    /// </summary>
    KeysUnavailable = 20,

    /// <summary>The replay cache failed or did not answer in time; answer 503, so that the sender tries again. No AdCP code.</summary>
    ReplayCacheUnavailable = 21,
}
