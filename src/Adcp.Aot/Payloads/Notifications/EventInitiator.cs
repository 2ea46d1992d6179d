namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// The initiator of a creative's transition or purge. The buyer is not among them: it gets the answer to its own call
/// instead of a notification.
/// </summary>
public enum EventInitiator
{
    /// <summary><c>seller</c></summary>
    Seller = 0,

    /// <summary><c>system</c></summary>
    System = 1,
}
