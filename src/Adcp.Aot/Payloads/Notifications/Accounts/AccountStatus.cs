namespace Adcp.Aot.Payloads.Notifications;

/// <summary>AdCP's <c>account-status</c>. The wire name is the member's in snake case.</summary>
public enum AccountStatus
{
    /// <summary><c>active</c></summary>
    Active = 0,

    /// <summary><c>pending_approval</c></summary>
    PendingApproval = 1,

    /// <summary><c>rejected</c></summary>
    Rejected = 2,

    /// <summary><c>payment_required</c></summary>
    PaymentRequired = 3,

    /// <summary><c>suspended</c></summary>
    Suspended = 4,

    /// <summary><c>closed</c></summary>
    Closed = 5,
}
