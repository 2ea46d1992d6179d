namespace Adcp.Aot.Verification;

/// <summary>The answer of a key source.</summary>
public readonly struct KeyLookup
{
    private KeyLookup(VerificationKey? key, bool isUnavailable, TimeSpan? retryAfter = null)
    {
        Key = key;
        IsUnavailable = isUnavailable;
        RetryAfter = retryAfter;
    }

    /// <summary>
    /// The sender has no such key. It ends the sender's delivery for good, so say it only if the keys were read after the lookup
    /// began: an older set may lack a key that was
    /// published since. Else say <see cref="Unavailable"/>.
    /// </summary>
    public static KeyLookup Unknown => default;

    /// <summary>The sender's keys cannot be read now, or not recently enough to say that there is no such key.</summary>
    public static KeyLookup Unavailable => new(null, true);

    /// <summary>The key, which may be one that must not verify webhooks; <c>null</c> if there is none.</summary>
    public VerificationKey? Key { get; }

    /// <summary>Gets whether nothing can be said of the key now.</summary>
    public bool IsUnavailable { get; }

    /// <summary>The time after which the keys can be read; <c>null</c> if unknown.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>Says <see cref="Unavailable"/> with the time after which it may be otherwise.</summary>
    /// <param name="retryAfter">The time, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="retryAfter"/> is negative.</exception>
    public static KeyLookup UnavailableFor(TimeSpan retryAfter)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(retryAfter, TimeSpan.Zero);
        return new(null, true, retryAfter);
    }

    /// <summary>The key was found.</summary>
    /// <param name="key">The key.</param>
    /// <exception cref="ArgumentNullException"><paramref name="key"/> is null.</exception>
    public static KeyLookup Found(VerificationKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return new(key, false);
    }
}
