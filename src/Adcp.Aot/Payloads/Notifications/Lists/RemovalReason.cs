namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The reason why a product or signal left the feed. The wire name is the member's in snake case.</summary>
public enum RemovalReason
{
    /// <summary><c>withdrawn</c></summary>
    Withdrawn = 0,

    /// <summary><c>cancellation</c></summary>
    Cancellation = 1,

    /// <summary><c>expired</c></summary>
    Expired = 2,

    /// <summary><c>depublication</c></summary>
    Depublication = 3,

    /// <summary><c>policy_takedown</c></summary>
    PolicyTakedown = 4,
}
