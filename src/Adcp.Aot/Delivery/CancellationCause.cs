namespace Adcp.Aot.Delivery;

/// <summary>The reason why a delivery under way is cancelled. The first cause counts.</summary>
internal enum CancellationCause
{
    /// <summary>The delivery is not cancelled.</summary>
    None = 0,

    /// <summary>The caller's token.</summary>
    Caller = 1,

    /// <summary>The deadline of the policy.</summary>
    Deadline = 2,

    /// <summary>The supervisor stops.</summary>
    Shutdown = 3,
}
