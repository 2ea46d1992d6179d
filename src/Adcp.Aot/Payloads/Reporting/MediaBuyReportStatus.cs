namespace Adcp.Aot.Payloads.Reporting;

/// <summary>The state of one media buy in a delivery report. The wire name is the member's in snake case.</summary>
public enum MediaBuyReportStatus
{
    /// <summary><c>pending_creatives</c></summary>
    PendingCreatives = 0,

    /// <summary><c>pending_start</c></summary>
    PendingStart = 1,

    /// <summary><c>pending</c></summary>
    Pending = 2,

    /// <summary><c>active</c></summary>
    Active = 3,

    /// <summary><c>paused</c></summary>
    Paused = 4,

    /// <summary><c>completed</c></summary>
    Completed = 5,

    /// <summary><c>rejected</c></summary>
    Rejected = 6,

    /// <summary><c>canceled</c></summary>
    Canceled = 7,

    /// <summary><c>failed</c></summary>
    Failed = 8,

    /// <summary><c>reporting_delayed</c></summary>
    ReportingDelayed = 9,
}
