namespace Adcp.Aot.Verification;

/// <summary>What a replay cache did with a nonce.</summary>
public enum ReplayAdmission
{
    /// <summary>It was new and is remembered now.</summary>
    Added = 0,

    /// <summary>It was used before.</summary>
    Replayed = 1,

    /// <summary>The key, or the cache as a whole, has as many as it may have; nothing was added.</summary>
    Full = 2,
}
