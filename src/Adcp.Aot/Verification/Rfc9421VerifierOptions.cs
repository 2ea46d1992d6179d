namespace Adcp.Aot.Verification;

/// <summary>Options of an <see cref="Rfc9421Verifier"/>. Immutable; a bad value throws when it is set.</summary>
public sealed record Rfc9421VerifierOptions
{
    /// <summary>The sender's revocation list; <c>null</c> if none is read. Default <c>null</c>.</summary>
    public Revocations? Revocations { get; init; }

    /// <summary>
    /// Gets the keys that the publisher pins for the sender. A key that is not pinned is refused as unknown, and a pinned key from its
    /// <c>revoked_at</c> on as revoked. Use it for webhooks about the inventory of that publisher only. Default <see langword="null"/>, no
    /// pins.
    /// </summary>
    public PublisherPins? Pins { get; init; }

    /// <summary>The largest body in bytes. At least 1, default 1 MiB.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int MaxBodyBytes
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1, nameof(MaxBodyBytes));
            field = value;
        }
    } = WebhookVerifier.DefaultMaxBodyBytes;

    /// <summary>
    /// The timeout of one call of a user's <see cref="IVerificationKeySource"/> or <see cref="IReplayCache"/>. If a
    /// call exceeds it, the webhook is answered with 503. 100 ms to 5 minutes, default 10 s.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 100 ms to 5 minutes.</exception>
    public TimeSpan CallTimeout
    {
        get;
        init => field = Require.InRange(value, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5), nameof(CallTimeout));
    } = TimeSpan.FromSeconds(10);

    /// <summary>The clock for time windows. Default: the system's.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public TimeProvider TimeProvider
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider));
    } = TimeProvider.System;
}
