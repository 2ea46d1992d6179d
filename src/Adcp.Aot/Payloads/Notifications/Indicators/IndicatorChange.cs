namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The kind of change to a snapshot of indicators. The wire name is the member's in snake case.</summary>
public enum IndicatorChange
{
    /// <summary><c>asserted</c></summary>
    Asserted = 0,

    /// <summary><c>cleared</c></summary>
    Cleared = 1,

    /// <summary><c>updated</c></summary>
    Updated = 2,

    /// <summary><c>invalidated</c></summary>
    Invalidated = 3,

    /// <summary><c>coverage_changed</c></summary>
    CoverageChanged = 4,

    /// <summary><c>assignment_removed</c></summary>
    AssignmentRemoved = 5,
}
