namespace Adcp.Aot.Payloads.Notifications;

/// <summary>AdCP's <c>reporting-finality</c>. The wire name is the member's in snake case.</summary>
public enum ReportingFinality
{
    /// <summary><c>snapshot</c></summary>
    Snapshot = 0,

    /// <summary><c>official</c></summary>
    Official = 1,
}
