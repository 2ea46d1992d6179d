namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The reason why an account's status changed. The wire name is the member's in snake case.</summary>
public enum AccountReasonCode
{
    /// <summary><c>seller_approved</c></summary>
    SellerApproved = 0,

    /// <summary><c>seller_rejected</c></summary>
    SellerRejected = 1,

    /// <summary><c>payment_required</c></summary>
    PaymentRequired = 2,

    /// <summary><c>credit_limit_reached</c></summary>
    CreditLimitReached = 3,

    /// <summary><c>funds_depleted</c></summary>
    FundsDepleted = 4,

    /// <summary><c>setup_required</c></summary>
    SetupRequired = 5,

    /// <summary><c>policy_review</c></summary>
    PolicyReview = 6,

    /// <summary><c>policy_violation</c></summary>
    PolicyViolation = 7,

    /// <summary><c>compliance_hold</c></summary>
    ComplianceHold = 8,

    /// <summary><c>buyer_requested</c></summary>
    BuyerRequested = 9,

    /// <summary><c>seller_closed</c></summary>
    SellerClosed = 10,

    /// <summary><c>manual_update</c></summary>
    ManualUpdate = 11,

    /// <summary><c>other</c></summary>
    Other = 12,
}
