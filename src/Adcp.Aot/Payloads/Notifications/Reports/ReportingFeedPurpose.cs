namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The use of a reporting feed. The wire name is the member's in snake case.</summary>
public enum ReportingFeedPurpose
{
    /// <summary><c>pacing</c></summary>
    Pacing = 0,

    /// <summary><c>analytics</c></summary>
    Analytics = 1,

    /// <summary><c>billing</c></summary>
    Billing = 2,
}
