namespace Adcp.Aot.Verification;

/// <summary>How RFC 9421 signatures are verified. Immutable.</summary>
public sealed record Rfc9421VerifierOptions
{
    /// <summary>The sender's revocation list; null where none is read. Default null.</summary>
    public Revocations? Revocations { get; init; }

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

    /// <summary>The clock that windows are measured by. Default the system's.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public TimeProvider TimeProvider { get; init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider)); } = TimeProvider.System;
}
