using Adcp.Aot.Payloads;
using Adcp.Aot.Verification;

namespace Adcp.Aot.AspNetCore.Receiving;

/// <summary>How an endpoint receives webhooks. Immutable; a bad value throws where it is set.</summary>
public sealed record WebhookReceiverOptions
{
    /// <summary>Verifies every webhook, in the one way that the registration says.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public required WebhookVerifier Verifier { get; init => field = value ?? throw new ArgumentNullException(nameof(Verifier)); }

    /// <summary>
    /// What was accepted before. One store for all endpoints that a sender can reach. Default null: a <see cref="SqliteWebhookClaimStore"/> in the file
    /// <c>adcp-webhook-claims.db</c> of the content root, shared by the application's endpoints.
    /// </summary>
    public IWebhookClaimStore? Store { get; init; }

    /// <summary>The AdCP generation that senders speak: 3.0 leaves <c>operation_id</c> optional. Default 3.2.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a version.</exception>
    public AdcpVersion Version
    {
        get;
        init => field = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(Version), value, "Not an AdCP version.");
    }

    = AdcpVersion.V32;

    /// <summary>Lets payloads pass that are no task webhooks, such as account and capability events: they need an idempotency key and nothing else. Default false.</summary>
    public bool AcceptsOtherPayloads { get; init; }

    /// <summary>
    /// Whether this endpoint wants the subscription that a seller asks it to prove (AdCP's <c>webhook.challenge</c>, since 3.1): compare sender, subscriber, authentication and event types with what was
    /// registered there. True answers with the challenge's value, false with 403. Default null: a challenge is a payload like others, and refused for want of a key.
    /// </summary>
    public Func<ReceivedChallenge, CancellationToken, ValueTask<bool>>? AcceptsChallenge { get; init; }

    /// <summary>
    /// Verifies challenges where <see cref="Verifier"/> is not an <see cref="Rfc9421Verifier"/>: they are signed by RFC 9421 whatever the deliveries use. What is signed so and is no challenge is refused.
    /// Needed with <see cref="AcceptsChallenge"/> then, and only then; mapping the endpoint throws otherwise. Default null.
    /// </summary>
    public Rfc9421Verifier? ChallengeVerifier { get; init; }

    /// <summary>The registration's <c>token</c>, a secret: a webhook that does not echo it is answered 401. Default null, not compared.</summary>
    /// <exception cref="ArgumentException">Not 16 to 4096 characters.</exception>
    public string? Token
    {
        get;
        init => field = value is null or { Length: >= 16 and <= 4096 } ? value : throw new ArgumentException("A token has 16 to 4096 characters.", nameof(Token));
    }

    /// <summary>
    /// Scheme and authority that senders were given, such as <c>https://buyer.example</c>, where a proxy gives this process others. Default null: the request's own.
    /// </summary>
    /// <exception cref="ArgumentException">Not an http or https origin without path.</exception>
    public string? PublicOrigin
    {
        get;
        init => field = value is null || IsOrigin(value) ? value : throw new ArgumentException("An origin is scheme and authority, such as https://buyer.example.", nameof(PublicOrigin));
    }

    /// <summary>The sender's <c>delivery_retry_horizon_seconds</c>; a key is remembered for this or 24 hours, whichever is longer, from its first acceptance. 0 to 7 days, default 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 0 to 7 days.</exception>
    public TimeSpan RetryHorizon { get; init => field = InRange(value, TimeSpan.Zero, TimeSpan.FromDays(7), nameof(RetryHorizon)); }

    /// <summary>How long after the last sign of life of its process a webhook may be processed by another. 1 s to 1 h, default 30 s; renewed while the handler runs.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 s to 1 h.</exception>
    public TimeSpan Lease { get; init => field = InRange(value, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1), nameof(Lease)); } = TimeSpan.FromSeconds(30);

    /// <summary>For reading a whole body, however slowly it drips. 1 s to 10 minutes, default 10 s.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 s to 10 minutes.</exception>
    public TimeSpan ReadTimeout { get; init => field = InRange(value, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10), nameof(ReadTimeout)); } = TimeSpan.FromSeconds(10);

    /// <summary>The clock of leases and timeouts. Default the system's.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public TimeProvider TimeProvider { get; init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider)); } = TimeProvider.System;

    /// <summary>How long a key is remembered: the longer of <see cref="RetryHorizon"/> and 24 hours.</summary>
    internal TimeSpan Retention => RetryHorizon > TimeSpan.FromHours(24) ? RetryHorizon : TimeSpan.FromHours(24);

    private static bool IsOrigin(string text) => Signing.TargetUri.TryParse(text, out Signing.TargetUri? target, out _)
        && !target.HadUserInfo && target.PathAndQuery == "/" && text[^1] is not ('/' or '?' or '#');

    private static TimeSpan InRange(TimeSpan value, TimeSpan low, TimeSpan high, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, low, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, high, name);
        return value;
    }
}
