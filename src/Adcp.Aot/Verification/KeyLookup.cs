namespace Adcp.Aot.Verification;

/// <summary>What a key source knows of a key id.</summary>
public readonly struct KeyLookup
{
    private KeyLookup(VerificationKey? key, bool isUnavailable)
    {
        Key = key;
        IsUnavailable = isUnavailable;
    }

    /// <summary>The sender has no such key.</summary>
    public static KeyLookup Unknown => default;

    /// <summary>The sender's keys cannot be read now, so nothing is known.</summary>
    public static KeyLookup Unavailable => new(null, true);

    /// <summary>The key, which may be one that must not verify webhooks; null where there is none.</summary>
    public VerificationKey? Key { get; }

    /// <summary>True where the sender's keys cannot be read now.</summary>
    public bool IsUnavailable { get; }

    /// <summary>The key was found.</summary>
    /// <param name="key">The key.</param>
    /// <exception cref="ArgumentNullException"><paramref name="key"/> is null.</exception>
    public static KeyLookup Found(VerificationKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return new(key, false);
    }
}
