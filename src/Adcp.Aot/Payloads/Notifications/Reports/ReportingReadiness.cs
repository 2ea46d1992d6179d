namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// The place of a revision that is ready: it can be read, or it was delivered to the destination. The wire name is the member's in snake
/// case.
/// </summary>
public enum ReportingReadiness
{
    /// <summary><c>available</c></summary>
    Available = 0,

    /// <summary><c>delivered</c></summary>
    Delivered = 1,
}
