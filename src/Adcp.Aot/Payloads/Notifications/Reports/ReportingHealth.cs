namespace Adcp.Aot.Payloads.Notifications;

/// <summary>AdCP's <c>reporting-health</c>. The wire name is the member's in snake case.</summary>
public enum ReportingHealth
{
    /// <summary><c>healthy</c></summary>
    Healthy = 0,

    /// <summary><c>waiting</c></summary>
    Waiting = 1,

    /// <summary><c>delayed</c></summary>
    Delayed = 2,

    /// <summary><c>action_required</c></summary>
    ActionRequired = 3,

    /// <summary><c>complete</c></summary>
    Complete = 4,
}
