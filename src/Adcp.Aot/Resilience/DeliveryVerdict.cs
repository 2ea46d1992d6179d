namespace Adcp.Aot.Resilience;

/// <summary>The meaning of an attempt's result for its delivery.</summary>
public enum DeliveryVerdict
{
    /// <summary>The receiver has it; nothing more is sent.</summary>
    Delivered = 0,

    /// <summary>Try again, with the same key and bytes.</summary>
    Retry = 1,

    /// <summary>Never send this key again.</summary>
    Stop = 2,
}
