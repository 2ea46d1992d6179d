namespace Adcp.Aot.Verification;

/// <summary>The result of adding a nonce to a replay cache.</summary>
public enum ReplayAdmission
{
    /// <summary>The nonce was new and is remembered now.</summary>
    Added = 0,

    /// <summary>The nonce was used before.</summary>
    Replayed = 1,

    /// <summary>The key, its sender, or the cache has reached its limit. Nothing was added.</summary>
    Full = 2,
}
