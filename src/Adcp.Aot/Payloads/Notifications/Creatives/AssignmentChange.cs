namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The kind of change to a creative's assignment to a package.</summary>
public enum AssignmentChange
{
    /// <summary><c>assigned</c></summary>
    Assigned = 0,

    /// <summary><c>unassigned</c></summary>
    Unassigned = 1,

    /// <summary><c>approval_changed</c></summary>
    ApprovalChanged = 2,
}
