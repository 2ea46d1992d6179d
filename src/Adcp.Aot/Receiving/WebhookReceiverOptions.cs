using Adcp.Aot.Verification;

namespace Adcp.Aot.Receiving;

/// <summary>Options of an endpoint that receives webhooks. Immutable; a bad value throws when it is set.</summary>
public sealed record WebhookReceiverOptions
{
    internal const string StoreNeeded =
        "Store is needed: it remembers the processed webhooks. Set Store to a SqlWebhookClaimStore of Adcp.Aot.Storage, or to a "
        + "DevelopmentWebhookClaimStore for development and tests.";

    private const int MaxOrigins = 64;

    /// <summary>Verifies every webhook by the registration's one scheme.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public required WebhookVerifier Verifier { get; init => field = value ?? throw new ArgumentNullException(nameof(Verifier)); }

    /// <summary>
    /// The origins (scheme and authority) of this endpoint in registrations, such as <c>https://buyer.example</c>. A
    /// signature covers the url that the sender called, so a webhook that was signed for any other origin is refused.
    /// If there are several, the request's <c>Host</c> selects one of them, and the first is used for an unknown
    /// <c>Host</c>. At most 64. Default none: an endpoint that verifies RFC 9421 signatures then does not start, unless
    /// <see cref="TrustHostHeader"/> is set.
    /// </summary>
    /// <exception cref="ArgumentNullException">Null, or a member is null.</exception>
    /// <exception cref="ArgumentException">A member is not an http or https origin without path, or there are more than 64.</exception>
    public IReadOnlyList<string> PublicOrigins
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(PublicOrigins));
            if (value.Count > MaxOrigins || !value.All(IsOrigin))
            {
                throw new ArgumentException(
                    $"PublicOrigins takes up to {MaxOrigins} origins, each a scheme and an authority without path, such as "
                    + "https://buyer.example.", nameof(PublicOrigins));
            }

            field = [.. value];
        }
    } = [];

    /// <summary>
    /// Uses the request's own scheme and <c>Host</c> as the origin instead of <see cref="PublicOrigins"/>. Any client
    /// that can reach this process can then deliver webhooks that were signed for another host, such as another
    /// buyer's. For development, and for hosts that let no foreign <c>Host</c> through. Default <c>false</c>.
    /// </summary>
    public bool TrustHostHeader { get; init; }

    /// <summary>
    /// Keeps the accepted webhooks. Use one store for all endpoints that a sender can reach:
    /// <c>SqlWebhookClaimStore</c> of Adcp.Aot.Storage, or <see cref="DevelopmentWebhookClaimStore"/> for development
    /// and tests. Default <c>null</c>: <c>MapAdcpWebhookReceiver</c> uses the application's service of this type.
    /// <see cref="WebhookIntake"/> itself needs one.
    /// </summary>
    public IWebhookClaimStore? Store { get; init; }

    /// <summary>The AdCP version that senders speak: 3.0 leaves <c>operation_id</c> optional. Default 3.2.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a version.</exception>
    public AdcpVersion Version
    {
        get;
        init =>
            field = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(Version), value, "Not an AdCP version.");
    } = AdcpVersion.V32;

    /// <summary>
    /// Accepts payloads that are not task webhooks, such as account and capability events. They need only an
    /// idempotency key. Default <c>false</c>.
    /// </summary>
    public bool AcceptsOtherPayloads { get; init; }

    /// <summary>
    /// Decides whether this endpoint wants a subscription when a seller challenges it (AdCP's <c>webhook.challenge</c>,
    /// since 3.1). Compare sender, subscriber, authentication and event types with your registration at that seller.
    /// <c>true</c> answers with the challenge's value, <c>false</c> with 403. Default <c>null</c>: a challenge is
    /// treated as any payload, and refused because it has no key.
    /// </summary>
    public Func<ReceivedChallenge, CancellationToken, ValueTask<bool>>? AcceptsChallenge { get; init; }

    /// <summary>
    /// Verifies challenges if <see cref="Verifier"/> is not an <see cref="Rfc9421Verifier"/>: challenges are always
    /// signed by RFC 9421. If a message is signed so and is not a challenge, it is refused. Required with
    /// <see cref="AcceptsChallenge"/> in this case, and only then; otherwise the endpoint does not start. Default
    /// <c>null</c>.
    /// </summary>
    public Rfc9421Verifier? ChallengeVerifier { get; init; }

    /// <summary>
    /// The registration's <c>token</c>, a secret. If a webhook does not echo it, it is answered with 401. Default
    /// <c>null</c>, not compared.
    /// </summary>
    /// <exception cref="ArgumentException">Not 16 to 4096 characters.</exception>
    public string? Token
    {
        get;
        init => field = value is null or { Length: >= WebhookDestination.MinTokenLength and <= WebhookDestination.MaxTokenLength }
            ? value
            : throw new ArgumentException(
                $"A token has {WebhookDestination.MinTokenLength} to {WebhookDestination.MaxTokenLength} characters.", nameof(Token));
    }

    /// <summary>
    /// The sender's <c>delivery_retry_horizon_seconds</c>. A key is remembered for the longer of this and 24 hours,
    /// from its first acceptance. 0 to 7 days, default 0.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 0 to 7 days.</exception>
    public TimeSpan RetryHorizon { get; init => field = Require.InRange(value, TimeSpan.Zero, TimeSpan.FromDays(7), nameof(RetryHorizon)); }

    /// <summary>
    /// The time for which a claim holds without renewal. If its process dies, another one may process the webhook after
    /// that. It is renewed while the handler runs; if a renewal fails, it is tried again until the lease ends. 1 s to 1
    /// h, default 30 s.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 s to 1 h.</exception>
    public TimeSpan Lease
    {
        get;
        init => field = Require.InRange(value, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1), nameof(Lease));
    } = TimeSpan.FromSeconds(30);

    /// <summary>The timeout for reading a whole body. 1 s to 10 minutes, default 10 s.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 s to 10 minutes.</exception>
    public TimeSpan ReadTimeout
    {
        get;
        init => field = Require.InRange(value, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10), nameof(ReadTimeout));
    } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The timeout of a handler. When it passes, the handler's token is cancelled. If the handler does not return
    /// within five more seconds, it is abandoned, its webhook is answered with 503, and its claim is no longer renewed.
    /// 1 s to 24 h, default 5 minutes.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 s to 24 h.</exception>
    public TimeSpan HandlerTimeout
    {
        get;
        init => field = Require.InRange(value, TimeSpan.FromSeconds(1), TimeSpan.FromHours(24), nameof(HandlerTimeout));
    } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The timeout of one call of the <see cref="Store"/> or of <see cref="AcceptsChallenge"/>. If a call exceeds it,
    /// the webhook is answered with 503. 100 ms to 5 minutes, default 10 s.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 100 ms to 5 minutes.</exception>
    public TimeSpan CallTimeout
    {
        get;
        init => field = Require.InRange(value, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5), nameof(CallTimeout));
    } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The maximum number of webhooks whose bodies this endpoint reads or holds at a time, until their handlers have
    /// returned; as many more may wait for their senders' keys. Others are answered with 503 and <c>Retry-After</c>. 1
    /// to 65,536, default 256.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 65,536.</exception>
    public int MaxConcurrentWebhooks
    {
        get;
        init => field = Require.InRange(value, 1, 65_536, nameof(MaxConcurrentWebhooks));
    } = 256;

    /// <summary>
    /// The maximum number of bytes of bodies that this endpoint holds at a time. If a webhook needs more, it is
    /// answered with 503 and <c>Retry-After</c>. At least twice the verifier's
    /// <see cref="WebhookVerifier.MaxBodyBytes"/>, or the endpoint does not start. 1 KiB to 16 GiB, default 64 MiB.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 KiB to 16 GiB.</exception>
    public long MaxBufferedBytes
    {
        get;
        init => field = Require.InRange(value, 1L << 10, 16L << 30, nameof(MaxBufferedBytes));
    } = 64L << 20;

    /// <summary>The clock of leases and time limits. Default: the system's.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public TimeProvider TimeProvider
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider));
    } = TimeProvider.System;

    /// <summary>The time for which a key is remembered: the longer of <see cref="RetryHorizon"/> and 24 hours.</summary>
    internal TimeSpan Retention => RetryHorizon > TimeSpan.FromHours(24) ? RetryHorizon : TimeSpan.FromHours(24);

    /// <summary>Returns the origins and whether a token is compared; never the token.</summary>
    public override string ToString()
    {
        string origins = TrustHostHeader ? "of the Host header" : string.Join(", ", PublicOrigins);
        return $"origins {origins}, {Verifier.GetType().Name}, {(Token is null ? "no token" : "with a token")}";
    }

    /// <summary>
    /// Checks that the options do not contradict each other, as a <see cref="WebhookIntake"/> does before it starts.
    /// </summary>
    /// <exception cref="ArgumentException">They contradict each other; the message names the option.</exception>
    public void Validate()
    {
        const string Options = "options";
        bool isSigned = Verifier is Rfc9421Verifier;
        if (ChallengeVerifier is null == (AcceptsChallenge is not null && !isSigned))
        {
            throw new ArgumentException(
                "ChallengeVerifier is needed if AcceptsChallenge is set and Verifier is no Rfc9421Verifier, and only then.", Options);
        }

        if ((isSigned || ChallengeVerifier is not null) && PublicOrigins.Count == 0 && !TrustHostHeader)
        {
            throw new ArgumentException(
                "PublicOrigins is needed: a signature is bound to the url that the sender called, and without the origins that senders "
                + "were given this endpoint would accept webhooks that were signed for another host. Set PublicOrigins = "
                + "[\"https://buyer.example\"], or TrustHostHeader = true if every Host that reaches this process is yours.",
                Options);
        }

        if (PublicOrigins.Count > 0 && TrustHostHeader)
        {
            throw new ArgumentException("PublicOrigins and TrustHostHeader exclude each other.", Options);
        }

        if (!isSigned && Verifier.FixedSender is null)
        {
            throw new ArgumentException(
                "Verifier names no sender, so that the idempotency keys of different senders would be one set. "
                + $"Give the {Verifier.GetType().Name} its sender.",
                Options);
        }

        if (Verifier is Rfc9421Verifier { NamesSender: false } || ChallengeVerifier is { NamesSender: false })
        {
            throw new ArgumentException(
                "The verifier's keys name no sender. Senders choose their key ids, so one sender could use up the nonces and idempotency "
                + "keys of another. Give VerificationKeySet.FromJwks its sender.",
                Options);
        }

        long least = 2L * Math.Max(Verifier.MaxBodyBytes, ChallengeVerifier?.MaxBodyBytes ?? 0);
        if (MaxBufferedBytes < least)
        {
            throw new ArgumentException($"MaxBufferedBytes is at least twice the verifier's MaxBodyBytes, {least} here.", Options);
        }
    }

    private static bool IsOrigin(string text)
    {
        ArgumentNullException.ThrowIfNull(text, nameof(PublicOrigins));
        return Network.TargetUri.TryParse(text, out Network.TargetUri? target, out _)
            && !target.HadUserInfo && target.PathAndQuery == "/" && text[^1] is not ('/' or '?' or '#') && !text.Contains('#',
                StringComparison.Ordinal);
    }
}
