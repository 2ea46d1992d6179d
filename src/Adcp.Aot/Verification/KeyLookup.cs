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
    /// The sender has no such key. This ends the sender's delivery permanently, so return it only if the keys were read
    /// after the lookup began: an older set may lack a key that was published since. Otherwise return
    /// <see cref="Unavailable"/>.
    /// </summary>
    public static KeyLookup Unknown => default;

    /// <summary>
    /// The sender's keys cannot be read now, or were not read recently enough to know that there is no such key.
    /// </summary>
    public static KeyLookup Unavailable => new(null, true);

    /// <summary>The key, even if it must not verify webhooks; <c>null</c> if there is none.</summary>
    public VerificationKey? Key { get; }

    /// <summary>Gets whether the lookup is <see cref="Unavailable"/>.</summary>
    public bool IsUnavailable { get; }

    /// <summary>The time after which the keys can be read; <c>null</c> if unknown.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>Returns <see cref="Unavailable"/> with the time after which the keys may be available.</summary>
    /// <param name="retryAfter">The time, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="retryAfter"/> is negative.</exception>
    public static KeyLookup UnavailableFor(TimeSpan retryAfter)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(retryAfter, TimeSpan.Zero);
        return new(null, true, retryAfter);
    }

    /// <summary>Returns a lookup that found the key.</summary>
    /// <param name="key">The key.</param>
    /// <exception cref="ArgumentNullException"><paramref name="key"/> is null.</exception>
    public static KeyLookup Found(VerificationKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return new(key, false);
    }
}
