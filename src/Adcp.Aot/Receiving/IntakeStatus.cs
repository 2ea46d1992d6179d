namespace Adcp.Aot.Receiving;

/// <summary>
/// The outcome of a message that a <see cref="WebhookIntake"/> received. Unless a member says otherwise, the sender may try again.
/// </summary>
public enum IntakeStatus
{
    /// <summary>The handler processed the webhook now; answer 200.</summary>
    Processed = 0,

    /// <summary>The webhook was processed before; answer 200.</summary>
    AlreadyProcessed = 1,

    /// <summary>The message is a challenge for a wanted subscription; answer 200 with <see cref="IntakeResult.Answer"/>.</summary>
    ChallengeAccepted = 2,

    /// <summary>The message is a challenge for a subscription that is not wanted; answer 403. Final.</summary>
    ChallengeDeclined = 3,

    /// <summary><see cref="WebhookReceiverOptions.AcceptsChallenge"/> failed or did not answer in time; answer 500.</summary>
    ChallengeFailed = 4,

    /// <summary>
    /// The message was not verified; <see cref="IntakeResult.Verification"/> has the answer's status.
    /// </summary>
    NotVerified = 5,

    /// <summary>The webhook does not echo the registration's token; answer 401 without a code of AdCP.</summary>
    WrongToken = 6,

    /// <summary>The verified body is no webhook that can be dispatched; answer 400 with <see cref="IntakeResult.Code"/>. Final.</summary>
    NotDispatchable = 7,

    /// <summary>The webhook's key is bound to another payload; answer 409. Final.</summary>
    Conflict = 8,

    /// <summary>The webhook is being processed; answer 503.</summary>
    InProgress = 9,

    /// <summary>The sender has reached its limit of keys; answer 429.</summary>
    SenderFull = 10,

    /// <summary>The handler threw; answer 500. A retry is processed.</summary>
    HandlerFailed = 11,

    /// <summary>
    /// The handler did not return in time and was abandoned; answer 503. A retry is processed when the lease has ended.
    /// </summary>
    HandlerStuck = 12,

    /// <summary>The claim was lost while the handler ran; answer 503. Another process may be processing the webhook.</summary>
    ClaimLost = 13,

    /// <summary>The claim store failed or did not answer in time; answer 503.</summary>
    StoreUnavailable = 14,

    /// <summary>The number of webhooks or bytes under way has reached its limit; answer 503.</summary>
    Busy = 15,

    /// <summary>The body did not arrive in time; answer 408.</summary>
    BodyTooSlow = 16,

    /// <summary>The body broke off or its framing is wrong; answer 400.</summary>
    BodyBroken = 17,

    /// <summary>The sender closed the connection, so there is no answer to send.</summary>
    SenderGone = 18,

    /// <summary>The verifier failed in an unexpected way; answer 503.</summary>
    VerifierFailed = 19,
}
