namespace Adcp.Aot.Payloads.Notifications;

/// <summary>AdCP's <c>creative-status</c>, as a transition names it. The wire name is the member's in snake case.</summary>
public enum CreativeStatus
{
    /// <summary><c>processing</c></summary>
    Processing = 0,

    /// <summary><c>pending_review</c></summary>
    PendingReview = 1,

    /// <summary><c>approved</c></summary>
    Approved = 2,

    /// <summary><c>suspended</c></summary>
    Suspended = 3,

    /// <summary><c>rejected</c></summary>
    Rejected = 4,

    /// <summary><c>archived</c></summary>
    Archived = 5,
}
