namespace Adcp.Aot.Receiving;

/// <summary>The answer of a claim store to a claim.</summary>
public enum ClaimStatus
{
    /// <summary>The caller owns the webhook now and processes it. No other caller does.</summary>
    Owned = 0,

    /// <summary>Another caller processes it; answer 503.</summary>
    InProgress = 1,

    /// <summary>The webhook was processed before; answer 2xx.</summary>
    Completed = 2,

    /// <summary>The key is bound to another payload; answer 409.</summary>
    Conflict = 3,

    /// <summary>The sender has reached its limit of keys; answer 429.</summary>
    SenderFull = 4,
}
