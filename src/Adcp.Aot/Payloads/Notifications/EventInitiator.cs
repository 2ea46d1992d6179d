namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// Who began a creative's transition or purge. The buyer's own are answered by the call that makes them and are not
/// notified.
/// </summary>
public enum EventInitiator
{
    /// <summary><c>seller</c></summary>
    Seller = 0,

    /// <summary><c>system</c></summary>
    System = 1,
}
