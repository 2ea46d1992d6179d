namespace Adcp.Aot.Payloads.Notifications;

/// <summary>AdCP's <c>creative-event-reason-code</c>. The wire name is the member's in snake case.</summary>
public enum CreativeReasonCode
{
    /// <summary><c>review_passed</c></summary>
    ReviewPassed = 0,

    /// <summary><c>review_failure</c></summary>
    ReviewFailure = 1,

    /// <summary><c>processing_failure</c></summary>
    ProcessingFailure = 2,

    /// <summary><c>seller_rereview</c></summary>
    SellerRereview = 3,

    /// <summary><c>policy_revocation</c></summary>
    PolicyRevocation = 4,

    /// <summary><c>content_drift</c></summary>
    ContentDrift = 5,

    /// <summary><c>takedown_request</c></summary>
    TakedownRequest = 6,

    /// <summary><c>advertiser_request</c></summary>
    AdvertiserRequest = 7,

    /// <summary><c>seller_archive</c></summary>
    SellerArchive = 8,

    /// <summary><c>account_closed</c></summary>
    AccountClosed = 9,

    /// <summary><c>account_suspended</c></summary>
    AccountSuspended = 10,

    /// <summary><c>retention_expired</c></summary>
    RetentionExpired = 11,

    /// <summary><c>legal_erasure</c></summary>
    LegalErasure = 12,
}
